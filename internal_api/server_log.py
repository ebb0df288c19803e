"""What gunicorn has to say."""

from __future__ import annotations

import logging
from typing import Any


class Log(logging.LoggerAdapter[logging.Logger]):
    """A logger as gunicorn uses it, without its log of requests: there is the journal.

    Only errors are logged: warnings quote request lines, and these may hold a token.
    The target of a request that an error quotes is logged without its query.
    """

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger)
        logger.setLevel(logging.ERROR)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log something."""
        shown = (arg.partition("?")[0] if isinstance(arg, str) else arg for arg in args)
        super().log(level, msg, *shown, **kwargs)

    def access(self, *_: Any) -> None:
        """Log no requests."""

    def close_on_exec(self) -> None:
        """Leave the streams to whoever opened them."""

    def reopen_files(self) -> None:
        """There are none."""


class ServerLog(Log):
    """The log of a server of its own, on standard error.

    gunicorn's own class loads six modules of others to configure a logger.

    Args:
        config: gunicorn's.
    """

    def __init__(self, config: Any) -> None:
        super().__init__(logging.getLogger("gunicorn.error"))
        self.setup(config)

    def setup(self, config: Any) -> None:
        """Log to standard error, and nowhere else."""
        self.cfg = config
        handler = logging.StreamHandler()
        handler.setFormatter(
            logging.Formatter(
                "[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s",
                "%Y-%m-%d %H:%M:%S %z",
            )
        )
        self.logger.handlers = [handler]
        self.logger.propagate = False
