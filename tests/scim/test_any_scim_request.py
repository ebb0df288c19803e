"""Whatever identity providers send, the service does not fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from api import Api, MakeApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim_world import INSTANCE_TOKEN, OWNER_UID, SCIM_JSON, TOKEN, WORLD, Client

from internal_api import seeds
from internal_api.app import routes

METHODS = {f"on_{name.lower()}": name for name in ("GET", "POST", "PATCH", "DELETE")}
SCIM_ROUTES = [
    (method, path)
    for path, resource in routes()
    for name, method in METHODS.items()
    if hasattr(resource, name) and path.startswith("/api/scim")
]
NAMES = [
    *("externalId", "id", "userName", "emails", "name", "displayName", "active"),
    *("type", "primary", "value", "formatted", "givenName", "familyName", "password"),
    *("Operations", "op", "path", "filter", "startIndex", "count", "schemas"),
]
WORDS = ["replace", "Add", "active", "work", "uid-owner", "false", "a@b.c", '"', "{}"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(WORDS),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), children, max_size=6)
    ),
    max_leaves=15,
)
OPERATIONS = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["replace", "add"])},
        optional={"path": st.sampled_from(NAMES), "value": VALUES},
    )
)
USERS = st.fixed_dictionaries(
    {
        "externalId": st.text(max_size=5) | VALUES,
        "userName": st.text(max_size=5) | VALUES,
        "emails": st.lists(
            st.fixed_dictionaries(
                {"type": st.just("work"), "value": st.emails() | st.text(max_size=5)}
            ),
            max_size=2,
        ),
        "name": st.fixed_dictionaries({"formatted": st.text(max_size=5) | VALUES}),
    }
)


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The API of the world of identity providers."""
    return make_api(WORLD)


def test_every_route_is_there() -> None:
    """No route of an identity provider is left out below."""
    assert len(SCIM_ROUTES) == 20


@pytest.mark.parametrize(("method", "path"), SCIM_ROUTES)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    params=USERS | st.builds(dict, Operations=OPERATIONS) | VALUES,
    uid=st.sampled_from([OWNER_UID, "x"]) | st.text(min_size=1, max_size=4),
    query=st.dictionaries(st.sampled_from(NAMES), st.text(max_size=9), max_size=3),
    media_type=st.sampled_from([SCIM_JSON, "application/json", "x", ""]),
)
def test_any_request(  # noqa: PLR0913 - what a request has
    api: Api,
    *,
    method: str,
    path: str,
    params: Any,
    uid: str,
    query: dict[str, str],
    media_type: str,
) -> None:
    """With a good token any path, query and body are answered, without 5xx."""
    token = TOKEN if "{group}" in path else INSTANCE_TOKEN
    words = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    filled = path.replace("{group}", "corp").replace("{id}", quote(uid, safe=""))
    answer = api.app.request(
        f"{filled}?{words}",
        method=method,
        headers={"Authorization": f"Bearer {token}", "Content-Type": media_type},
        body=json.dumps(params).encode(),
        expect_errors=True,
    )
    assert answer.status_int < 500
    if answer.body and answer.content_type == SCIM_JSON:
        assert answer.json is not None


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(user=USERS)
def test_any_user_is_exported(make_api: MakeApi, user: Any) -> None:
    """Whoever was created is there after `export` and `seed`."""
    api = make_api(WORLD)
    answer = api.app.post_json(
        "/api/scim/v2/groups/corp/Users",
        user,
        headers={"Authorization": f"Bearer {TOKEN}"},
        status="*",
    )
    # 400: a null byte.
    assert answer.status_int in {201, 400, 409, 412}
    _export_and_compare(make_api, api)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.text(st.characters(categories=["Lu", "Ll"]), min_size=1, max_size=4),
    st.sampled_from([str.lower, str.upper, str.swapcase]),
)
def test_another_case_is_exported(
    make_api: MakeApi, text: str, change: Callable[[str], str]
) -> None:
    """Users who differ in the case of their letters are one or two, and stay so."""
    api = make_api(WORLD)
    for each in (text, change(text)):
        emails = [{"type": "work", "value": f"{each}@x.example"}]
        answer = Client(api).create(externalId=each, emails=emails)
        assert answer.status_int == 201
    is_same = text.encode().lower() == change(text).encode().lower()
    assert len(Client(api).list()["Resources"]) == 2 + (1 if is_same else 2)
    _export_and_compare(make_api, api)


def _export_and_compare(make_api: MakeApi, api: Api) -> None:
    text = seeds.export(api.database, api.clock.now)
    path = api.data / "export.yml"
    path.write_text(text, encoding="utf-8")
    second = make_api(str(path))
    assert seeds.export(second.database, api.clock.now) == text
    users = "SELECT * FROM users ORDER BY id"
    assert second.rows(users) == api.rows(users)
