"""The command `internal-api`, also as `python -m internal_api`."""

from __future__ import annotations

import gc


def main() -> None:
    """Run a command."""
    # What a command imports stays. To look for garbage among it would cost a tenth of
    # the start of the server, which turns the collector on again.
    gc.disable()
    from internal_api import cli  # noqa: PLC0415

    cli.main()


if __name__ == "__main__":
    main()
