"""The command `internal-api`, except that what it serves is an empty route."""

from __future__ import annotations

from typing import Any

from internal_api import server
from internal_api.__main__ import main


def _create_app(*_: Any, **__: Any) -> Any:
    from bench.ceiling import application  # noqa: PLC0415 - after the fork, as there

    return application


if __name__ == "__main__":
    vars(server)["create_app"] = _create_app
    main()
