"""Which projects an agent may fetch from."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from api import Api, MakeApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kas_world import (
    AGENT_TOKEN,
    APP,
    CONFIG_PROJECT,
    DELETED,
    DISABLED,
    HOMELESS_TOKEN,
    INTERNAL,
    MEMBERS,
    OTHER,
    OTHER_TOKEN,
    PUBLIC,
    WORLD,
)

NOT_FOUND = {"message": "404 Not Found"}
INFO, VERIFY = "kubernetes/project_info", "kubernetes/verify_project_access"


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The API of the world of the agent server."""
    return make_api(WORLD)


def found(api: Api, project: str, token: str = AGENT_TOKEN) -> int | None:
    """The id of the project that is found for an agent.

    What is asked and what is verified agree, and so do all refusals.
    """
    headers, query = api.kas_headers(token), f"?{project}"
    answer, verified = (
        api.get(path + query, headers=headers) for path in (INFO, VERIFY)
    )
    if answer.status_int == 200:
        assert (verified.status_int, verified.body) == (204, b"")
        return int(answer.json["project_id"])
    for refusal in (answer, verified):
        assert (refusal.status_int, refusal.json) == (404, NOT_FOUND)
    return None


def test_project_info_200(api: Api) -> None:
    """The answer of `agent_info`, without the agent."""
    answer = api.get(f"{INFO}/?id={OTHER}", headers=api.kas_headers(AGENT_TOKEN))
    assert answer.status_int == 200
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json
    assert body.pop("gitaly_repository")["gl_project_path"] == "other/public"
    assert body == {
        "project_id": OTHER,
        "gitaly_info": {
            "address": "tcp://gitaly:8075",
            "token": "secret",
            "features": {"gitaly-feature-x": "true", "gitaly-feature-y": "false"},
        },
        "default_branch": "main",
    }


def test_documented_project_info_200(demo: Api) -> None:
    """The documented request is answered."""
    answer = demo.get(f"{INFO}?id=7", headers=demo.kas_headers())
    assert answer.status_int == 200
    assert answer.json["gitaly_repository"] == {
        "storage_name": "default",
        "relative_path": "@hashed/79/02/7902699be42c8a8e46fbbb4501726517e86b22c56a189f7"
        "625a6da49081b2451.git",
        "gl_repository": "project-7",
        "gl_project_path": "gnuwget/gnulib",
    }


@pytest.mark.parametrize(
    ("project_id", "is_found"),
    [
        (PUBLIC, True),
        (OTHER, True),
        (CONFIG_PROJECT, True),
        (MEMBERS, False),
        (INTERNAL, False),
        (APP, False),
        (DISABLED, False),
        (DELETED, False),
        (99, False),
    ],
    ids=[
        "public",
        "public, elsewhere",
        "private, the agent's own",
        "public, repository for members only",
        "internal",
        "private",
        "public, repository disabled",
        "deleted",
        "none",
    ],
)
def test_who_is_found(api: Api, project_id: int, is_found: bool) -> None:  # noqa: FBT001
    """What everybody may fetch is found, and the agent's own project."""
    assert found(api, f"id={project_id}") == (project_id if is_found else None)


def test_the_own_project_is_for_its_agent_only(api: Api) -> None:
    """Another agent does not see it; one whose project is gone sees public ones."""
    assert found(api, f"id={CONFIG_PROJECT}", OTHER_TOKEN) is None
    assert found(api, f"id={DELETED}", HOMELESS_TOKEN) is None
    assert found(api, f"id={PUBLIC}", HOMELESS_TOKEN) == PUBLIC


@pytest.mark.parametrize(
    ("path", "project_id"),
    [
        ("top/public", PUBLIC),
        ("TOP/Public", PUBLIC),
        ("former/path", PUBLIC),
        ("top/config", CONFIG_PROJECT),
        ("top/members", None),
        ("/top/public", None),
        ("top/public.git", None),
        ("top/public.wiki", None),
        ("top/public.design", None),
        ("top/none", None),
        ("top/", None),
        ("/", None),
        ("top", None),
        ("public", None),
        ("top/public/snippets/1", None),
    ],
)
def test_full_path(api: Api, path: str, project_id: int | None) -> None:
    """A full path is found in any case, former ones too; only of projects."""
    assert found(api, f"id={quote(path, safe='')}") == project_id


@pytest.mark.parametrize(
    "query",
    [
        "",
        "id",
        "id=",
        "id=foo",
        "id=0",
        "id=-1",
        f"id=%2B{PUBLIC}",
        f"id={PUBLIC}.0",
        f"id={PUBLIC}x",
        f"id=%20{PUBLIC}",
        "id=9223372036854775808",
        f"id={'9' * 5000}",
        "id[]=2",
        "id[a]=2",
        "project=2",
    ],
)
def test_no_project_404(api: Api, query: str) -> None:
    """A missing or odd `id` is answered like an unknown project, never with 400."""
    assert found(api, query) is None


ODD_IDS = [None, True, 2.0, [], [2], {}, {"id": 2}, 2**64, 10**600]


@pytest.mark.parametrize("value", ODD_IDS)
def test_odd_id_in_json_404(api: Api, value: object) -> None:
    """In JSON only a whole number and a text name a project."""
    status, body = get_with_json(api, {"id": value})
    assert (status, body) == (404, NOT_FOUND)


def test_number_in_json_200(api: Api) -> None:
    """A number is a number."""
    assert get_with_json(api, {"id": PUBLIC})[0] == 200


def get_with_json(api: Api, params: object) -> tuple[int, Any]:
    """Ask with a body."""
    answer = api.app.request(
        f"/api/v4/internal/{INFO}",
        headers=api.kas_headers(AGENT_TOKEN),
        content_type="application/json",
        body=json.dumps(params).encode(),
        expect_errors=True,
    )
    return answer.status_int, answer.json


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_id(api: Api, text: str) -> None:
    """Any text finds a project or none."""
    found(api, f"id={quote(text, safe='')}")
