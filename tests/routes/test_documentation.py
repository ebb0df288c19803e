"""Every documented example, as it is documented."""

from __future__ import annotations

import re
from urllib.parse import quote

import jwt
import pytest
from api import Api

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
