"""`POST …/modules/cilium_alert` stores alerts."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from agent_modules import (
    FORBIDDEN,
    MODULES,
    NOT_FOUND,
    VALUES,
    agent,
    answer,
    exported,
    post,
    quoted,
    world,
)
from api import Api, MakeApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webtest import TestResponse

from internal_api.repository.database import Database

CLIENTS = 32
PATH = "cilium_alert"
OK = (200, 200)
DOCUMENTED = {
    "alert": {
        "title": "minimal",
        "message": "network problem",
        "evalMatches": [{"value": 1, "metric": "Count", "tags": {}}],
    }
}
# What agentk 14 sends.
REPORT = {
    "alert": {
        "flow": {"dropReasonDesc": "POLICY_DENIED", "time": "2021-03-01T01:02:03Z"},
        "ciliumNetworkPolicy": {"metadata": {"name": "test-policy"}},
    }
}


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The API of a world with agents."""
    return make_api(world())


def send(api: Api, body: str, content_type: str = "application/json") -> TestResponse:
    """Post a body as it stands."""
    headers = api.kas_headers("production") | {"Content-Type": content_type}
    return api.app.post(MODULES + PATH, body, headers=headers, status="*")


def alerts(api: Api, columns: str = "title") -> list[Any]:
    """What is stored of the alerts, in their order."""
    select = f"SELECT {columns} FROM alert_management_alerts ORDER BY id"  # noqa: S608
    rows = api.rows(select)
    return [row[0] if len(row) == 1 else row for row in rows]


# ------------------------------------------------------------------ stored


def test_documented_200(demo: Api) -> None:
    """The example, with its JSON in a JSON text, is an alert of the demo's project."""
    headers = demo.kas_headers() | {"Content-Type": "application/json"}
    body = quoted(DOCUMENTED)
    response = demo.app.post(MODULES + PATH, body, headers=headers)
    assert answer(response) == OK
    assert response.body == b"200"
    ((project_id, title, payload),) = alerts(demo, "project_id, title, payload")
    assert (project_id, title) == (3, "New: Alert")
    assert json.loads(payload) == DOCUMENTED["alert"]


@pytest.mark.parametrize("params", [DOCUMENTED, REPORT, {"alert": {}, "more": 1}])
def test_valid_200(api: Api, params: dict[str, Any]) -> None:
    """An alert is stored whole, as one that is new."""
    assert answer(post(api, PATH, params)) == OK
    columns = "project_id, fingerprint, events, state, payload"
    ((*plain, payload),) = alerts(api, columns)
    assert plain == [9, None, 1, "triggered"]
    assert json.loads(payload) == params["alert"]


def test_slash_at_the_end_200(api: Api) -> None:
    """Agents ask with a slash at the end of the path."""
    assert answer(post(api, f"{PATH}/", REPORT)) == OK


@pytest.mark.parametrize(
    ("alert", "title"),
    [
        (REPORT["alert"], "test-policy"),
        ({}, "New: Alert"),
        (None, "New: Alert"),
        ({"title": "mine"}, "New: Alert"),
        ({"ciliumNetworkPolicy": {"metadata": {"name": ""}}}, "New: Alert"),
        ({"ciliumNetworkPolicy": {"metadata": {"name": []}}}, "New: Alert"),
        ({"ciliumNetworkPolicy": {"metadata": {"name": 7}}}, "7"),
        ({"ciliumNetworkPolicy": {"metadata": "x"}}, "New: Alert"),
        ({"ciliumNetworkPolicy": ["metadata"]}, "New: Alert"),
        ({"ciliumNetworkPolicy": {"metadata": {"name": "ä" * 200}}}, "ä" * 200),
        (
            {"ciliumNetworkPolicy": {"metadata": {"name": "ä" * 201}}},
            "ä" * 197 + "...",
        ),
    ],
)
def test_title(api: Api, alert: object, title: str) -> None:
    """The policy's name is the title, of at most 200 characters."""
    assert answer(post(api, PATH, {"alert": alert})) == OK
    assert alerts(api) == [title]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(REPORT),
        json.dumps(json.dumps(REPORT)),
        f" {json.dumps(json.dumps(REPORT))} ",
    ],
)
def test_json_200(api: Api, body: str) -> None:
    """An object counts, and a text with an object in it."""
    assert answer(send(api, body)) == OK
    assert alerts(api) == ["test-policy"]


def test_form_200(api: Api) -> None:
    """A form brings an alert, too."""
    body = "alert[ciliumNetworkPolicy][metadata][name]=x"
    form = "application/x-www-form-urlencoded"
    assert answer(send(api, body, form)) == OK
    assert alerts(api) == ["x"]


# ------------------------------------------------------------------ the same again


def fingerprinted(fingerprint: object, **more: Any) -> dict[str, Any]:
    """An alert with a fingerprint."""
    return {"alert": {"fingerprint": fingerprint} | more}


SHA1_OF_TEST = "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"


def test_same_fingerprint_is_another_event(api: Api) -> None:
    """An alert that is there counts its events, and keeps its payload."""
    for number in range(5):
        assert answer(post(api, PATH, fingerprinted("test", number=number))) == OK
    ((fingerprint, events, payload),) = alerts(api, "fingerprint, events, payload")
    assert (fingerprint, events) == (SHA1_OF_TEST, 5)
    assert json.loads(payload) == {"fingerprint": "test", "number": 0}


@pytest.mark.parametrize(
    ("state", "events"),
    [
        ("triggered", [2]),
        ("acknowledged", [2]),
        ("ignored", [2]),
        ("resolved", [1, 1]),
    ],
)
def test_resolved_alert_is_over(api: Api, state: str, events: list[int]) -> None:
    """Only an alert that is resolved makes room for a new one."""
    post(api, PATH, fingerprinted("test"))
    with api.database.writing() as connection:
        connection.execute("UPDATE alert_management_alerts SET state = ?", (state,))
    assert answer(post(api, PATH, fingerprinted("test"))) == OK
    assert alerts(api, "events") == events
    post(api, PATH, fingerprinted("test"))
    assert sum(alerts(api, "events")) == 3
    assert len(alerts(api)) == len(events)


@pytest.mark.parametrize("fingerprint", [None, "", " ", False, [], {}])
def test_without_a_fingerprint(api: Api, fingerprint: object) -> None:
    """Without a fingerprint every alert is another one."""
    for _ in range(3):
        post(api, PATH, fingerprinted(fingerprint))
    assert alerts(api, "events, fingerprint") == [(1, None)] * 3


@pytest.mark.parametrize(
    ("one", "other"), [("7", 7), ("true", True), ([1, "a"], [1, "a"]), ({"a": 1},) * 2]
)
def test_fingerprint_that_is_no_text(api: Api, one: object, other: object) -> None:
    """Whatever a fingerprint is, the same one means the same alert."""
    post(api, PATH, fingerprinted(one))
    post(api, PATH, fingerprinted(other))
    assert alerts(api, "events") == [2]


def test_each_project_has_its_own(api: Api) -> None:
    """A fingerprint counts within a project, whichever agent reports it."""
    for name in ("production", "staging", "elsewhere"):
        assert answer(post(api, PATH, fingerprinted("test"), name)) == OK
    assert alerts(api, "project_id, events") == [(9, 2), (7, 1)]


def test_at_once(make_api: MakeApi, tmp_path: Path) -> None:
    """However many report the same alert at once, each event counts."""
    database = Database(tmp_path / "internal_api.db")
    api = make_api(world(), database=database)

    def report(_client: int) -> object:
        return post(api, PATH, fingerprinted("test")).json

    with ThreadPoolExecutor(CLIENTS) as clients:
        assert list(clients.map(report, range(CLIENTS))) == [200] * CLIENTS
    assert alerts(api, "events") == [CLIENTS]
    database.close()


# ------------------------------------------------------------------ export


def nested(levels: int) -> dict[str, Any]:
    """An alert whose JSON is so many objects deep."""
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"alert": value}
    return value


def test_export(make_api: MakeApi, tmp_path: Path) -> None:
    """Exported alerts load back, however deep, and go on counting."""
    first = make_api(world())
    for params in (REPORT, DOCUMENTED, fingerprinted("test"), nested(100)):
        assert answer(post(first, PATH, params)) == OK
    second = make_api(exported(first, tmp_path))
    assert alerts(second, "*") == alerts(first, "*")
    for api in (first, second):
        post(api, PATH, fingerprinted("test"))
    assert alerts(second, "*") == alerts(first, "*")
    assert alerts(second, "events") == [1, 1, 2, 1]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(alert=st.dictionaries(st.text(), VALUES, max_size=4) | VALUES)
def test_any_alert(make_api: MakeApi, tmp_path: Path, alert: object) -> None:
    """Whatever an alert holds, it is refused, or stored and survives an export."""
    api = make_api(world())
    for body in (json.dumps({"alert": alert}), quoted({"alert": alert})):
        response = send(api, body)
        assert response.status_int in {200, 400}
        assert len(alerts(api)) == (response.status_int == 200)
        assert alerts(make_api(exported(api, tmp_path)), "*") == alerts(api, "*")
        with api.database.writing() as connection:
            connection.execute("DELETE FROM alert_management_alerts")


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"temp":{}}', "alert is missing"),
        ("{}", "alert is missing"),
        ("[]", "alert is missing"),
        ("", "alert is missing"),
        ('""', "alert is missing"),
        ('"x"', None),
        ('"[]"', "alert is missing"),
        (quoted("{}"), "alert is missing"),
        (quoted(quoted(DOCUMENTED)), "alert is missing"),
        ('{"alert":"x"}', "alert is invalid"),
        ('{"alert":[]}', "alert is invalid"),
        (quoted({"alert": 1}), "alert is invalid"),
    ],
)
def test_parameters_400(api: Api, body: str, error: str | None) -> None:
    """The alert must be there, and an object; a text must hold JSON."""
    response = send(api, body)
    assert response.status_int == 400
    if error is None:
        assert response.body == b"Bad Request"
    else:
        assert answer(response) == (400, {"error": error})
    assert alerts(api) == []


def test_too_deep_400(api: Api) -> None:
    """More than a hundred levels of JSON are refused, quoted or not."""
    for body in (json.dumps(nested(101)), quoted(nested(101))):
        assert send(api, body).status_int == 400
    assert alerts(api) == []


@pytest.mark.parametrize(("size", "status"), [((1 << 20) - 8, 200), (1 << 20, 400)])
def test_too_big_400(api: Api, size: int, status: int) -> None:
    """A payload of more than a megabyte is refused; the status is the body."""
    response = post(api, PATH, {"alert": {"a": "x" * size}})
    assert answer(response) == (status, status)
    assert len(alerts(api)) == (status == 200)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ([], (403, FORBIDDEN)),
        (["cluster_image_scanning"], (403, FORBIDDEN)),
        (["cilium_alerts"], OK),
    ],
)
def test_licensed(make_api: MakeApi, features: list[str], expected: object) -> None:
    """Without a license alerts are refused."""
    api = make_api(world(settings={"licensed_features": features}))
    assert answer(post(api, PATH, REPORT)) == expected


def test_order_of_the_checks(make_api: MakeApi) -> None:
    """First the caller, then parameters, project and license, and the size."""
    project = {"id": 9, "full_path": "team/app", "deleted": True}
    changes: dict[str, Any] = {
        "settings": {"licensed_features": []},
        "agents": [agent(9, "production", "team/app", created_by=None)],
    }
    big = {"alert": {"a": "x" * (1 << 20)}}
    gone = make_api(world(**changes, projects=[project]))
    assert post(gone, PATH, {}, "no token").status_int == 401
    assert post(gone, PATH, {}).status_int == 400
    assert answer(post(gone, PATH, big)) == (404, NOT_FOUND)
    refused = make_api(world(**changes))
    assert answer(post(refused, PATH, big)) == (403, FORBIDDEN)


def test_anybody_s_agent_200(make_api: MakeApi) -> None:
    """Nobody asks who made the agent."""
    agents = [agent(9, "production", "team/app", created_by=None)]
    assert answer(post(make_api(world(agents=agents)), PATH, REPORT)) == OK
