"""The page of the inspector, without a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from api import Api, Clock
from standin_api import ELSEWHERE, StandinApi
from webtest import TestResponse

from internal_api.standin.control import Control


def policy(answer: TestResponse) -> dict[str, str]:
    """The sources of a `Content-Security-Policy`, by what they are for."""
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


@pytest.mark.parametrize("path", ["/_standin", "/_standin/"])
def test_page(api: StandinApi, path: str) -> None:
    """The page is there with and without a slash at its end."""
    answer = api.api.app.get(path)
    assert answer.content_type == "text/html"
    assert answer.text.startswith("<!doctype html>")
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_policy_lets_only_the_page_itself_run(api: StandinApi) -> None:
    """The browser runs the page's own script and style, and asks only this server."""
    answer = api.api.app.get("/_standin/")
    sources = policy(answer)
    for tag in ("script", "style"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert sources[f"{tag}-src"] == f"'sha256-{digest}'"
    assert (sources["default-src"], sources["connect-src"]) == ("'none'", "'self'")
    assert sources["frame-ancestors"] == "'none'"


def test_page_holds_nothing_of_others(api: StandinApi) -> None:
    """The page loads nothing: it names no other address."""
    text = api.api.app.get("/_standin/").text
    assert set(re.findall(r"\w+://[^\s'\"]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=.[^d]", text)


def test_anybody_sees_the_page_but_no_data(api: StandinApi) -> None:
    """The page itself asks for the token, so it needs none; what it shows does."""
    app = api.api.app
    assert app.get("/_standin/", extra_environ=ELSEWHERE).status_int == 200
    for path in ("v1/world", "v1/world/users", "v1/requests", "x"):
        answer = app.get(f"/_standin/{path}", extra_environ=ELSEWHERE, status="*")
        assert answer.status_int == 401


def test_pages_of_other_sites_may_not_ask(api: StandinApi) -> None:
    """What the database holds is not for the pages of other sites."""
    headers = {"Origin": "http://evil.example", "Host": "localhost:80"}
    assert api.control("GET", "world", headers=headers).status_int == 403


def test_page_below_a_root(tmp_path: Path, clock: Clock, control: Control) -> None:
    """Below a relative URL root the page is there, and nowhere else."""
    api = Api(tmp_path, "demo", clock, control=control, relative_url_root="/gitlab")
    assert api.app.get("/gitlab/_standin/").content_type == "text/html"
    assert api.app.get("/_standin/", status="*").status_int == 404
