"""From a path to a route, also where a part of the path holds encoded slashes."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import falcon
from falcon.routing import CompiledRouter

# Stands for a slash within a part of a path: no path that gets this far has it.
_SLASH = "\0"
_ENCODED_SLASH = re.compile("%2F", re.IGNORECASE)
_ANY = "(.+?)"
_FIELD = re.compile(r"\\\{\w+\\\}")


class Router(CompiledRouter):
    """Maps paths and verbs as Grape does.

    A field of a route is one part of the path as it was sent: in
    `/namespaces/a%2Fb/minutes` it is `a/b`. WSGI gives a path decoded, so what the
    server tells of the raw one (gunicorn's `RAW_URI`, others' `REQUEST_URI`) decides;
    without it the fixed parts of the routes do.

    HEAD is answered where GET is, and OPTIONS names the verbs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._forms: list[re.Pattern[str]] = []

    def map_http_methods(self, resource: object, **kwargs: Any) -> dict[str, Any]:
        """Map verbs to responders."""
        methods: dict[str, Any] = dict(super().map_http_methods(resource, **kwargs))
        if "GET" in methods:
            methods["HEAD"] = methods["GET"]
        allowed = ", ".join(["OPTIONS", *methods])

        def on_options(_req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
            resp.status = 204
            resp.set_header("Allow", allowed)

        return methods | {"OPTIONS": on_options}

    def add_route(self, uri_template: str, resource: object, **kwargs: Any) -> None:
        """Add a route."""
        super().add_route(uri_template, resource, **kwargs)
        form, fields = _FIELD.subn(_ANY, re.escape(uri_template))
        if fields:
            self._forms.append(re.compile(form, re.DOTALL))
            # The first that fits has the most fixed text.
            self._forms.sort(
                key=lambda form: len(form.pattern.replace(_ANY, "")), reverse=True
            )

    def find(self, uri: str, req: falcon.Request | None = None) -> Any:
        """Search the route of a path."""
        env = req.env if req else {}
        raw = env.get("RAW_URI") or env.get("REQUEST_URI")
        if raw is None:
            found = super().find(uri)
            return found or self._find_form(uri)
        if "%" not in raw:
            return super().find(uri)
        return _decoded(super().find(_with_marks(raw, uri)))

    def _find_form(self, uri: str) -> Any:
        for form in self._forms:
            if match := form.fullmatch(uri):
                marked = uri
                for start, end in match.regs[1:]:
                    field = uri[start:end].replace("/", _SLASH)
                    marked = marked[:start] + field + marked[end:]
                return _decoded(super().find(marked))
        return None


def _with_marks(raw: str, uri: str) -> str:
    """The path with a mark for each slash that was encoded in the raw one.

    Args:
        raw: The target of the request; it may begin with what the path lacks.
        uri: The decoded path.
    """
    path = _ENCODED_SLASH.sub("%00", raw.partition("?")[0])
    marked = unquote(path).removesuffix("/")
    plain = marked.replace(_SLASH, "/")
    # Falcon has taken a slash from the end, which may have been an encoded one.
    for tail in (uri, f"{uri}/"):
        if plain.endswith(tail):
            return marked[len(marked) - len(tail) :]
    return uri


def _decoded(found: Any) -> Any:
    """What was found, with slashes for the marks in its fields."""
    if found is None:
        return None
    resource, methods, fields, template = found
    decoded = {name: text.replace(_SLASH, "/") for name, text in fields.items()}
    return resource, methods, decoded, template
