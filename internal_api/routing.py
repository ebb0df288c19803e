"""From a path to a route, also where a part of the path holds encoded slashes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import falcon
from falcon.routing import map_http_methods

# Stands for a slash within a part of a path: no path that gets this far has it.
_SLASH = "\0"
_ENCODED_SLASH = re.compile("%2F", re.IGNORECASE)
_FIELD = re.compile(r"\{(\w+)\}")

Responders = Mapping[str, Callable[..., None]]
Load = Callable[[Any], tuple[object, Responders]]
# What Falcon wants to know: the resource, its responders, the fields, the template.
Found = tuple[object, Responders, dict[str, str], str]


class Router:
    """Maps paths and verbs as Grape does.

    A field of a route is one part of the path as it was sent: in
    `/namespaces/a%2Fb/minutes` it is `a/b`. WSGI gives a path decoded, so what the
    server tells of the raw one (gunicorn's `RAW_URI`, others' `REQUEST_URI`) decides;
    without it the fixed parts of the routes do.

    HEAD is answered where GET is, and OPTIONS names the verbs.

    Args:
        load: Makes a resource, and its responders, of what was added, with the first
            request for it; without it resources are added.
    """

    def __init__(self, load: Load | None = None) -> None:
        self._load = load or (lambda resource: (resource, responders(resource)))
        self._fixed: dict[str, _Route] = {}
        # Those with fields; of two that fit, the first has more fixed text.
        self._others: list[_Route] = []

    def add_route(self, uri_template: str, resource: object, **_: Any) -> None:
        """Add a route."""
        route = _Route(uri_template, lambda: self._load(resource))
        if not route.names:
            self._fixed[uri_template] = route
            return
        self._others.append(route)
        self._others.sort(key=lambda route: -route.fixed_length)

    def find(self, uri: str, req: falcon.Request | None = None) -> Found | None:
        """Search the route of a path."""
        env = req.env if req else {}
        raw = env.get("RAW_URI") or env.get("REQUEST_URI")
        if raw and "%" in raw:
            uri = _with_marks(raw, uri)
        path = "/" + uri.lstrip("/")
        if route := self._fixed.get(path):
            return route.found(())
        parts = path.split("/")
        for route in self._others:
            if (fields := route.match(parts)) is not None:
                return route.found(fields)
        if raw is None:
            for route in self._others:
                if (fields := route.match_decoded(path)) is not None:
                    return route.found(fields)
        return None


class _Route:
    """A route, whose resource is made when it is found.

    Attributes:
        names: Of its fields.
        fixed_length: Of its text without them.
    """

    def __init__(
        self, template: str, load: Callable[[], tuple[object, Responders]]
    ) -> None:
        self._template = template
        self._load = load
        self._loaded: tuple[object, Responders] | None = None
        # Every second one is the name of a field.
        pieces = _FIELD.split(template)
        self.names, self._fixed = pieces[1::2], pieces[::2]
        self.fixed_length = sum(map(len, self._fixed))
        self._parts = [
            None if part.startswith("{") else part for part in template.split("/")
        ]

    def match(self, parts: Sequence[str]) -> Sequence[str] | None:
        """The fields of a path with these parts; None if it is that of another."""
        if len(parts) != len(self._parts):
            return None
        fields = []
        for mine, given in zip(self._parts, parts, strict=True):
            if mine is None:
                fields.append(given.replace(_SLASH, "/"))
            elif mine != given:
                return None
        return fields

    def match_decoded(self, path: str) -> Sequence[str] | None:
        """The same, of a path in which a slash may be one of a field."""
        form = "(.+?)".join(map(re.escape, self._fixed))
        match = re.fullmatch(form, path, re.DOTALL)
        return match and match.groups()

    def found(self, fields: Sequence[str]) -> Found:
        """The route with the values of its fields."""
        if self._loaded is None:
            self._loaded = self._load()
        named = dict(zip(self.names, fields, strict=True))
        return *self._loaded, named, self._template


def responders(resource: object) -> Responders:
    """The responders of a resource, by verb."""
    methods: dict[str, Any] = dict(map_http_methods(resource))
    if "GET" in methods:
        methods["HEAD"] = methods["GET"]
    allowed = ", ".join(["OPTIONS", *methods])

    def on_options(_req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        resp.status = 204
        resp.set_header("Allow", allowed)

    return methods | {"OPTIONS": on_options}


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
