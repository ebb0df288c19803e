"""Paths of projects and identifiers of repositories.

Source: `lib/gitlab/path_regex.rb`, `lib/gitlab/repo_path.rb`,
`lib/gitlab/gl_repository/identifier.rb` and `app/models/storage/hashed.rb`.
"""

from __future__ import annotations

import hashlib
import re

from internal_api.access.parameters import InvalidParameter

# What stands below GitLab's own address (documentation: Reserved project and group
# names), so that no user or group can be called so.
_TOP_LEVEL_ROUTES = """
    - .well-known 404.html 422.html 500.html 502.html 503.html admin api
    apple-touch-icon.png assets dashboard deploy.html explore favicon.ico favicon.png
    files groups health_check help import jwt login oauth profile projects public
    robots.txt s search sitemap sitemap.xml sitemap.xml.gz slash-command-logo.png
    snippets unsubscribes uploads users v2
"""
# What stands below a project's address.
_PROJECT_ROUTES = """
    - badges blame blob builds commits create create_dir edit environments/folders
    files find_file gitlab-lfs/objects info/lfs/objects new preview raw refs tree
    update wikis
"""


def _one_of(words: str) -> str:
    return f"(?i:{'|'.join(map(re.escape, words.split()))})"


_CHARACTERS = "[a-zA-Z0-9_.][a-zA-Z0-9_.-]{0,254}"
_NO_SUFFIX = r"(?<!\.git)(?<!\.atom)"
_NAMESPACE = f"(?:{_CHARACTERS}[a-zA-Z0-9_-]|[a-zA-Z0-9_]){_NO_SUFFIX}"
_PROJECT_PATH = re.compile(
    f"((?!{_one_of(_TOP_LEVEL_ROUTES)}/){_NAMESPACE}"
    f"(?:/(?!{_one_of(_PROJECT_ROUTES)}/){_NAMESPACE})*)"
    f"/({_CHARACTERS}{_NO_SUFFIX})"
)
_TOP_LEVEL = re.compile(_one_of(_TOP_LEVEL_ROUTES))
_RESERVED = re.compile(_one_of(_PROJECT_ROUTES))
# `oci_repository_path_regex` of `lib/gitlab/regex.rb`.
_CREATABLE = re.compile("[a-zA-Z0-9]+(?:[._-][a-zA-Z0-9]+)*")

_TYPES = ("project", "wiki", "snippet", "design")
_DERIVED = (".wiki", ".design")


def is_top_level_route(name: str) -> bool:
    """Whether something else of GitLab's stands below its own address at this name."""
    return _TOP_LEVEL.fullmatch(name) is not None


def normalize(path: str) -> str:
    """Strip one leading slash and one trailing `.git` from a project's path."""
    return path.removeprefix("/").removesuffix(".git")


def is_below(path: str, root: str) -> bool:
    """Whether a normalized path is that of something in a group at the top."""
    return path.partition("/")[0].lower() == root.lower()


def namespace_parsable(path: str) -> bool:
    """Whether a normalized path names a namespace and, below it, a project.

    Neither needs to exist. For another path the namespace is said to be missing.
    """
    return _PROJECT_PATH.fullmatch(path) is not None


def to_be_created(path: str) -> tuple[str, str] | None:
    """Split a normalized path that a push may create.

    Returns:
        The path of the namespace and the name of the project. None when the path is
        no project's, or would be taken for the wiki or the designs of another one.
    """
    match = _PROJECT_PATH.fullmatch(path)
    if match is None or path.endswith(_DERIVED):
        return None
    return match[1], match[2]


def creation_error(name: str) -> str | None:
    """Tell why a project cannot be called so, as `CreationError` does.

    Returns:
        None when it can.

    Source: `app/models/project.rb` (validations of `path`) and
    `lib/gitlab/git_access_project.rb`.
    """
    if _RESERVED.fullmatch(name):
        return f"Could not create project: Path {name} is a reserved name"
    if not _CREATABLE.fullmatch(name):
        return (
            "Could not create project: Path must not start or end with a special "
            "character and must not contain consecutive special characters."
        )
    return None


def parse_gl_repository(text: str) -> tuple[str, int]:
    """Read an identifier like `project-7`, `wiki-7`, `project-7-wiki` or `design-7`.

    Returns:
        `project`, `wiki`, `snippet` or `design`, and an id of any size: that of the
        project, or of the snippet. There are no wikis of groups here: `group-7-wiki`
        is the wiki of a project 0.

    Raises:
        InvalidParameter: It is none.
    """
    parts = text.split("-")
    # Ruby's `split` forgets what is empty at the end.
    while parts and not parts[-1]:
        parts.pop()
    match parts:
        case ["project" | "group", digits, "wiki"]:
            kind = "wiki"
        case [kind, digits] if kind in _TYPES:
            pass
        case _:
            kind = digits = ""
    number = _to_integer(digits)
    if number <= 0:
        message = "gl_repository is invalid"
        raise InvalidParameter(message)
    return kind, 0 if parts[0] == "group" else number


def _to_integer(text: str) -> int:
    """Ruby's `Integer(text, 10)`, and 0 for what is none: Python reads the same."""
    try:
        return int(text) if text.isascii() else 0
    except ValueError:
        return 0


def hashed_path(kind: str, number: int) -> str:
    """Where a repository lies in its storage (`relative_path`).

    Args:
        kind: `project`, `wiki`, `snippet` or `design`.
        number: The id of the project or the snippet.
    """
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    root = "@snippets" if kind == "snippet" else "@hashed"
    suffix = f".{kind}" if kind in {"wiki", "design"} else ""
    return f"{root}/{digest[:2]}/{digest[2:4]}/{digest}{suffix}.git"
