"""The command `internal-api`, except that what it serves is an empty route."""

from __future__ import annotations

from bench.ceiling import application
from internal_api import server
from internal_api.__main__ import main

if __name__ == "__main__":
    vars(server)["create_app"] = lambda *_, **__: application
    main()
