"""Error tracking: whether a client's key counts."""

from __future__ import annotations

from typing import Any

import pytest
from api import Api, MakeApi

TOKEN = "error-tracking-token"
HEADER = "Gitlab-Error-Tracking-Token"
ROUTE = "error_tracking/allowed"
SEED = {
    "settings": {"error_tracking_access_token": TOKEN},
    "projects": [
        {"id": 3, "full_path": "team/app"}
        | {
            "error_tracking_keys": [
                {"public_key": "glet_active"},
                {"public_key": "glet_off", "active": False},
            ]
        },
        {"id": 4, "full_path": "team/other"},
        {"id": 5, "full_path": "team/deleted", "deleted": True},
    ],
}
ACTIVE = {"project_id": 3, "public_key": "glet_active"}


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """An API with a token and two keys."""
    return make_api(SEED)


@pytest.mark.parametrize(
    ("params", "enabled"),
    [
        ({}, True),
        ({"project_id": "3"}, True),
        ({"public_key": "glet_off"}, False),
        ({"public_key": "glet_unknown"}, False),
        ({"public_key": "GLET_ACTIVE"}, False),
        ({"public_key": "glet_active "}, False),
        ({"public_key": ["glet_active"]}, False),
        ({"public_key": 1}, False),
        ({"project_id": 4}, False),
    ],
)
def test_allowed_200(api: Api, params: dict[str, Any], *, enabled: bool) -> None:
    """Error tracking is on for an active key of the project, to the letter."""
    answer = api.post_json(ROUTE, ACTIVE | params)
    assert (answer.status_int, answer.json) == (200, {"enabled": enabled})


def test_allowed_when_it_is_off_200(make_api: MakeApi) -> None:
    """Where the instance has it off no key counts."""
    settings = SEED["settings"] | {"error_tracking_enabled": False}
    api = make_api(SEED | {"settings": settings})
    answer = api.post_json(ROUTE, ACTIVE)
    assert (answer.status_int, answer.json) == (200, {"enabled": False})


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"project_id": 3},
        {"public_key": "glet_active"},
        {"project_id": "", "public_key": "glet_active"},
        {"project_id": 3, "public_key": " "},
        {"project_id": None, "public_key": None},
        {"project_id": 3, "public_key": []},
    ],
)
def test_allowed_422(api: Api, params: dict[str, Any]) -> None:
    """Both parameters are needed, before anything is looked for."""
    answer = api.post_json(ROUTE, params)
    body = {"message": "422 Unprocessable Entity"}
    assert (answer.status_int, answer.json) == (422, body)


@pytest.mark.parametrize("project_id", [0, 5, 99, -3, "x", 2**70, [3], {"a": 3}])
def test_allowed_404(api: Api, project_id: object) -> None:
    """A project that is not there is missing with a small f."""
    answer = api.post_json(ROUTE, ACTIVE | {"project_id": project_id})
    assert (answer.status_int, answer.json) == (404, {"message": "404 Not found"})


@pytest.mark.parametrize(
    ("headers", "params", "status"),
    [
        ({HEADER: TOKEN}, {}, 200),
        ({}, {"error_tracking_token": TOKEN}, 200),
        ({}, {"error_tracking_token": f"{TOKEN}\n"}, 200),
        ({HEADER: TOKEN}, {"error_tracking_token": None}, 200),
        ({HEADER: TOKEN}, {"error_tracking_token": "wrong"}, 401),
        ({HEADER: "wrong"}, {"error_tracking_token": TOKEN}, 200),
        ({HEADER: "wrong"}, {}, 401),
        ({HEADER: "é"}, {}, 401),
        ({HEADER: ""}, {}, 401),
        ({}, {"error_tracking_token": ""}, 401),
        ({}, {"error_tracking_token": [TOKEN]}, 401),
        ({}, {"secret_token": TOKEN}, 401),
        ({}, {}, 401),
    ],
)
def test_error_tracking_token(
    api: Api, headers: dict[str, str], params: dict[str, Any], status: int
) -> None:
    """The instance's own token is enough; the parameter wins over the header."""
    answer = api.post_json(ROUTE, ACTIVE | params, headers=headers)
    assert answer.status_int == status
    if status == 401:
        assert answer.json == {"message": "401 Unauthorized"}


@pytest.mark.parametrize("token", ["", TOKEN, "None"])
@pytest.mark.parametrize("configured", [None, ""])
def test_no_token_is_configured_401(
    make_api: MakeApi, configured: str | None, token: str
) -> None:
    """Where none is configured none is right, not even an empty one."""
    settings = {"error_tracking_access_token": configured}
    api = make_api(SEED | {"settings": settings})
    for headers, params in (
        ({HEADER: token}, {}),
        ({}, {"error_tracking_token": token}),
    ):
        assert api.post_json(ROUTE, ACTIVE | params, headers=headers).status_int == 401


def test_shell_credentials(api: Api) -> None:
    """What GitLab Shell sends is enough, as documented, also beside a wrong token."""
    for headers in (api.headers(), api.shared_secret()):
        assert api.post_json(ROUTE, ACTIVE, headers=headers).status_int == 200
        headers[HEADER] = "wrong"
        assert api.post_json(ROUTE, ACTIVE, headers=headers).status_int == 200


def test_error_tracking_token_opens_nothing_else(api: Api) -> None:
    """It is the token of this route only."""
    assert api.get("check", headers={HEADER: TOKEN}).status_int == 401


def test_shell_auth_jwt(make_api: MakeApi) -> None:
    """With `--shell-auth jwt` the token and the JWT remain."""
    api = make_api(SEED, shell_auth="jwt")
    assert api.post_json(ROUTE, ACTIVE, headers=api.shared_secret()).status_int == 401
    assert api.post_json(ROUTE, ACTIVE, headers={HEADER: TOKEN}).status_int == 200
    assert api.post_json(ROUTE, ACTIVE).status_int == 200
