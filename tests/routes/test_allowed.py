"""`POST allowed`: who gets which answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from git_world import (
    ADMIN,
    ARCHIVE,
    AWAITING,
    BLOCKED,
    COMMAND,
    DEPLOY_KEY,
    DESIGNS,
    DEVELOPER,
    DOWNLOAD,
    EXPIRED,
    EXTERNAL,
    FORCE,
    GUEST,
    INTERNAL,
    MAINTAINER,
    NAMESPACE_NOT_FOUND,
    NEW,
    NO_REPOSITORY,
    OLD,
    OLD_KEY,
    ORPHANED,
    OUTSIDER,
    PRIVATE,
    PROJECT_NOT_FOUND,
    PROTECTED,
    PUBLIC,
    PULL,
    PUSH,
    PUSH_CODE,
    READING,
    REPORTER,
    SIGNING,
    SNIPPET_NOT_FOUND,
    UPLOAD,
    WIKI_NOT_FOUND,
    WRITING,
    ZEROS,
    private,
    world,
)

if TYPE_CHECKING:
    from api import Clock, MakeApi
    from webtest import TestResponse

UNKNOWN = 999
NOT_SUPPORTED = "The authentication mechanism is not supported."
ANY = {"action": PUSH, "changes": "_any"}


def pull(who: int | None, repository: object, **params: Any) -> dict[str, Any]:
    """A fetch with a key."""
    return {"key_id": who, "gl_repository": repository, "action": PULL} | params


def push(
    who: int | None, repository: object, changes: Any = "_any", **params: Any
) -> dict[str, Any]:
    """A push with a key."""
    return pull(who, repository, action=PUSH, changes=changes, **params)


def update(branch: str, old: str = OLD, new: str = NEW) -> str:
    """The line of an update."""
    return f"{old} {new} refs/heads/{branch}\n"


def summary(answer: TestResponse) -> tuple[int, str | None]:
    """Status, and the message if there is one."""
    return answer.status_int, answer.json.get("message")


@pytest.mark.parametrize(
    ("params", "status", "message"),
    [
        (pull(DEVELOPER, PRIVATE, protocol="ssh"), 200, None),
        (pull(DEVELOPER, PRIVATE, action=ARCHIVE), 200, None),
        (pull(GUEST, PRIVATE), 401, DOWNLOAD),
        (push(GUEST, PRIVATE), 401, PUSH_CODE),
        (pull(REPORTER, PRIVATE), 200, None),
        (push(REPORTER, PRIVATE), 401, PUSH_CODE),
        (push(DEVELOPER, PRIVATE), 200, None),
        (pull(AWAITING, PRIVATE), 404, PROJECT_NOT_FOUND),
        (pull(OUTSIDER, PRIVATE), 404, PROJECT_NOT_FOUND),
        (push(OUTSIDER, PRIVATE, protocol="http"), 404, PROJECT_NOT_FOUND),
        (pull(OUTSIDER, INTERNAL), 200, None),
        (pull(EXTERNAL, INTERNAL), 404, PROJECT_NOT_FOUND),
        (push(OUTSIDER, PUBLIC), 401, PUSH_CODE),
        (pull(ADMIN, PRIVATE), 200, None),
        (push(ADMIN, PRIVATE), 200, None),
        (pull(0, PRIVATE), 404, PROJECT_NOT_FOUND),
        (pull(UNKNOWN, PRIVATE), 404, PROJECT_NOT_FOUND),
        (pull(UNKNOWN, PUBLIC), 200, None),
        (pull(None, PUBLIC), 200, None),
        (push(UNKNOWN, PUBLIC), 401, UPLOAD),
        (pull(OLD_KEY, PRIVATE), 401, EXPIRED),
        (pull(BLOCKED, PRIVATE), 401, "Your account has been blocked."),
        (pull(BLOCKED, "project-999"), 401, "Your account has been blocked."),
        (pull(READING, PRIVATE, action=ARCHIVE), 200, None),
        (push(READING, PRIVATE), 401, DEPLOY_KEY),
        (push(WRITING, PRIVATE), 200, None),
        (push(ORPHANED, PRIVATE), 200, None),
        (push(ORPHANED, PRIVATE, update("feature")), 401, PUSH_CODE),
        (pull(WRITING, INTERNAL), 404, PROJECT_NOT_FOUND),
        (push(WRITING, PUBLIC), 401, DEPLOY_KEY),
        (pull(DEVELOPER, "project-999"), 404, NAMESPACE_NOT_FOUND),
        (pull(DEVELOPER, "project-999", project="a/b"), 404, PROJECT_NOT_FOUND),
        (pull(DEVELOPER, "wiki-999"), 404, WIKI_NOT_FOUND),
        (pull(DEVELOPER, "snippet-999"), 404, SNIPPET_NOT_FOUND),
        (pull(DEVELOPER, "project-3-wiki"), 200, None),
        (pull(DEVELOPER, PRIVATE, project=5), 200, None),
        (pull(DEVELOPER, "project-999", project=["a"]), 404, NAMESPACE_NOT_FOUND),
        (pull(DEVELOPER, "project-0_3"), 200, None),
        (pull(DEVELOPER, "design-3", action=None, protocol="ssh"), 401, DESIGNS),
        (pull(DEVELOPER, "design-3", protocol="web"), 200, None),
        (pull(DEVELOPER, "design-999", action=None, protocol="ssh"), 401, DESIGNS),
        (pull(DEVELOPER, "design-999", protocol="web"), 404, PROJECT_NOT_FOUND),
        (pull(READING, "snippet-999"), 401, NOT_SUPPORTED),
        (pull(DEVELOPER, "project-999", action=None), 401, COMMAND),
        (pull(DEVELOPER, PRIVATE, action="git-shell"), 401, COMMAND),
        (pull(DEVELOPER, PRIVATE, action=["git-upload-pack"]), 401, COMMAND),
        (push(GUEST, PRIVATE, changes=""), 200, None),
        (push(GUEST, PRIVATE, changes=" \n\n"), 200, None),
        (push(DEVELOPER, PRIVATE, update("main")), 401, PROTECTED),
        (push(MAINTAINER, PRIVATE, update("main")), 200, None),
        (push(DEVELOPER, PRIVATE, update("feature")), 200, None),
        (push(DEVELOPER, PRIVATE, update("f") + update("main")), 401, PROTECTED),
        (push(DEVELOPER, PRIVATE, [update("f"), update("main")]), 401, PROTECTED),
        (push(DEVELOPER, PRIVATE, f"{OLD} {NEW} refs/notes/x"), 200, None),
        (push(READING, PRIVATE, changes=None), 401, DEPLOY_KEY),
    ],
)
def test_allowed(
    make_api: MakeApi, params: dict[str, Any], status: int, message: str | None
) -> None:
    """Everybody gets the status and the text of GitLab."""
    answer = make_api(world()).post_json("allowed", params)
    assert summary(answer) == (status, message)
    assert answer.json["status"] is (status == 200)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"gl_repository": None}, "gl_repository or project is missing"),
        (push(DEVELOPER, PRIVATE, changes=None), "changes is missing"),
        (push(DEVELOPER, PRIVATE, changes=5), "changes is invalid"),
        (push(DEVELOPER, PRIVATE, changes=[5]), "changes is invalid"),
        (push(DEVELOPER, PRIVATE, changes={}), "changes is invalid"),
        *(
            (pull(DEVELOPER, identifier), "gl_repository is invalid")
            for identifier in (
                *("foo", "project-0", "project-abc", "project-", "foo-1", "project"),
                *("", "project-1-2-3", "-", "project--3", 7, True, [], {}),
            )
        ),
        ({"project": 5}, "project is invalid"),
        ({"project": ["Acme/private"]}, "project is invalid"),
    ],
)
def test_allowed_malformed_400(
    make_api: MakeApi, params: dict[str, Any], reason: str
) -> None:
    """What Rails answers with 500 is a 400 that says what is wrong."""
    sent = {"action": PULL, "key_id": DEVELOPER} | params
    answer = make_api(world()).post_json("allowed", sent)
    assert summary(answer) == (400, f"400 Bad request - {reason}")


SENDERS: dict[str, Callable[..., Any]] = {
    "form": lambda api, params: api.post("allowed", params),
    "query": lambda api, params: api.post(f"allowed?{urlencode(params)}"),
    "json": lambda api, params: api.post_json("allowed", params),
    "json of texts": lambda api, params: api.post_json(
        "allowed", {name: str(value) for name, value in params.items()}
    ),
    "json with more": lambda api, params: api.post_json(
        "allowed",
        dict.fromkeys(("env", "check_ip", "user_id", "namespace_path"))
        | {"unknown": {"member": [1]}, "relative_path": "@hashed/a.git"}
        | params,
    ),
}


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize(
    "params",
    [
        pull(DEVELOPER, PRIVATE),
        push(DEVELOPER, PRIVATE, update("main")),
        {"user_id": REPORTER, "project": "/Acme/private.git", "action": PULL},
    ],
)
def test_allowed_however_sent(
    make_api: MakeApi, sender: str, params: dict[str, Any]
) -> None:
    """Query, form and JSON mean the same, ids as texts too; what is more is ignored."""
    api = make_api(world())
    answer = SENDERS[sender](api, params)
    assert answer.json == api.post_json("allowed", params).json


@pytest.mark.parametrize(
    "named",
    [
        {"key_id": DEVELOPER},
        {"key_id": "30"},
        {"key_id": "30abc"},
        {"user_id": DEVELOPER},
        {"user_id": "30"},
        {"username": "developer"},
        {"username": "DEVeloper"},
        {"identifier": "user-30"},
        {"identifier": "key-30"},
        {"key_id": None, "user_id": DEVELOPER},
        {"key_id": None, "user_id": None, "username": None, "identifier": "user-30"},
        {"key_id": DEVELOPER, "user_id": ADMIN, "username": "root"},
        {"user_id": DEVELOPER, "username": "root", "identifier": "user-1"},
        {"username": "developer", "identifier": "user-1"},
    ],
)
def test_allowed_actor(make_api: MakeApi, named: dict[str, Any]) -> None:
    """The first parameter that is there names the actor; null is not there."""
    params = named | {"gl_repository": PRIVATE, "action": PULL}
    body = make_api(world()).post_json("allowed", params).json
    assert (body["gl_id"], body["gl_username"]) == ("user-30", "developer")
    is_key = named.get("key_id") is not None
    assert body.get("gl_key_type") == ("key" if is_key else None)
    assert body.get("gl_key_id") == (30 if is_key else None)


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"key_id": "", "user_id": DEVELOPER},
        {"key_id": 0, "user_id": DEVELOPER},
        {"key_id": "abc", "user_id": DEVELOPER},
        {"key_id": SIGNING, "user_id": DEVELOPER},
        {"key_id": 2**70, "user_id": DEVELOPER},
        {"key_id": 1e300},
        {"key_id": -1},
        {"key_id": {"a": 1}},
        {"user_id": "", "username": "developer"},
        {"username": "", "identifier": "user-30"},
        {"username": 30},
        {"username": ["developer"]},
        {"identifier": f"key-{SIGNING}"},
        {"identifier": "KEY-30"},
        {"identifier": "key-abc"},
        {"identifier": "user-"},
        {"identifier": "user-3\u0660"},
        {"identifier": "user-\u0663\u0660"},
        {"identifier": f"user-{2**70}"},
        {"identifier": "username-developer"},
        {"identifier": 30},
    ],
)
def test_allowed_nobody(make_api: MakeApi, named: dict[str, Any]) -> None:
    """An actor that resolves to nobody is nobody, whoever else is named."""
    api = make_api(world())
    params = named | {"gl_repository": PRIVATE, "action": PULL}
    assert summary(api.post_json("allowed", params)) == (404, PROJECT_NOT_FOUND)
    body = api.post_json("allowed", params | {"gl_repository": PUBLIC}).json
    assert body["gl_id"] == ""
    assert not {"gl_username", "gl_key_type", "gl_key_id"} & body.keys()


@pytest.mark.parametrize(
    ("path", "gl_repository", "canonical"),
    [
        ("Acme/private", "project-3", "Acme/private"),
        ("/Acme/private.git", "project-3", "Acme/private"),
        ("acme/PRIVATE.git", "project-3", "Acme/private"),
        ("old/path.git", "project-3", "Acme/private"),
        ("OLD/path", "project-3", "Acme/private"),
        ("Acme/private.wiki.git", "wiki-3", "Acme/private.wiki"),
        ("/acme/private.wiki", "wiki-3", "Acme/private.wiki"),
        ("old/path.wiki.git", "wiki-3", "Acme/private.wiki"),
        ("snippets/5.git", "snippet-5", "snippets/5"),
        ("acme/private/snippets/6.git", "snippet-6", "Acme/private/snippets/6"),
    ],
)
def test_allowed_path(
    make_api: MakeApi, path: str, gl_repository: str, canonical: str
) -> None:
    """A repository is found by any spelling of its path and answers by its own."""
    api = make_api(world())
    params = {"user_id": DEVELOPER, "project": path, "action": PULL}
    body = api.post_json("allowed", params).json
    assert (body["gl_repository"], body["gl_project_path"]) == (
        gl_repository,
        canonical,
    )
    by_id = pull(None, gl_repository, user_id=DEVELOPER)
    assert body == api.post_json("allowed", by_id).json


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("foo", NAMESPACE_NOT_FOUND),
        ("", NAMESPACE_NOT_FOUND),
        ("/", NAMESPACE_NOT_FOUND),
        ("snippets/notexist.git", NAMESPACE_NOT_FOUND),
        ("snippets/999.git", NAMESPACE_NOT_FOUND),
        ("api/v4.git", NAMESPACE_NOT_FOUND),
        ("Acme/private.git.git", NAMESPACE_NOT_FOUND),
        ("Acme/private/", NAMESPACE_NOT_FOUND),
        ("//Acme/private", NAMESPACE_NOT_FOUND),
        ("Acme/private\n", NAMESPACE_NOT_FOUND),
        ("project/does-not-exist.git", PROJECT_NOT_FOUND),
        ("Acme/notexist/snippets/notexist.git", PROJECT_NOT_FOUND),
        ("Acme/public/snippets/6", PROJECT_NOT_FOUND),
        ("snippets/6", NAMESPACE_NOT_FOUND),
        ("Acme/none.wiki", PROJECT_NOT_FOUND),
        ("other/path/snippets/6", PROJECT_NOT_FOUND),
        ("Acme/private.design", DESIGNS),
    ],
)
def test_allowed_path_404(make_api: MakeApi, path: str, message: str | None) -> None:
    """An unknown path is a missing namespace, or a missing project, by its form."""
    params = {"user_id": DEVELOPER, "project": path, "action": PULL}
    seed = world()
    seed["projects"][0]["redirects"] = ["other/path"]
    answer = make_api(seed).post_json("allowed", params)
    assert summary(answer) == (401 if message == DESIGNS else 404, message)


@pytest.mark.parametrize(
    ("settings", "params", "status", "message"),
    [
        ({"archived": True}, pull(DEVELOPER, PRIVATE), 200, None),
        ({"archived": True}, push(MAINTAINER, PRIVATE), 401, PUSH_CODE),
        ({"repository_exists": False}, pull(GUEST, PRIVATE), 404, NO_REPOSITORY),
        (
            {"repository_exists": False},
            pull(OUTSIDER, PRIVATE),
            404,
            PROJECT_NOT_FOUND,
        ),
        (
            {"repository_exists": False},
            pull(DEVELOPER, "wiki-3"),
            404,
            "A repository for this wiki does not exist yet.",
        ),
        (
            {"repository_exists": False},
            pull(DEVELOPER, "snippet-6"),
            404,
            "The snippet repository you were looking for could not be found.",
        ),
        ({"empty": True, "branches": []}, pull(REPORTER, PRIVATE), 200, None),
        (
            {"repository_read_only": True},
            push(DEVELOPER, PRIVATE),
            401,
            "The repository is temporarily read-only. Please try again later.",
        ),
        ({"repository_read_only": True}, pull(DEVELOPER, PRIVATE), 200, None),
        ({"repository": "disabled"}, pull(ADMIN, PRIVATE), 401, DOWNLOAD),
        ({"repository": "disabled"}, push(ADMIN, PRIVATE), 401, PUSH_CODE),
        ({"repository": "disabled"}, pull(READING, PRIVATE), 401, DOWNLOAD),
        ({"repository": "private"}, pull(OUTSIDER, PRIVATE), 404, PROJECT_NOT_FOUND),
        (
            {"visibility": "public", "repository": "private"},
            pull(OUTSIDER, PRIVATE),
            401,
            DOWNLOAD,
        ),
        (
            {"visibility": "public", "repository": "private"},
            push(OUTSIDER, PRIVATE),
            401,
            PUSH_CODE,
        ),
        ({"deleted": True}, pull(ADMIN, PRIVATE), 404, NAMESPACE_NOT_FOUND),
        (
            {"deleted": True},
            pull(ADMIN, None, project="Acme/private"),
            404,
            PROJECT_NOT_FOUND,
        ),
        ({"deleted": True}, pull(DEVELOPER, "snippet-6"), 404, SNIPPET_NOT_FOUND),
        (
            {"wiki": "disabled"},
            pull(DEVELOPER, "wiki-3"),
            401,
            "You are not allowed to download files from this wiki.",
        ),
        (
            {"wiki": "disabled"},
            push(DEVELOPER, "wiki-3"),
            401,
            "You are not allowed to write to this project's wiki.",
        ),
        (
            {},
            push(REPORTER, "wiki-3", update("main")),
            401,
            "You are not allowed to write to this project's wiki.",
        ),
        ({}, push(DEVELOPER, "wiki-3", update("main")), 200, None),
        ({}, push(DEVELOPER, "snippet-5"), 200, None),
        (
            {},
            push(MAINTAINER, "snippet-5"),
            401,
            "You are not allowed to update this snippet.",
        ),
        (
            {},
            pull(OUTSIDER, "snippet-5"),
            401,
            "You are not allowed to read this snippet.",
        ),
        ({}, pull(UNKNOWN, "snippet-7"), 200, None),
        ({}, pull(OUTSIDER, "snippet-6"), 404, PROJECT_NOT_FOUND),
        (
            {},
            pull(READING, "snippet-6"),
            401,
            NOT_SUPPORTED,
        ),
        (
            {},
            push(DEVELOPER, "snippet-5", f"{ZEROS} {NEW} refs/heads/x"),
            401,
            "You can not create or delete branches.",
        ),
        (
            {
                "merge_requests_open": [
                    {
                        "iid": 1,
                        "source_branch": "feature",
                        "target_branch": "main",
                        "allow_collaboration": True,
                    }
                ],
                "visibility": "public",
            },
            push(OUTSIDER, PRIVATE),
            200,
            None,
        ),
        (
            {"tags": ["v1"], "protected_tags": [{"name": "v*"}]},
            push(MAINTAINER, PRIVATE, f"{OLD} {NEW} refs/tags/v1"),
            401,
            "Protected tags cannot be updated.",
        ),
        (
            {},
            push(MAINTAINER, PRIVATE, f"{OLD} {ZEROS} refs/heads/main"),
            401,
            "The default branch of a project cannot be deleted.",
        ),
        (
            {"protected_branches": [{"name": "feat*", "push": "no_one"}]},
            push(ADMIN, PRIVATE, update("feature")),
            401,
            PROTECTED,
        ),
        (
            {"empty": True, "branches": []},
            push(DEVELOPER, PRIVATE, f"{ZEROS} {NEW} refs/heads/main"),
            401,
            (
                "\nA default branch (e.g. main) does not yet exist for Acme/private\n"
                "Ask a project Owner or Maintainer to create a default branch:\n\n"
                "  http://localhost:3001/Acme/private/-/project_members\n\n"
            ),
        ),
    ],
)
def test_allowed_settings(
    make_api: MakeApi,
    settings: dict[str, Any],
    params: dict[str, Any],
    status: int,
    message: str | None,
) -> None:
    """The settings of a project count, in GitLab's order and words."""
    answer = make_api(private(**settings)).post_json("allowed", params)
    assert summary(answer) == (status, message)


READ_ONLY = "You can't push code to a read-only GitLab instance."


@pytest.mark.parametrize(
    ("settings", "params", "status", "message"),
    [
        (
            {"enabled_git_access_protocol": "http"},
            pull(DEVELOPER, PRIVATE, protocol="ssh"),
            401,
            "Git access over SSH is not allowed",
        ),
        (
            {"enabled_git_access_protocol": "ssh"},
            push(BLOCKED, PRIVATE, protocol="http"),
            401,
            "Git access over HTTP is not allowed",
        ),
        (
            {"enabled_git_access_protocol": "ssh"},
            push(DEVELOPER, PRIVATE, protocol="web"),
            200,
            None,
        ),
        (
            {"enabled_git_access_protocol": "ssh"},
            pull(DEVELOPER, PRIVATE, protocol="ssh"),
            200,
            None,
        ),
        (
            {"enabled_git_access_protocol": "ssh"},
            pull(DEVELOPER, PRIVATE),
            400,
            "400 Bad request - protocol is missing",
        ),
        (
            {"http_upload_pack": False},
            pull(DEVELOPER, PRIVATE, protocol="http"),
            401,
            "Pulling over HTTP is not allowed.",
        ),
        (
            {"http_receive_pack": False},
            push(DEVELOPER, PRIVATE, protocol="http"),
            401,
            "Pushing over HTTP is not allowed.",
        ),
        (
            {"http_upload_pack": False},
            pull(DEVELOPER, PRIVATE, protocol="http", action=ARCHIVE),
            200,
            None,
        ),
        ({"read_only": True}, push(DEVELOPER, PRIVATE), 401, READ_ONLY),
        ({"read_only": True}, push(DEVELOPER, "project-999"), 401, READ_ONLY),
        ({"read_only": True}, pull(DEVELOPER, PRIVATE), 200, None),
        (
            {"ssh_key_restrictions": {"ed25519": "forbidden", "dsa": "forbidden"}},
            pull(BLOCKED, PRIVATE),
            401,
            (
                "Your SSH key type is forbidden. Must be RSA, ECDSA, ECDSA_SK, or "
                "ED25519_SK."
            ),
        ),
        (
            {"ssh_key_restrictions": {"ed25519": 4096}},
            pull(READING, PRIVATE),
            401,
            "Your SSH key must be at least 4096 bits.",
        ),
    ],
)
def test_allowed_instance(
    make_api: MakeApi,
    settings: dict[str, Any],
    params: dict[str, Any],
    status: int,
    message: str | None,
) -> None:
    """The settings of the instance come before the user and the project."""
    answer = make_api(world(settings=settings)).post_json("allowed", params)
    assert summary(answer) == (status, message)


URL = "http://localhost:3001"


@pytest.mark.parametrize(
    ("user", "message"),
    [
        (
            {"user_type": "alert_bot", "state": "blocked"},
            "This action cannot be performed by internal users",
        ),
        (
            {"state": "blocked_pending_approval", "terms_accepted": False},
            (
                "Your account is pending approval from your administrator and hence "
                "blocked."
            ),
        ),
        (
            {"terms_accepted": False, "state": "deactivated"},
            (
                "You (@somebody) must accept the Terms of Service in order to perform "
                "this action. To accept these terms, please access GitLab from a web "
                f"browser at {URL}."
            ),
        ),
        (
            {"state": "deactivated", "confirmed": False},
            (
                "Your account has been deactivated by your administrator. Please log "
                f"back in from a web browser to reactivate your account at {URL}"
            ),
        ),
        (
            {"state": "banned", "password_expired": True},
            "Your account has been blocked.",
        ),
        ({"state": "ldap_blocked"}, "Your account has been blocked."),
        (
            {"password_expired": True},
            (
                "Your password expired. Please access GitLab from a web browser to "
                "update your password."
            ),
        ),
        ({"user_type": "project_bot"}, PROJECT_NOT_FOUND),
        (
            {"user_type": "project_bot", "terms_accepted": False},
            (
                "You (@somebody) must accept the Terms of Service in order to perform "
                "this action. To accept these terms, please access GitLab from a web "
                f"browser at {URL}."
            ),
        ),
        (
            {"admin": True, "password_expired": True},
            (
                "Your password expired. Please access GitLab from a web browser to "
                "update your password."
            ),
        ),
    ],
)
def test_allowed_user_state(
    make_api: MakeApi, user: dict[str, Any], message: str | None
) -> None:
    """A user who may not use Git is told why before the project is looked for."""
    seed = world(users=[{"id": 90, "username": "somebody"} | user])
    params = {"user_id": 90, "project": "Acme/none", "action": PULL}
    answer = make_api(seed).post_json("allowed", params)
    assert summary(answer) == (404 if message == PROJECT_NOT_FOUND else 401, message)


def nested(**groups: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The private project in a group below others, and one person in some of them."""
    seed = world(
        users=[{"id": 90, "username": "somebody"}],
        groups=[{"full_path": path, **group} for path, group in groups.items()],
        projects=[{"id": 9, "full_path": "top/sub/project"}],
    )
    return seed, seed["projects"][-1]


SOMEBODY = "somebody"
ROLE_ANSWERS = {
    None: (PROJECT_NOT_FOUND, PROJECT_NOT_FOUND),
    "guest": (DOWNLOAD, PUSH_CODE),
    "reporter": (None, PUSH_CODE),
    "developer": (None, PROTECTED),
    "maintainer": (None, None),
}
AWAITED = {"access_level": "owner", "state": "awaiting"}


@pytest.mark.parametrize(
    ("groups", "shared_with", "role"),
    [
        ({"top": {"members": {SOMEBODY: "developer"}}}, {}, "developer"),
        ({"top/sub": {"members": {SOMEBODY: "reporter"}}}, {}, "reporter"),
        (
            {
                "top": {"members": {SOMEBODY: "maintainer"}},
                "top/sub": {"members": {SOMEBODY: "guest"}},
            },
            {},
            "maintainer",
        ),
        ({"top": {"members": {SOMEBODY: AWAITED}}}, {}, None),
        ({"other": {"members": {SOMEBODY: "owner"}}}, {}, None),
        ({"top/sub/project2": {"members": {SOMEBODY: "owner"}}}, {}, None),
        # The project is shared: the lower of both roles.
        (
            {"other": {"members": {SOMEBODY: "owner"}}},
            {"other": "reporter"},
            "reporter",
        ),
        ({"other": {"members": {SOMEBODY: "guest"}}}, {"other": "maintainer"}, "guest"),
        (
            {"other": {"members": {SOMEBODY: "developer"}}, "other/deep": {}},
            {"other/deep": "maintainer"},
            "developer",
        ),
        (
            {"other": {}, "other/deep": {"members": {SOMEBODY: "owner"}}},
            {"other": "maintainer"},
            None,
        ),
        ({"other": {"members": {SOMEBODY: AWAITED}}}, {"other": "owner"}, None),
        # A group above is shared.
        (
            {
                "other": {"members": {SOMEBODY: "maintainer"}},
                "top": {"shared_with": {"other": "developer"}},
            },
            {},
            "developer",
        ),
        (
            {
                "other": {"members": {SOMEBODY: "reporter"}},
                "top/sub": {"shared_with": {"other": "owner"}},
            },
            {},
            "reporter",
        ),
        # The project is shared with a group that is shared with another.
        (
            {
                "other": {"members": {SOMEBODY: "maintainer"}},
                "between": {"shared_with": {"other": "owner"}},
            },
            {"between": "developer"},
            "developer",
        ),
    ],
)
def test_allowed_through_groups(
    make_api: MakeApi,
    groups: dict[str, Any],
    shared_with: dict[str, str],
    role: str | None,
) -> None:
    """A role is inherited from groups above, and comes with shares: the lower one."""
    seed, project = nested(**groups)
    project["shared_with"] = shared_with
    api = make_api(seed)
    answers = [
        summary(api.post_json("allowed", params | {"user_id": 90}))[1]
        for params in (pull(None, "project-9"), push(None, "project-9", update("main")))
    ]
    assert tuple(answers) == ROLE_ANSWERS[role]


def test_allowed_order_of_memberships(make_api: MakeApi) -> None:
    """The highest role counts, in whatever order the memberships were made."""
    groups = {
        "top": {"members": {SOMEBODY: "guest", "developer": "owner"}},
        "top/sub": {"members": {"developer": "guest", SOMEBODY: "reporter"}},
        "other": {"members": {SOMEBODY: "developer"}},
        "third": {"members": {SOMEBODY: "owner"}},
    }
    shares = {"other": "maintainer", "third": "guest"}
    answers = set()
    for index, order in enumerate(itertools.permutations(groups)):
        seed, project = nested(**{path: groups[path] for path in order})
        project["shared_with"] = dict(sorted(shares.items(), reverse=bool(index % 2)))
        params = push(None, "project-9", update("main"), user_id=90)
        answers.add(summary(make_api(seed).post_json("allowed", params)))
    assert answers == {(401, PROTECTED)}


def test_allowed_personal_project(make_api: MakeApi) -> None:
    """The owner of a personal namespace owns the projects in it."""
    projects = [{"id": 9, "full_path": "outsider/own"}]
    api = make_api(world(projects=projects))
    params = push(OUTSIDER, "project-9", update("main"))
    assert api.post_json("allowed", params).status_int == 200
    params = pull(DEVELOPER, "project-9")
    assert summary(api.post_json("allowed", params)) == (404, PROJECT_NOT_FOUND)


def test_allowed_from_gitaly(make_api: MakeApi) -> None:
    """Gitaly's form is understood: a path on its disk, lines, and who pushes."""
    changes = update("feature") + f"{ZEROS} {NEW} refs/heads/new\n"
    params = {
        "action": PUSH,
        "gl_repository": PRIVATE,
        "project": "/var/opt/gitlab/git-data/repositories/@hashed/4e/07/4e07.git",
        "changes": changes,
        "protocol": "ssh",
        "relative_path": "@hashed/4e/07/4e07.git",
        "env": json.dumps(
            {
                "GIT_OBJECT_DIRECTORY_RELATIVE": "",
                "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": None,
            }
        ),
        "key_id": str(DEVELOPER),
    }
    api = make_api(world())
    assert api.post_json("allowed", params).status_int == 200
    params["changes"] += update("main")
    assert summary(api.post_json("allowed", params)) == (401, PROTECTED)


def test_allowed_thousands_of_refs(make_api: MakeApi) -> None:
    """A push of thousands of refs is checked, the last one as well as the first."""
    api = make_api(world())
    lines = [f"{ZEROS} {NEW} refs/heads/branch-{n}" for n in range(5000)]
    params = push(DEVELOPER, PRIVATE, "\n".join(lines) + "\n")
    assert api.post_json("allowed", params).status_int == 200
    params["changes"] += update("main")
    assert summary(api.post_json("allowed", params)) == (401, PROTECTED)


def test_allowed_forced_without_repository(make_api: MakeApi) -> None:
    """Without the objects at hand an update counts as a fast-forward."""
    params = push(MAINTAINER, PRIVATE, update("main", NEW, OLD))
    answer = make_api(world()).post_json("allowed", params)
    assert summary(answer) != (401, FORCE)
    assert answer.status_int == 200


def test_allowed_rate_limit(make_api: MakeApi, clock: Clock) -> None:
    """More calls in a minute than the setting takes are refused until it is over."""
    seed = world(settings={"rate_limit_per_minute": 1})
    api = make_api(seed)
    params = pull(DEVELOPER, None, project="Acme/private")
    assert api.post_json("allowed", params, headers={}).status_int == 401
    assert api.post_json("allowed", params).status_int == 200
    answer = api.post_json("allowed", params)
    assert answer.status_int == 429
    text = "This endpoint has been requested too many times. Try again later."
    assert answer.json == {"message": {"error": text}}
    others = (
        params | {"key_id": MAINTAINER},
        params | {"action": ARCHIVE},
        params | {"project": "Acme/public"},
    )
    assert [api.post_json("allowed", other).status_int for other in others] == [200] * 3
    clock.advance(minutes=1)
    assert api.post_json("allowed", params).status_int == 200


def test_allowed_rate_limit_of_address(make_api: MakeApi) -> None:
    """Those who call from one address have one limit; this machine has none."""
    api = make_api(world(settings={"rate_limit_per_minute": 1}))
    calls = ((DEVELOPER, "10.0.0.1"), (MAINTAINER, "10.0.0.1"), (REPORTER, "10.0.0.2"))
    statuses = [
        api.post_json(
            "allowed", pull(who, PRIVATE), extra_environ={"REMOTE_ADDR": address}
        ).status_int
        for who, address in calls
    ]
    assert statuses == [200, 429, 200]


CONFINED = "You are not allowed to access projects in this namespace."
BY_CERTIFICATE = pull(None, None, username="developer", protocol="ssh", changes="_any")


@pytest.mark.parametrize(
    ("namespace_path", "params", "status", "message"),
    [
        ("Acme", {}, 200, None),
        ("ACME", {"action": PUSH}, 200, None),
        ("Acme", {"project": "old/path"}, 200, None),
        ("Acme", {"project": "Acme/missing"}, 404, PROJECT_NOT_FOUND),
        ("Acme", {"project": "missing/path"}, 401, CONFINED),
        ("Acme", {"project": "developer/path", "action": PUSH}, 401, CONFINED),
        ("Acm", {"action": PUSH}, 401, CONFINED),
        ("Acme/private", {"action": ARCHIVE}, 401, CONFINED),
        ("other", {}, 401, CONFINED),
        ("other", {"username": "outsider"}, 401, CONFINED),
        ("other", {"username": "blocked"}, 401, "Your account has been blocked."),
        ("other", {"gl_repository": "project-999"}, 401, CONFINED),
        ("other", {"gl_repository": "wiki-3"}, 200, None),
        ("other", {"gl_repository": "snippet-6"}, 200, None),
        ("other", {"action": PUSH, "changes": ""}, 200, None),
        (" ", {}, 200, None),
        (None, {}, 200, None),
    ],
)
def test_allowed_with_an_ssh_certificate(
    make_api: MakeApi,
    namespace_path: str | None,
    params: dict[str, Any],
    status: int,
    message: str | None,
) -> None:
    """A certificate of a group's CA opens the projects of that group only."""
    named = {"project": "Acme/private", "namespace_path": namespace_path} | params
    answer = make_api(world()).post_json("allowed", BY_CERTIFICATE | named)
    assert summary(answer) == (status, message)


def test_allowed_with_an_ssh_certificate_beside_others(make_api: MakeApi) -> None:
    """What a login without a certificate was answered does not count for one."""
    api, named = make_api(world()), BY_CERTIFICATE | {"project": "Acme/private"}
    asked = ((None, 200), ("other", 401), ("Acme", 200), (0, 401))
    for namespace_path, status in asked * 3:
        sent = named | {"namespace_path": namespace_path}
        assert api.post_json("allowed", sent).status_int == status


def test_no_project_is_made_with_the_certificate_of_a_group(make_api: MakeApi) -> None:
    """A push makes a project in one's own namespace, but not by such a login."""
    api = make_api(world())
    sent = BY_CERTIFICATE | {"project": "developer/made", "action": PUSH}
    refused = api.post_json("allowed", sent | {"namespace_path": "Acme"})
    assert summary(refused) == (401, CONFINED)
    assert api.rows("SELECT count(*) FROM projects") == [(3,)]
    assert summary(api.post_json("allowed", sent)) == (200, None)
