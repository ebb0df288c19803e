"""The world of the tests of Git commands: one user of each role, a few projects."""

from __future__ import annotations

import base64
import struct
from typing import Any

PULL, ARCHIVE, PUSH = "git-upload-pack", "git-upload-archive", "git-receive-pack"
ZEROS, OLD, NEW = "0" * 40, "1" * 40, "2" * 40

PROJECT_NOT_FOUND = (
    "The project you were looking for could not be found or you don't have "
    "permission to view it."
)
NAMESPACE_NOT_FOUND = "The namespace you were looking for could not be found."
WIKI_NOT_FOUND = "The wiki you were looking for could not be found."
SNIPPET_NOT_FOUND = "The snippet you were looking for could not be found."
NO_REPOSITORY = "A repository for this project does not exist yet."
DOWNLOAD = "You are not allowed to download code from this project."
PUSH_CODE = "You are not allowed to push code to this project."
UPLOAD = "You are not allowed to upload code for this project."
DEPLOY_KEY = "This deploy key does not have write access to this project."
COMMAND = "The command you're trying to execute is not allowed."
EXPIRED = "Your SSH key has expired."
PROTECTED = "You are not allowed to push code to protected branches on this project."
FORCE = "You are not allowed to force push code to a protected branch on this project."
DESIGNS = "Designs are only accessible using the web interface"

# Each user's id is that of their key; those with a role have it in all projects.
ADMIN, GUEST, REPORTER, DEVELOPER, MAINTAINER = 1, 10, 20, 30, 40
OUTSIDER, EXTERNAL, AWAITING, BLOCKED = 60, 61, 62, 63
MEMBERS = {
    "guest": "guest",
    "reporter": "reporter",
    "developer": "developer",
    "maintainer": "maintainer",
    "awaiting": {"access_level": "developer", "state": "awaiting"},
    "blocked": "owner",
}
PUBLIC, INTERNAL, PRIVATE = "project-1", "project-2", "project-3"
# Deploy keys: of the private project, with an owner, and of the ghost user.
READING, WRITING, ORPHANED = 71, 72, 73
# Other keys of the developer.
SIGNING, OLD_KEY, SHORT_LIVED = 81, 82, 83


def ssh_key(number: int) -> str:
    """An ED25519 key of its own for each number."""
    blob = b"".join(
        struct.pack(">I", len(part)) + part
        for part in (b"ssh-ed25519", number.to_bytes(32, "big"))
    )
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def world(**changes: Any) -> dict[str, Any]:
    """The seed; what is given takes the place of its parts, or comes with them."""
    users: list[dict[str, Any]] = [
        {"id": ADMIN, "username": "root", "admin": True},
        {"id": 2, "username": "ghost", "user_type": "ghost"},
        {"id": GUEST, "username": "guest"},
        {"id": REPORTER, "username": "reporter"},
        {"id": DEVELOPER, "username": "developer", "name": "Dede Eichmann"},
        {"id": MAINTAINER, "username": "maintainer"},
        {"id": OUTSIDER, "username": "outsider"},
        {"id": EXTERNAL, "username": "external", "external": True},
        {"id": AWAITING, "username": "awaiting"},
        {"id": BLOCKED, "username": "blocked", "state": "blocked"},
    ]
    keys = [
        {"id": user["id"], "user": user["username"], "key": ssh_key(user["id"])}
        for user in users
        if user["username"] != "ghost"
    ]
    others = {
        SIGNING: {"usage_type": "signing"},
        OLD_KEY: {"expires_at": "2022-08-01T12:00:00.000Z"},
        SHORT_LIVED: {"expires_at": "2022-08-03T12:00:00.000Z"},
    }
    keys += [
        {"id": number, "user": "developer", "key": ssh_key(number), **members}
        for number, members in others.items()
    ]
    deploy_keys = [
        {"id": number, "key": ssh_key(number), "user": user, "projects": projects}
        for number, user, projects in (
            (READING, "maintainer", {"Acme/private": "read"}),
            (WRITING, "maintainer", {"Acme/private": "write"}),
            (ORPHANED, None, {"Acme/private": "write"}),
        )
    ]
    projects = [
        {
            "id": number,
            "full_path": f"Acme/{visibility}",
            "visibility": visibility,
            "members": MEMBERS,
        }
        for number, visibility in enumerate(("public", "internal", "private"), 1)
    ]
    projects[2] |= {"redirects": ["old/path"], "branches": ["main", "feature"]}
    seed = {
        "users": users,
        "keys": keys,
        "deploy_keys": deploy_keys,
        "groups": [{"id": 100, "full_path": "Acme", "visibility": "public"}],
        "projects": projects,
        "snippets": [
            {"id": 5, "author": "developer"},
            {"id": 6, "author": "developer", "project": "Acme/private"},
            {"id": 7, "author": "developer", "visibility": "public"},
        ],
    }
    for name, value in changes.items():
        own = seed.get(name)
        seed[name] = own + value if own is not None else value
    return seed


def private(**settings: Any) -> dict[str, Any]:
    """The seed with other settings of the private project."""
    seed = world()
    seed["projects"][2] |= settings
    return seed
