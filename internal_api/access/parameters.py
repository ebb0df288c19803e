"""What is wrong with what a request names."""

from __future__ import annotations


class InvalidParameter(ValueError):
    """A parameter that Rails would fail on; the text says which and why."""
