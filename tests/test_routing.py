"""From a path to a route, whether its slashes come encoded or decoded."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

import falcon
import pytest
from hypothesis import given
from hypothesis import strategies as st
from webtest import TestApp

from internal_api.routing import Router

PART = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]),
    min_size=1,
)


class Echo:
    """Answers with the fields of its path."""

    def on_get(
        self, _req: falcon.Request, resp: falcon.Response, **fields: str
    ) -> None:
        """Answer the fields."""
        resp.media = fields


def app(root: str = "") -> TestApp:
    """An application with some routes below a prefix."""
    application = falcon.App(router=Router())
    application.req_options.strip_url_path_trailing_slash = True
    for path in (
        "/fixed",
        "/groups/all",
        "/groups/{group}",
        "/groups/{group}/Users",
        "/groups/{group}/Users/{id}",
        "/groups/{group}/move/{target}",
    ):
        application.add_route(root + path, Echo())
    return TestApp(application)


RAW = ("RAW_URI", "REQUEST_URI")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/fixed", {}),
        ("/%66ixed", {}),
        ("/groups/all", {}),
        ("/groups/a", {"group": "a"}),
        ("/groups/a.b", {"group": "a.b"}),
        ("/groups/a%2Fb", {"group": "a/b"}),
        ("/groups/a%2fb%2Fc.d/Users", {"group": "a/b/c.d"}),
        ("/groups/a%2Fb/Users/", {"group": "a/b"}),
        ("/groups/a%2Fb/Users/x%2Fy@z", {"group": "a/b", "id": "x/y@z"}),
        ("/groups/a%2Fb/move/x%2Fy", {"group": "a/b", "target": "x/y"}),
        ("/groups/J%C3%BCrgen%2Fb/Users", {"group": "Jürgen/b"}),
        ("/groups/a%252Fb/Users", {"group": "a%2Fb"}),
    ],
)
@pytest.mark.parametrize("root", ["", "/gitlab"])
@pytest.mark.parametrize("query", ["", "?q=%2F&r=a/b"])
@pytest.mark.parametrize("told", [*RAW, None])
def test_fields(
    path: str, fields: dict[str, str], root: str, query: str, told: str | None
) -> None:
    """A field is the decoded part of the path, whatever the server tells of it."""
    environ = {told: root + path + query} if told else {}
    answer = app(root).get(root + path + query, extra_environ=environ)
    assert answer.json == fields


@pytest.mark.parametrize("end", ["", "/"])
def test_an_encoded_slash_at_the_end(end: str) -> None:
    """Only a plain slash at the end of a path never matters."""
    path = f"/groups/a/Users/x%2F{end}"
    answer = app().get(path, extra_environ={"RAW_URI": path})
    assert answer.json == {"group": "a", "id": "x/"}


@pytest.mark.parametrize("told", RAW)
def test_more_slashes_404(told: str) -> None:
    """Where the server tells the raw path, a plain slash is no encoded one."""
    for path in ("/groups/a/b/Users", "/groups/a/b%2Fc/Users", "/groups%2Fa"):
        app().get(path, extra_environ={told: path}, status=404)


@pytest.mark.parametrize(
    "raw",
    [
        "http://host:80/mounted/groups/a%2Fb/Users?q=%2F",
        "/mounted/groups/a%2Fb/Users",
        "//mounted/groups/a%2Fb/Users/",
    ],
)
def test_what_comes_before_the_path(raw: str) -> None:
    """The raw path may begin with a host, or with where the application is mounted."""
    environ = {"RAW_URI": raw, "SCRIPT_NAME": "/mounted"}
    answer = app().get("/groups/a%2Fb/Users", extra_environ=environ)
    assert answer.json == {"group": "a/b"}


@pytest.mark.parametrize("raw", ["", "*", "/elsewhere%2F", "%", "/groups/%FF/Users"])
def test_a_raw_path_of_something_else(raw: str) -> None:
    """A raw path that does not fit is not looked at."""
    answer = app().get("/groups/a/Users", extra_environ={"RAW_URI": raw})
    assert answer.json == {"group": "a"}


@given(PART, PART)
def test_any_parts(group: str, id_: str) -> None:
    """Any two parts, encoded, come out as they were."""
    raw = f"/groups/{quote(group, safe='')}/Users/{quote(id_, safe='')}"
    environ = {"PATH_INFO": unquote(raw).encode().decode("latin-1"), "RAW_URI": raw}
    answer = app().get("/", extra_environ=environ, status="*")
    assert answer.json == {"group": group, "id": id_}


def test_nobody_else_decodes_paths() -> None:
    """What is raw in a path is looked at in one place."""
    package = Path(__file__).parents[1] / "internal_api"
    named = [
        path.name for path in package.rglob("*.py") if "RAW_URI" in path.read_text()
    ]
    assert named == ["routing.py"]
