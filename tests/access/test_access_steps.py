"""What is checked before anything is known of the project: protocol, key, user."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from attempts import (
    ADMIN,
    INSTANCE,
    KEY,
    MISSING,
    NOW,
    PROJECT,
    PULL,
    PUSH,
    USER,
    attempt,
)

from internal_api.access import users
from internal_api.access.git import check
from internal_api.access.keys import console_messages
from internal_api.access.values import Actor, Attempt

URL = "http://localhost:3001"
EXPIRED = "2022-07-01T11:59:59.999Z"
COMMAND = "The command you're trying to execute is not allowed."
INTERNAL = "This action cannot be performed by internal users"
BLOCKED = "Your account has been blocked."

# In the order in which they are told.
USER_STATES: list[tuple[dict[str, Any], str]] = [
    ({"user_type": "alert_bot"}, INTERNAL),
    (
        {"state": "blocked_pending_approval"},
        "Your account is pending approval from your administrator and hence blocked.",
    ),
    (
        {"terms_accepted": 0},
        (
            "You (@rubi) must accept the Terms of Service in order to perform this "
            "action. To accept these terms, please access GitLab from a web browser "
            f"at {URL}."
        ),
    ),
    (
        {"state": "deactivated"},
        (
            "Your account has been deactivated by your administrator. Please log back "
            f"in from a web browser to reactivate your account at {URL}"
        ),
    ),
    (
        {"confirmed": 0},
        (
            "Your primary email address is not confirmed. Please check your inbox for "
            "the confirmation instructions. In case the link is expired, you can "
            f"request a new confirmation email at {URL}/users/confirmation/new"
        ),
    ),
    ({"state": "blocked"}, BLOCKED),
    ({"state": "ldap_blocked"}, BLOCKED),
    ({"state": "banned"}, BLOCKED),
    (
        {"password_expired": 1},
        (
            "Your password expired. Please access GitLab from a web browser to update "
            "your password."
        ),
    ),
]

# Each step of the sequence with an attempt that fails there.
STEPS: list[tuple[dict[str, Any], str]] = [
    (
        {"instance": {"enabled_git_access_protocol": "ssh"}, "protocol": "http"},
        "Git access over HTTP is not allowed",
    ),
    (
        {"instance": {"ssh_key_restrictions": {"rsa": 4096}}},
        "Your SSH key must be at least 4096 bits.",
    ),
    ({"key": {"expires_at": EXPIRED}}, "Your SSH key has expired."),
    ({"user": {"state": "blocked"}}, BLOCKED),
    (
        {"instance": {"http_receive_pack": 0}, "protocol": "http"},
        "Pushing over HTTP is not allowed.",
    ),
    (
        {"instance": {"read_only": 1}},
        "You can't push code to a read-only GitLab instance.",
    ),
    ({"container": None}, MISSING),
]


def failing(*faults: dict[str, Any]) -> Attempt:
    """A push of a developer that has all these faults."""
    faulty = attempt("developer", PUSH, PROJECT)
    members: dict[str, dict[str, Any]] = {"instance": {}, "key": {}, "user": {}}
    for fault in faults:
        for name, value in fault.items():
            if name in members:
                members[name] |= value
            else:
                faulty = faulty._replace(**{name: value})
    actor = Actor(KEY._replace(**members["key"]), USER._replace(**members["user"]))
    return faulty._replace(
        actor=actor, instance=INSTANCE._replace(**members["instance"])
    )


@pytest.mark.parametrize(("first", "second"), list(combinations(STEPS, 2)))
def test_first_failing_step_decides(
    first: tuple[dict[str, Any], str], second: tuple[dict[str, Any], str]
) -> None:
    """Of two faults, the one that GitLab looks at first is told."""
    assert check(failing(first[0], second[0])).message == first[1]
    assert check(failing(second[0])).message == second[1]


@pytest.mark.parametrize(("first", "second"), list(combinations(USER_STATES, 2)))
def test_user_states_in_order(
    first: tuple[dict[str, Any], str], second: tuple[dict[str, Any], str]
) -> None:
    """Of two states of a user, the one that GitLab asks for first is told."""
    # A user has one `state` only: then the first state stands.
    user = USER._replace(**second[0])._replace(**first[0])
    assert users.denial(user, URL) == first[1]


@pytest.mark.parametrize(("fault", "message"), USER_STATES)
def test_user_state_401(fault: dict[str, Any], message: str) -> None:
    """A user who may not use Git is told why, before any project is looked at."""
    decision = check(failing({"user": fault}, {"container": None}))
    assert (decision.status, decision.message) == (401, message)


@pytest.mark.parametrize("user_type", ["human", "project_bot", "service_account"])
def test_tokens_may_use_git(user_type: str) -> None:
    """The users behind access tokens use Git like people."""
    assert check(failing({"user": {"user_type": user_type}})).allowed


@pytest.mark.parametrize("user_type", ["ghost", "alert_bot", "support_bot"])
def test_internal_users_401(user_type: str) -> None:
    """GitLab's own users cannot use Git."""
    assert check(failing({"user": {"user_type": user_type}})).message == INTERNAL


def test_deploy_key_skips_user_state() -> None:
    """A deploy key may fetch though its creator is blocked."""
    key = attempt("read deploy key", PULL, PROJECT)
    creator = USER._replace(state="blocked")
    assert check(key._replace(actor=Actor(key.actor.key, creator))).allowed


# ------------------------------------------------------------------ protocol, command


@pytest.mark.parametrize(
    ("enabled", "protocol", "message"),
    [
        ("", "ssh", None),
        ("", None, None),
        ("ssh", "ssh", None),
        ("ssh", "web", None),
        ("http", "ssh", "Git access over SSH is not allowed"),
        ("ssh", "http", "Git access over HTTP is not allowed"),
        ("ssh", "", "Git access over  is not allowed"),
        ("ssh", None, "protocol is missing"),
    ],
)
def test_enabled_protocol(
    enabled: str, protocol: str | None, message: str | None
) -> None:
    """Where one protocol is enabled, only that and GitLab itself are let in."""
    fault = {
        "instance": {"enabled_git_access_protocol": enabled},
        "protocol": protocol,
    }
    assert check(failing(fault)).message == message


@pytest.mark.parametrize(
    ("action", "protocol", "message"),
    [
        ("git-upload-pack", "http", "Pulling over HTTP is not allowed."),
        ("git-receive-pack", "http", "Pushing over HTTP is not allowed."),
        ("git-upload-archive", "http", None),
        ("git-upload-pack", "ssh", None),
        ("git-receive-pack", "ssh", None),
        ("git-receive-pack", "web", None),
    ],
)
def test_commands_disabled_over_http(
    action: str, protocol: str, message: str | None
) -> None:
    """What is switched off over HTTP still works over the other protocols."""
    fault = {
        "instance": {"http_upload_pack": 0, "http_receive_pack": 0},
        "action": action,
        "protocol": protocol,
    }
    assert check(failing(fault)).message == message


@pytest.mark.parametrize("action", [None, "", "git-fetch", "git-upload-pack "])
def test_unknown_action_401(action: str | None) -> None:
    """Another action is refused, whatever the project."""
    decision = check(failing({"action": action, "container": None}))
    assert (decision.status, decision.message) == (401, COMMAND)


def test_read_only_instance_can_be_pulled() -> None:
    """A read-only instance refuses pushes only."""
    assert check(failing({"instance": {"read_only": 1}, "action": PULL})).allowed


# ------------------------------------------------------------------ keys


@pytest.mark.parametrize("key_type", ["Key", "DeployKey"])
@pytest.mark.parametrize(
    ("key", "restrictions", "message"),
    [
        ({}, {}, None),
        ({}, {"rsa": 0}, None),
        ({}, {"rsa": 2048}, None),
        ({}, {"rsa": 3072}, "Your SSH key must be at least 3072 bits."),
        ({}, {"ecdsa": "forbidden"}, None),
        (
            {},
            {"rsa": "forbidden", "dsa": "forbidden"},
            (
                "Your SSH key type is forbidden. Must be ECDSA, ED25519, ECDSA_SK, or "
                "ED25519_SK."
            ),
        ),
        (
            {"key_type": "ecdsa_sk", "bits": 256},
            {"rsa": 4096, "ecdsa_sk": "forbidden"},
            (
                "Your SSH key type is forbidden. Must be RSA, DSA, ECDSA, ED25519, or "
                "ED25519_SK."
            ),
        ),
        (
            {},
            dict.fromkeys(["rsa", "dsa", "ecdsa", "ecdsa_sk"], "forbidden"),
            "Your SSH key type is forbidden. Must be ED25519 or ED25519_SK.",
        ),
        (
            {},
            dict.fromkeys(
                ["rsa", "dsa", "ecdsa", "ecdsa_sk", "ed25519_sk"], "forbidden"
            ),
            "Your SSH key type is forbidden. Must be ED25519.",
        ),
        ({"expires_at": EXPIRED}, {}, "Your SSH key has expired."),
        ({"expires_at": NOW}, {}, "Your SSH key has expired."),
        ({"expires_at": "2022-07-01T12:00:00.001Z"}, {}, None),
    ],
)
def test_key_restrictions(
    key_type: str,
    key: dict[str, Any],
    restrictions: dict[str, int | str],
    message: str | None,
) -> None:
    """A key that is too weak, forbidden or expired is refused, deploy keys too."""
    who = "write deploy key" if key_type == "DeployKey" else "developer"
    attempted = attempt(who, PULL, PROJECT)
    actor = Actor(KEY._replace(type=key_type, **key), ADMIN)
    instance = INSTANCE._replace(ssh_key_restrictions=restrictions)
    decision = check(attempted._replace(actor=actor, instance=instance))
    assert decision.message == message


@pytest.mark.parametrize(
    ("expires_at", "is_told"),
    [
        (None, False),
        ("2022-07-01T12:00:00.001Z", True),
        ("2022-07-03T12:00:00.000Z", True),
        ("2022-07-08T12:00:00.000Z", True),
        ("2022-07-08T12:00:00.001Z", False),
    ],
)
def test_console_messages(expires_at: str | None, *, is_told: bool) -> None:
    """The owner of a key is told seven days before it expires."""
    text = "INFO: Your SSH key is expiring soon. Please generate a new key."
    messages = console_messages(KEY._replace(expires_at=expires_at), NOW)
    assert messages == ([text] if is_told else [])


def test_console_messages_without_key() -> None:
    """Who came without a key has none that could expire."""
    assert console_messages(None, NOW) == []
