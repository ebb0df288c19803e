"""The control routes beside GitLab's, below a prefix of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

PREFIX = "/_standin"

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def mount(create_control: Callable[[], Wsgi], app: Wsgi, root: str) -> Wsgi:
    """One application of both: the control routes win below their prefix.

    Args:
        create_control: Makes their application, with the first request for it.
        app: That of GitLab's routes.
        root: The relative URL root.
    """
    prefix, control = f"{root}{PREFIX}", cache(create_control)

    def application(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        is_control = environ["PATH_INFO"].startswith(prefix)
        return (control() if is_control else app)(environ, start_response)

    return application
