"""The inspector: one page, and what the browser may do with it."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

_POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


@cache
def page() -> tuple[bytes, str]:
    """The page, and its `Content-Security-Policy`.

    The browser runs the page's own script and style, known by their hashes, and asks
    nobody but this server.
    """
    text = files("internal_api").joinpath("inspector.html").read_text(encoding="utf-8")
    sources = {name: _hash(name, text) for name in ("script", "style")}
    return text.encode(), _POLICY.format(**sources)


def _hash(tag: str, text: str) -> str:
    (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
