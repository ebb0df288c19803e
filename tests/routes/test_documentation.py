"""Every documented example, as it is documented."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from api import Api, MakeApi
from webtest import TestResponse

from internal_api import seeds

DOCUMENTED_ALLOWED = {
    "status": True,
    "gl_repository": "project-3",
    "gl_project_path": "gnuwget/wget2",
    "gl_id": "user-1",
    "gl_username": "root",
    "git_config_options": [],
    "gitaly": {
        "repository": {
            "storage_name": "default",
            "relative_path": "@hashed/4e/07/4e07408562bedb8b60ce05c1decfe3ad16b72230967"
            "de01f640b7e4729b49fce.git",
            "git_object_directory": "",
            "git_alternate_object_directories": [],
            "gl_repository": "project-3",
            "gl_project_path": "gnuwget/wget2",
        },
        "address": "unix:/Users/bvl/repos/gitlab/gitaly.socket",
        "token": None,
        "features": {},
    },
    "gl_console_messages": [],
    "gl_key_type": "key",
    "gl_key_id": 11,
    "gl_project_id": 3,
    "need_audit": False,
}


def test_allowed_200(demo: Api) -> None:
    """`POST allowed` answers as documented, with the members of GitLab 15 and later."""
    answer = demo.post(
        "allowed",
        "key_id=11&project=gnuwget/wget2&action=git-upload-pack&protocol=ssh",
        headers=demo.shared_secret(),
    )
    assert answer.status_int == 200
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json
    assert isinstance(body.pop("gl_root_namespace_id"), int)
    assert body == DOCUMENTED_ALLOWED


def test_lfs_authenticate_200(demo: Api) -> None:
    """`POST lfs_authenticate` answers as documented, with a token of that shape."""
    answer = demo.post("lfs_authenticate", "key_id=11&project=gnuwget/wget2")
    assert answer.status_int == 200
    token = answer.json.pop("lfs_token")
    body = {key: value for key, value in answer.json.items() if key != "lfs_token"}
    assert body == {
        "username": "root",
        "repository_http_path": "http://localhost:3001/gnuwget/wget2.git",
        "expires_in": 1800,
    }
    assert jwt.get_unverified_header(token) == {"typ": "JWT", "alg": "HS256"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["data"] == {"actor": "root"}
    assert claims["exp"] - claims["iat"] == 1800
    assert claims["iat"] - claims["nbf"] == 5


def test_authorized_keys_200(demo: Api) -> None:
    """`GET authorized_keys` finds the documented key by what OpenSSH sends."""
    ((line,),) = demo.rows("SELECT key FROM keys WHERE id = 11")
    blob = line.split()[1]
    answer = demo.get(f"authorized_keys?key={quote(blob, safe='')}")
    assert answer.status_int == 200
    assert answer.json == {
        "id": 11,
        "title": "admin@example.com",
        "key": f"ssh-rsa {blob} Administrator (localhost)",
        "created_at": "2019-06-27T15:29:02.219Z",
        "expires_at": None,
        "usage_type": "auth_and_signing",
    }


def test_discover_200(demo: Api) -> None:
    """`GET discover` names the user of the documentation."""
    answer = demo.get("discover?key_id=7")
    assert answer.status_int == 200
    assert answer.json == {"id": 7, "name": "Dede Eichmann", "username": "rubi"}


def test_check_200(demo: Api) -> None:
    """`GET check` tells version and revision of the documentation."""
    answer = demo.get("check")
    assert answer.status_int == 200
    assert answer.json == {
        "api_version": "v4",
        "gitlab_version": "12.3.0-pre",
        "gitlab_rev": "d69c988e6a6",
        "redis": True,
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_two_factor_recovery_codes_200(demo: Api, method: str) -> None:
    """Recovery codes come by POST and, as the documentation has it, by GET."""
    call = demo.get if method == "GET" else demo.post
    answer = call("two_factor_recovery_codes", {"key_id": "7"})
    assert answer.status_int == 200
    assert answer.json["success"] is True
    codes = answer.json["recovery_codes"]
    assert len(set(codes)) == 10
    assert all(re.fullmatch("[0-9a-f]{16}", code) for code in codes)


def test_personal_access_token_200(demo: Api) -> None:
    """`POST personal_access_token` by `user_id` alone answers as documented."""
    answer = demo.post(
        "personal_access_token",
        "user_id=29&name=mytokenname&scopes[]=read_user&scopes[]=read_repository"
        "&expires_at=2020-07-24",
    )
    assert answer.status_int == 200
    token = answer.json.pop("token")
    assert re.fullmatch(r"glpat-[A-Za-z0-9_-]{20}", token)
    assert answer.json | {"token": ""} == {
        "success": True,
        "token": "",
        "scopes": ["read_user", "read_repository"],
        "expires_at": "2020-07-24",
    }


def test_error_tracking_200(demo: Api) -> None:
    """`POST error_tracking/allowed` takes the shell secret, as documented."""
    answer = demo.post(
        "error_tracking/allowed",
        "project_id=111&public_key=generated-error-tracking-key",
        headers=demo.shared_secret(),
    )
    assert answer.status_int == 200
    assert answer.json == {"enabled": True}


def test_pre_receive_200(demo: Api) -> None:
    """`POST pre_receive` answers as documented."""
    answer = demo.post("pre_receive", "gl_repository=project-7")
    assert answer.status_int == 200
    assert answer.json == {"reference_counter_increased": True}


def test_post_receive_200(demo: Api) -> None:
    """`POST post_receive` shows the banner, and no link for what is no branch."""
    answer = demo.post(
        "post_receive",
        "gl_repository=project-7&identifier=user-1&changes="
        "0000000000000000000000000000000000000000 "
        "fd9e76b9136bdd9fe217061b497745792fe5a5ee gh-pages\\n",
    )
    assert answer.status_int == 200
    assert answer.json == {
        "messages": [{"message": "Hello from post-receive", "type": "alert"}],
        "reference_counter_decreased": True,
    }


ADMIN_HEADERS: tuple[dict[str, str], ...] = (
    {"TOKEN": "demo-admin-token"},
    {"PRIVATE-TOKEN": "demo-admin-token"},
    {"Authorization": "Bearer demo-admin-token"},
)
SUBSCRIPTION = "/api/v4/namespaces/1234/gitlab_subscription"


def documented_subscription(**usage: int | None) -> dict[str, Any]:
    """The answer of the documentation, whose examples differ in what is used."""
    has_ended = usage["seats_in_subscription"] == 80
    return {
        "plan": {
            "code": "premium",
            "name": "premium",
            "trial": False,
            "auto_renew": None,
            "upgradable": False,
            "exclude_guests": False,
        },
        "usage": usage,
        "billing": {
            "subscription_start_date": "2020-07-15",
            "subscription_end_date": "2021-07-15" if has_ended else None,
            "trial_ends_on": None,
        },
    }


@pytest.mark.parametrize("headers", ADMIN_HEADERS)
@pytest.mark.parametrize("quote_mark", ["", "%22"])
def test_create_subscription_201(
    demo: Api, headers: dict[str, str], quote_mark: str
) -> None:
    """`POST gitlab_subscription` answers as documented, as `plan` is documented.

    The quotes of the example are the shell's; elsewhere they are sent.
    """
    query = 'start_date="2020-07-15"&plan="premium"&seats=10'
    url = f"{SUBSCRIPTION}?{query.replace(chr(34), quote_mark)}"
    answer = demo.app.post(url, headers=headers)
    assert answer.status_int == 201
    assert answer.json == documented_subscription(
        seats_in_subscription=10, seats_in_use=1, max_seats_used=0, seats_owed=0
    )


@pytest.fixture
def demo_a_year_later(make_api: MakeApi, tmp_path: Path) -> Api:
    """The demo seed with the subscription that the documentation then shows."""
    api = make_api()
    subscription = {
        "namespace": "customers",
        "plan_code": "premium",
        "seats": 80,
        "seats_in_use": 82,
        "max_seats_used": 82,
        "seats_owed": 2,
        "start_date": "2020-07-15",
        "end_date": "2021-07-15",
    }
    path = tmp_path / "later.json"
    path.write_text(json.dumps({"subscriptions": [subscription]}))
    seeds.load(api.database, [seeds.read(str(path))])
    return api


@pytest.mark.parametrize("headers", ADMIN_HEADERS)
def test_update_subscription_200(
    demo_a_year_later: Api, headers: dict[str, str]
) -> None:
    """`PUT gitlab_subscription` answers as documented."""
    url = f"{SUBSCRIPTION}?max_seats_used=0"
    answer = demo_a_year_later.app.put(url, headers=headers)
    assert answer.status_int == 200
    assert answer.json == documented_subscription(
        seats_in_subscription=80, seats_in_use=82, max_seats_used=0, seats_owed=2
    )


@pytest.mark.parametrize("headers", ADMIN_HEADERS)
def test_get_subscription_200(demo_a_year_later: Api, headers: dict[str, str]) -> None:
    """`GET gitlab_subscription` answers as documented."""
    answer = demo_a_year_later.app.get(SUBSCRIPTION, headers=headers)
    assert answer.status_int == 200
    assert answer.json == documented_subscription(
        seats_in_subscription=80, seats_in_use=82, max_seats_used=82, seats_owed=2
    )


PACK = {
    "number_of_minutes": 10000,
    "expires_at": "2022-01-01",
    "purchase_xid": "46952fe69bebc1a4de10b2b4ff439d0c",
}


@pytest.mark.parametrize("headers", ADMIN_HEADERS)
def test_minutes(demo: Api, headers: dict[str, str]) -> None:
    """`POST minutes` and then `PATCH minutes/move` answer as documented."""
    path = "/api/v4/namespaces/123/minutes"
    bought = demo.app.post_json(path, {"packs": [PACK]}, headers=headers)
    assert bought.status_int == 201
    assert bought.json == [{"namespace_id": 123} | PACK]
    moved = demo.app.patch(f"{path}/move/321", headers=headers)
    assert (moved.status_int, moved.json) == (202, {"message": "202 Accepted"})
    owner = "SELECT namespace_id FROM ci_minutes_additional_packs"
    assert demo.rows(owner) == [(321,)]


@pytest.mark.parametrize("headers", ADMIN_HEADERS)
def test_upcoming_reconciliations(demo: Api, headers: dict[str, str]) -> None:
    """`PUT` and `DELETE upcoming_reconciliations` answer as documented."""
    url = "/api/v4/internal/upcoming_reconciliations"
    body = {
        "upcoming_reconciliations": [
            {
                "namespace_id": 127,
                "next_reconciliation_date": "13 Jun 2021",
                "display_alert_from": "06 Jun 2021",
            },
            {
                "namespace_id": 129,
                "next_reconciliation_date": "12 Jun 2021",
                "display_alert_from": "05 Jun 2021",
            },
        ]
    }
    answer = demo.app.put_json(url, body, headers=headers)
    assert (answer.status_int, answer.text) == (200, "200")
    deleted = demo.app.delete(f"{url}?namespace_id=22", headers=headers)
    assert (deleted.status_int, deleted.body) == (204, b"")
    select = "SELECT namespace_id, next_reconciliation_date, display_alert_from "
    assert demo.rows(f"{select} FROM upcoming_reconciliations ORDER BY 1") == [
        (127, "2021-06-13", "2021-06-06"),
        (129, "2021-06-12", "2021-06-05"),
    ]


def test_later_members(demo: Api) -> None:
    """The add-ons and exclusions of later editions answer as those document them."""
    headers, customers = ADMIN_HEADERS[1], "/api/v4/namespaces/1234"
    add_on = f"{customers}/subscription_add_on_purchase/code_suggestions"
    query = "&quantity=10&expires_on=2024-07-15&purchase_xid=C-00123456"
    purchase = {
        "namespace_id": 1234,
        "namespace_name": "Customers",
        "add_on": "Code Suggestions",
        "quantity": 10,
        "expires_on": "2024-07-15",
        "purchase_xid": "C-00123456",
    }
    created = demo.app.post(f"{add_on}?{query}", headers=headers)
    assert (created.status_int, created.json) == (201, purchase)
    updated = demo.app.put(f"{add_on}?{query.replace('10', '15')}", headers=headers)
    assert (updated.status_int, updated.json) == (200, purchase | {"quantity": 15})
    reason = {"reason": "a reason to exclude the Namespace"}
    url = f"{customers}/storage/limit_exclusion"
    excluded = demo.app.post_json(url, reason, headers=headers)
    exclusion = {"id": 1, "namespace_id": 1234, "namespace_name": "Customers"} | reason
    assert (excluded.status_int, excluded.json) == (201, exclusion)
    listed = demo.app.get(
        "/api/v4/namespaces/storage/limit_exclusions", headers=headers
    )
    assert listed.json == [exclusion]
    assert demo.app.delete(url, headers=headers).status_int == 204


# ------------------------------------------------------------------ SCIM

SCIM = "/api/scim/v2/groups/test_group/Users"
SCIM_HEADERS = {
    "Authorization": "Bearer demo-scim-token",
    "Content-Type": "application/scim+json",
}
DOCUMENTED_USER = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "id": "0b1d561c-21ff-4092-beab-8154b17f82f2",
    "active": True,
    "name.formatted": "Test User",
    "userName": "username",
    "meta": {"resourceType": "User"},
    "emails": [{"type": "work", "value": "name@example.com", "primary": True}],
}
SCIM_ID = "f0b1d561c-21ff-4092-beab-8154b17f82f2"


def call_scim(demo: Api, method: str, path: str, body: str = "") -> TestResponse:
    """Send a documented request to the routes of the group."""
    return demo.app.request(
        SCIM + path,
        method=method,
        headers=SCIM_HEADERS,
        body=body.encode(),
        expect_errors=True,
    )


def test_scim_list_200(demo: Api) -> None:
    """`GET Users` finds the documented user by the documented filter."""
    path = "?filter=id%20eq%20%220b1d561c-21ff-4092-beab-8154b17f82f2%22"
    answer = call_scim(demo, "GET", path)
    assert answer.status_int == 200
    (user,) = answer.json.pop("Resources")
    assert DOCUMENTED_USER.items() <= user.items()
    assert answer.json | {"Resources": None} == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 1,
        "itemsPerPage": 20,
        "startIndex": 1,
        "Resources": None,
    }


def test_scim_get_200(demo: Api) -> None:
    """`GET Users/:id` answers a user, of the id that is asked for.

    The documentation shows the answer for the user of the other examples.
    """
    answer = call_scim(demo, "GET", f"/{SCIM_ID}")
    assert answer.status_int == 200
    assert answer.json.keys() >= DOCUMENTED_USER.keys()
    assert answer.json["id"] == SCIM_ID
    other = call_scim(demo, "GET", f"/{DOCUMENTED_USER['id']}").json
    assert DOCUMENTED_USER.items() <= other.items()


def test_scim_create_201(demo: Api) -> None:
    """`POST Users` answers the documented user, who is there by another id."""
    answer = call_scim(
        demo,
        "POST",
        "",
        '{"externalId":"test_uid","active":null,"userName":"username","emails":'
        '[{"primary":true,"type":"work","value":"name@example.com"}],"name":'
        '{"formatted":"Test User","familyName":"User","givenName":"Test"},"schemas":'
        '["urn:ietf:params:scim:schemas:core:2.0:User"],"meta":'
        '{"resourceType":"User"}}',
    )
    assert answer.status_int == 201
    assert DOCUMENTED_USER.items() <= answer.json.items()


def test_scim_update_204(demo: Api) -> None:
    """`PATCH Users/:id` accepts the documented operation."""
    body = '{ "Operations": [{"op":"Add","path":"name.formatted","value":"New Name"}] }'
    answer = call_scim(demo, "PATCH", f"/{SCIM_ID}", body)
    assert (answer.status_int, answer.body) == (204, b"")


def test_scim_remove_204(demo: Api) -> None:
    """`DELETE Users/:id` takes the user out of the group."""
    answer = call_scim(demo, "DELETE", f"/{SCIM_ID}")
    assert (answer.status_int, answer.body) == (204, b"")
    assert demo.rows(
        """SELECT username FROM members JOIN users ON users.id = user_id
        WHERE source_type = 'Namespace' AND source_id = 30"""
    ) == [("root",), ("username",)]
