"""How projects and repositories are named."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from internal_api.access.paths import (
    creation_error,
    hashed_path,
    namespace_parsable,
    normalize,
    parse_gl_repository,
    to_be_created,
)


@pytest.mark.parametrize(
    ("path", "normalized"),
    [
        ("a/b", "a/b"),
        ("/a/b.git", "a/b"),
        ("//a/b.git.git", "/a/b.git"),
        ("a/b.wiki.git", "a/b.wiki"),
        ("a/b/", "a/b/"),
        ("a/b.git/", "a/b.git/"),
        ("/", ""),
        (".git", ""),
        ("", ""),
    ],
)
def test_normalize(path: str, normalized: str) -> None:
    """One leading slash and one trailing `.git` are no part of a path."""
    assert normalize(path) == normalized


@pytest.mark.parametrize(
    "path",
    [
        "a/b",
        "group/sub/sub2/project",
        "A_b-c.d/e",
        "a/x.wiki",
        "a/blob",
        "a/environments/folders",
        "adminx/b",
        "a/admin/b",
        "a/snippets/b",
        f"{'a' * 255}/{'b' * 255}",
        "_a/.b",
        "a/cannot_end_with_dot.",
    ],
)
def test_namespace_parsable(path: str) -> None:
    """A path of a namespace and a project is one, whether they exist or not."""
    assert namespace_parsable(path)


RESERVED = """
    snippets api admin dashboard explore groups help users uploads search projects -
    Admin .well-known 404.html
"""


@pytest.mark.parametrize(
    "path",
    [
        "foo",
        "",
        "/a/b",
        "a/b/",
        "a//b",
        "a /b",
        "a/b c",
        "a/b\n",
        "é/b",
        "-a/b",
        "a/-b",
        "a./b",
        "a/b.git",
        "a/b.atom",
        "a.git/b",
        "a.atom/b",
        "a/-/b",
        "a/blob/b",
        "a/TREE/b",
        "a/environments/folders/b",
        "a/info/lfs/objects/b",
        "Snippets/5",
        f"{'a' * 257}/b",
        f"a/{'b' * 256}",
        *(f"{name}/b" for name in RESERVED.split()),
    ],
)
def test_namespace_not_parsable(path: str) -> None:
    """Reserved words and odd characters make no path of a project."""
    assert not namespace_parsable(path)
    assert to_be_created(path) is None


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("a/b", ("a", "b")),
        ("a/b/c", ("a/b", "c")),
        ("a/b.wiki", None),
        ("a/b.design", None),
        ("a/wiki", ("a", "wiki")),
        ("b", None),
    ],
)
def test_to_be_created(path: str, parts: tuple[str, str] | None) -> None:
    """A push makes projects, but none that would be taken for a wiki or designs."""
    assert to_be_created(path) == parts


SPECIAL = (
    "Could not create project: Path must not start or end with a special character "
    "and must not contain consecutive special characters."
)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("wget2", None),
        ("A.b_c-d", None),
        ("cannot_end_with_dot.", SPECIAL),
        ("_a", SPECIAL),
        (".a", SPECIAL),
        ("a--b", SPECIAL),
        ("a.-b", SPECIAL),
        ("blob", "Could not create project: Path blob is a reserved name"),
        ("Wikis", "Could not create project: Path Wikis is a reserved name"),
        ("blobs", None),
    ],
)
def test_creation_error(name: str, error: str | None) -> None:
    """A name that no project can have is refused in GitLab's words."""
    assert creation_error(name) == error


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("project-7", ("project", 7)),
        ("wiki-7", ("wiki", 7)),
        ("snippet-3", ("snippet", 3)),
        ("design-9", ("design", 9)),
        ("project-7-wiki", ("wiki", 7)),
        ("group-7-wiki", ("wiki", 0)),
        ("project-1_0", ("project", 10)),
        ("project- 7", ("project", 7)),
        ("project-7 ", ("project", 7)),
        ("project-+7", ("project", 7)),
        ("project-007", ("project", 7)),
        ("project-7-", ("project", 7)),
        (f"project-{2**63}", ("project", 2**63)),
    ],
)
def test_parse_gl_repository(text: str, parsed: tuple[str, int]) -> None:
    """An identifier is a type and an integer as Ruby reads one."""
    assert parse_gl_repository(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "7",
        "project",
        "project-",
        "project-0",
        "project-abc",
        "project-0x7",
        "project-1__0",
        "project-_1",
        "project-7.0",
        "project-\u0667",
        "project--7",
        "-project-7",
        "foo-1",
        "Project-7",
        "project-1-2-3",
        "project-7-design",
        "wiki-7-wiki",
        "group-7",
        "group-0-wiki",
        "group-x-wiki",
        f"project-{'9' * 5000}",
    ],
)
def test_invalid_gl_repository(text: str) -> None:
    """Anything else is no identifier."""
    with pytest.raises(ValueError, match=r"^gl_repository is invalid$"):
        parse_gl_repository(text)


def test_hashed_path_of_documentation() -> None:
    """A project lies where the SHA-256 of its id says."""
    digest = "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce"
    assert hashed_path("project", 3) == f"@hashed/4e/07/{digest}.git"
    assert hashed_path("wiki", 3) == f"@hashed/4e/07/{digest}.wiki.git"
    assert hashed_path("design", 3) == f"@hashed/4e/07/{digest}.design.git"
    assert hashed_path("snippet", 3) == f"@snippets/4e/07/{digest}.git"


# ------------------------------------------------------------------ properties

PATHS = st.text("aA.-_/ \n0é", max_size=30) | st.text(max_size=30)
IDENTIFIERS = (
    st.text("projectwiksnd-0123456789_+ ", max_size=20)
    | st.text(max_size=10)
    | st.from_regex(r"(project|wiki|snippet|design|group)-[0-9_ +]{1,6}(-wiki)?")
)


@given(PATHS)
def test_paths_raise_nothing(path: str) -> None:
    """Whatever the path, it is one of a project or not; and it is not changed."""
    parts = to_be_created(path)
    assert not parts or "/".join(parts) == path
    assert namespace_parsable(path) or parts is None
    error = creation_error(path)
    assert error is None or error.startswith("Could not create project: Path ")
    assert normalize(path) in path


@given(IDENTIFIERS)
def test_identifiers_raise_nothing_else(text: str) -> None:
    """An identifier is read to a type and an id, or refused with one error."""
    with contextlib.suppress(ValueError):
        kind, number = parse_gl_repository(text)
        assert kind in {"project", "wiki", "snippet", "design"}
        assert number >= 0
        assert hashed_path(kind, number).endswith(".git")


@given(st.sampled_from(["project", "wiki", "snippet", "design"]), st.integers(1))
def test_identifiers_read_back(kind: str, number: int) -> None:
    """What GitLab writes is read as what it was."""
    assert parse_gl_repository(f"{kind}-{number}") == (kind, number)
