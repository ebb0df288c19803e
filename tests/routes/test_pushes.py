"""`POST pre_receive` and `POST post_receive`: before and after a push."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from git_world import (
    ADMIN,
    DEVELOPER,
    MAINTAINER,
    NEW,
    OLD,
    PRIVATE,
    PUSH,
    ZEROS,
    private,
    world,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

URL = "http://localhost:3001/Acme/private/-/merge_requests"
NEW_BRANCH = f"{ZEROS} {NEW} refs/heads/fresh\n"


def created(branch: str, encoded: str | None = None) -> str:
    """The message for a branch without a merge request."""
    return (
        f"To create a merge request for {branch}, visit:\n"
        f"  {URL}/new?merge_request%5Bsource_branch%5D={encoded or branch}"
    )


def existing(branch: str, iid: int) -> str:
    """The message for a branch with one."""
    return f"View merge request for {branch}:\n  {URL}/{iid}"


def post_receive(
    api: Api, changes: object = NEW_BRANCH, **params: Any
) -> list[tuple[str, str]]:
    """What the user sees after a push, as pairs of type and text."""
    sent = {"gl_repository": PRIVATE, "identifier": "key-30", "changes": changes}
    answer = api.post_json("post_receive", sent | params)
    assert answer.status_int == 200
    assert answer.json.keys() == {"messages", "reference_counter_decreased"}
    assert answer.json["reference_counter_decreased"] is True
    return [
        (message["type"], message["message"]) for message in answer.json["messages"]
    ]


def counters(api: Api) -> list[tuple[Any, ...]]:
    """The pushes under way, by repository."""
    return api.rows("SELECT gl_repository, value FROM reference_counters")


def pre_receive(api: Api, gl_repository: str = PRIVATE) -> None:
    """Begin a push."""
    answer = api.post_json("pre_receive", {"gl_repository": gl_repository})
    assert answer.status_int == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {"reference_counter_increased": True}


# ---------------------------------------------------------------- the counter


def test_counter(make_api: MakeApi) -> None:
    """Pushes under way are counted for each repository; the count ends at nought."""
    api = make_api(world())
    pre_receive(api)
    pre_receive(api)
    pre_receive(api, "wiki-3")
    assert dict(counters(api)) == {PRIVATE: 2, "wiki-3": 1}
    post_receive(api)
    assert dict(counters(api)) == {PRIVATE: 1, "wiki-3": 1}
    post_receive(api)
    post_receive(api)
    assert dict(counters(api)) == {"wiki-3": 1}
    pre_receive(api)
    assert dict(counters(api)) == {PRIVATE: 1, "wiki-3": 1}


@pytest.mark.parametrize(("seconds", "value"), [(599, 2), (600, 1)])
def test_counter_is_forgotten(
    make_api: MakeApi, clock: Clock, seconds: int, value: int
) -> None:
    """A count is forgotten ten minutes after the last push began."""
    api = make_api(world())
    pre_receive(api)
    clock.advance(seconds=500)
    pre_receive(api)
    post_receive(api)
    clock.advance(seconds=seconds)
    pre_receive(api)
    assert counters(api) == [(PRIVATE, value)]


@pytest.mark.parametrize("gl_repository", ["project-999", "no repository", ""])
def test_pre_receive_unknown_repository_200(
    make_api: MakeApi, gl_repository: str
) -> None:
    """The repository is the name of a counter, no more."""
    api = make_api(world())
    pre_receive(api, gl_repository)
    assert counters(api) == [(gl_repository, 1)]


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "missing"),
        ({"gl_repository": None}, "missing"),
        ({"gl_repository": []}, "invalid"),
    ],
)
def test_pre_receive_400(
    make_api: MakeApi, params: dict[str, Any], problem: str
) -> None:
    """Without a repository there is nothing to count."""
    answer = make_api(world()).post_json("pre_receive", params)
    assert answer.status_int == 400
    text = f"400 Bad request - gl_repository is {problem}"
    assert answer.json == {"message": text}


# ---------------------------------------------------------------- post_receive


@pytest.mark.parametrize(
    "params",
    [
        {"gl_repository": "project-999999"},
        {"gl_repository": "project-999999", "push_options": ["mr.create"]},
        {"gl_repository": None, "project": "no/where"},
        {"gl_repository": "wiki-3"},
        {"gl_repository": "wiki-3", "changes": f"{OLD} {NEW} refs/heads/main"},
        {"gl_repository": "snippet-5"},
        {"gl_repository": "snippet-6"},
        {"changes": None},
        {"changes": ""},
        {"changes": "_any"},
        {"changes": "no change"},
        {"changes": f"{ZEROS} {NEW} refs/tags/v1"},
        {"changes": f"{ZEROS} {NEW} refs/heads/main"},
        {"changes": f"{ZEROS} {NEW} refs/heads/"},
        {"changes": f"{OLD} {ZEROS} refs/heads/feature"},
        {"changes": f"{ZEROS} {NEW} gh-pages"},
    ],
)
def test_post_receive_silent(make_api: MakeApi, params: dict[str, Any]) -> None:
    """There is no link for what is no branch of a project, or its default branch."""
    assert post_receive(make_api(world()), **params) == []


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"gl_repository": None}, "gl_repository or project is missing"),
        ({"gl_repository": "foo"}, "gl_repository is invalid"),
        ({"gl_repository": "project-0"}, "gl_repository is invalid"),
        ({"gl_repository": 3}, "gl_repository is invalid"),
        ({"changes": 5}, "changes is invalid"),
        ({"changes": [1]}, "changes is invalid"),
        ({"changes": {"a": "b"}}, "changes is invalid"),
    ],
)
def test_post_receive_malformed_400(
    make_api: MakeApi, params: dict[str, Any], reason: str
) -> None:
    """What Rails answers with 500 is a 400 that says why, and nothing is counted."""
    api = make_api(world())
    pre_receive(api)
    sent = {"gl_repository": PRIVATE, "identifier": "key-30", "changes": NEW_BRANCH}
    answer = api.post_json("post_receive", sent | params)
    assert answer.status_int == 400
    assert answer.json == {"message": f"400 Bad request - {reason}"}
    assert counters(api) == [(PRIVATE, 1)]


@pytest.mark.parametrize(
    "identifier", ["key-30", "user-30", "key-999", "username-x", "", None, 5, []]
)
def test_post_receive_identifier(make_api: MakeApi, identifier: object) -> None:
    """The links are for everybody, and nobody is no error."""
    api = make_api(world())
    messages = post_receive(api, identifier=identifier)
    assert messages == [("basic", created("fresh"))]


@pytest.mark.parametrize(
    ("branch", "encoded"),
    [
        ("feature/one", "feature%2Fone"),
        ("a+b&c=d#e", "a%2Bb%26c%3Dd%23e"),
        ("zwölf", "zw%C3%B6lf"),
        ("\N{REPLACEMENT CHARACTER}", "%EF%BF%BD"),
        ("100%~(it's)", "100%25~%28it%27s%29"),
        ("refs/heads/x", "refs%2Fheads%2Fx"),
    ],
)
def test_post_receive_link_encoding(
    make_api: MakeApi, branch: str, encoded: str
) -> None:
    """The branch stands raw in the text, and percent-encoded in the address."""
    messages = post_receive(make_api(world()), f"{ZEROS} {NEW} refs/heads/{branch}\n")
    assert messages == [("basic", created(branch, encoded))]


def test_post_receive_branches(make_api: MakeApi) -> None:
    """Each branch of a push has one message, in the order of the push."""
    opened = [
        {"iid": 7, "source_branch": "feature", "target_branch": "main"},
        {"iid": 9, "source_branch": "other", "target_branch": "main"},
    ]
    api = make_api(private(merge_requests_open=opened))
    changes = (
        f"{OLD} {NEW} refs/heads/z\n{OLD} {NEW} refs/heads/main\n"
        f"{OLD} {NEW} refs/heads/feature\n{OLD} {NEW} refs/heads/z\n"
    )
    texts = [created("z"), existing("feature", 7)]
    assert post_receive(api, changes) == [("basic", text) for text in texts]


@pytest.mark.parametrize(
    "seed",
    [
        world(settings={"merge_request_links": False}),
        private(merge_requests="disabled"),
        private(empty=True, branches=[]),
    ],
    ids=["links off", "merge requests off", "empty"],
)
def test_post_receive_without_links(make_api: MakeApi, seed: dict[str, Any]) -> None:
    """Without merge requests there are no links to them."""
    assert post_receive(make_api(seed)) == []


def test_post_receive_custom_url(make_api: MakeApi) -> None:
    """The links are below the external URL of the instance."""
    seed = world(settings={"external_url": "https://gitlab.example.com/git"})
    ((_, text),) = post_receive(make_api(seed))
    assert (
        "\n  https://gitlab.example.com/git/Acme/private/-/merge_requests/new?" in text
    )


def test_post_receive_however_sent(make_api: MakeApi) -> None:
    """Form, query and JSON mean the same."""
    api = make_api(world())
    params = {"gl_repository": PRIVATE, "identifier": "key-30", "changes": NEW_BRANCH}
    form = api.post("post_receive", params)
    query = api.post(f"post_receive?{urlencode(params)}")
    assert form.json == query.json == api.post_json("post_receive", params).json
    assert form.headers["Content-Type"] == "application/json"


def banner(message: str = "Everywhere", **members: str) -> dict[str, str]:
    """A message to everybody."""
    return {"message": message, **members}


PAST, FUTURE = "2022-07-01T00:00:00Z", "2022-09-01T00:00:00Z"


@pytest.mark.parametrize(
    ("banners", "expected"),
    [
        ([], None),
        ([banner()], "Everywhere"),
        ([banner("1"), banner("2")], "2"),
        ([banner("1", starts_at=PAST), banner("2")], "1"),
        (
            [
                banner("1", starts_at="2022-07-02T00:00:00Z"),
                banner("2", starts_at=PAST),
            ],
            "1",
        ),
        ([banner(), banner("later", starts_at=FUTURE)], "Everywhere"),
        ([banner(), banner("over", ends_at=PAST)], "Everywhere"),
        ([banner("now", starts_at=PAST, ends_at=FUTURE)], "now"),
        ([banner("ends now", ends_at="2022-08-01T12:00:00Z")], None),
        ([banner("starts now", starts_at="2022-08-01T12:00:00Z")], "starts now"),
        ([banner(broadcast_type="notification")], None),
        ([banner("here", target_path="Acme/private"), banner()], "here"),
        ([banner("here", target_path="/acme/PRI*")], "here"),
        ([banner("all", target_path="*"), banner()], "all"),
        ([banner("there", target_path="Acme/priv"), banner()], "Everywhere"),
        ([banner("there", target_path="Acme.private")], None),
        ([banner("1", target_path="Acme/*"), banner("2", target_path="A*e*")], "2"),
        ([banner(" \n")], None),
    ],
)
def test_post_receive_banner(
    make_api: MakeApi, banners: list[dict[str, Any]], expected: Any
) -> None:
    """The latest current banner is shown; one for the project's path comes first."""
    api = make_api(world(broadcast_messages=banners))
    messages = post_receive(api, changes=None)
    assert messages == ([("alert", expected)] if expected else [])


def test_post_receive_banner_without_project(make_api: MakeApi) -> None:
    """Without a project only a banner for everywhere is shown."""
    banners = [banner("all", target_path="*"), banner()]
    api = make_api(world(broadcast_messages=banners))
    for gl_repository in ("project-999", "snippet-5"):
        messages = post_receive(api, gl_repository=gl_repository)
        assert messages == [("alert", "Everywhere")]


def warning(options: list[str], *errors: str) -> str:
    """What is said of push options."""
    quoted = " ".join(f"'{option}'" for option in options)
    problems = "\n\n".join(errors)
    return f"WARNINGS:\nError encountered with push options {quoted}: {problems}"


NEEDS_CREATE = (
    "A merge_request.create push option is required to create a merge request for "
    "branch {}"
)
TWIN = (
    "Validate branches Another open merge request already exists for this source "
    "branch: !"
)
SAME_BRANCH = "You must select different branches"
CONFLICT = "Branch conflict You can't use same project/branch for source and target"
MANY = "".join(f"{ZEROS} {NEW} refs/heads/b{n}\n" for n in range(11))


@pytest.mark.parametrize(
    ("options", "params", "errors"),
    [
        (["merge_request.title=x"], {}, [NEEDS_CREATE.format("fresh")]),
        (["mr.draft"], {}, [NEEDS_CREATE.format("fresh")]),
        (
            ["mr.label=a"],
            {"changes": f"{NEW_BRANCH}{ZEROS} {NEW} refs/heads/b\n"},
            [NEEDS_CREATE.format("fresh"), NEEDS_CREATE.format("b")],
        ),
        (
            ["merge_request.create", "mr.target=none"],
            {},
            ["Target branch Acme/private:none does not exist"],
        ),
        (
            ["ci.skip", "mr.create"],
            {"changes": MANY},
            ["Too many branches pushed (11 were pushed, limit is 10)"],
        ),
        (
            ["mr.create", "mr.target=none"],
            {"changes": MANY},
            [
                "Too many branches pushed (11 were pushed, limit is 10)",
                "Target branch Acme/private:none does not exist",
            ],
        ),
        (["mr.create", "mr.target=fresh"], {}, [SAME_BRANCH]),
        (
            ["mr.create", "mr.target"],
            {},
            ["Target branch Acme/private:true does not exist"],
        ),
        (
            ["mr.create", "mr.target=none"],
            {"identifier": "user-999"},
            ["User is required", "Target branch Acme/private:none does not exist"],
        ),
        (
            ["mr.target=feature"],
            {"changes": f"{OLD} {NEW} refs/heads/feature"},
            [CONFLICT],
        ),
        (["mr.create"], {"identifier": "user-999"}, ["User is required"]),
        (
            ["mr.create"],
            {"gl_repository": "wiki-3"},
            ["Push options are only supported for projects"],
        ),
        (
            ["mr.create"],
            {"gl_repository": "snippet-5"},
            ["Push options are only supported for projects"],
        ),
    ],
)
def test_post_receive_push_options_warning(
    make_api: MakeApi, options: Any, params: dict[str, Any], errors: list[str]
) -> None:
    """What push options ask for and cannot be is an alert that names them all."""
    opened = [{"iid": 7, "source_branch": "feature", "target_branch": "main"}]
    api = make_api(private(merge_requests_open=opened))
    before = merge_requests(api)
    messages = post_receive(api, **{"push_options": options} | params)
    assert [text for kind, text in messages if kind == "alert"] == [
        warning(options, *errors)
    ]
    assert merge_requests(api) == before


def test_post_receive_push_options_without_merge_requests(make_api: MakeApi) -> None:
    """Where merge requests are off, push options cannot make one."""
    api = make_api(private(merge_requests="disabled"))
    error = "Merge requests are not enabled for project Acme/private"
    messages = post_receive(api, push_options=["mr.create"])
    assert messages == [("alert", warning(["mr.create"], error))]


def merge_requests(api: Api) -> list[tuple[Any, ...]]:
    """The open merge requests: number, source, target."""
    return api.rows(
        """SELECT iid, source_branch, target_branch FROM merge_requests
        ORDER BY project_id, iid"""
    )


@pytest.mark.parametrize(
    ("options", "target"),
    [
        (["merge_request.create"], "main"),
        (["mr.create"], "main"),
        ("mr.create", "main"),
        (["mr.create=yes"], "main"),
        (["merge_request.create", "merge_request.target=feature"], "feature"),
        (["mr.target=feature", "ci.skip", "mr.create", "mr.title=A = b"], "feature"),
        (["mr.create", "mr.target=main", "mr.target=feature"], "feature"),
        ([" mr . create = "], "main"),
    ],
)
def test_post_receive_creates_merge_request(
    make_api: MakeApi, options: Any, target: str
) -> None:
    """`merge_request.create` opens one with the next number, and shows it."""
    opened = [{"iid": 7, "source_branch": "feature", "target_branch": "main"}]
    api = make_api(private(merge_requests_open=opened))
    messages = post_receive(api, push_options=options)
    assert messages == [("basic", existing("fresh", 8))]
    assert merge_requests(api) == [(7, "feature", "main"), (8, "fresh", target)]
    assert post_receive(api, push_options=options) == messages
    assert len(merge_requests(api)) == 2


def test_post_receive_retargets_merge_request(make_api: MakeApi) -> None:
    """`merge_request.target` moves a merge request that is open to another branch."""
    opened = [{"iid": 7, "source_branch": "feature", "target_branch": "main"}]
    api = make_api(private(branches=["a"], merge_requests_open=opened))
    change = f"{OLD} {NEW} refs/heads/feature"
    messages = post_receive(api, change, push_options=["mr.target=a"])
    assert messages == [("basic", existing("feature", 7))]
    assert merge_requests(api) == [(7, "feature", "a")]


def test_post_receive_retargets_no_twin(make_api: MakeApi) -> None:
    """No two merge requests have the same branches."""
    opened = [
        {"iid": iid, "source_branch": "feature", "target_branch": target}
        for iid, target in ((7, "main"), (8, "a"))
    ]
    api = make_api(private(branches=["a", "main"], merge_requests_open=opened))
    change, options = f"{OLD} {NEW} refs/heads/feature", ["mr.target=main"]
    (kind, text), _link = post_receive(api, change, push_options=options)
    assert (kind, text) == ("alert", warning(options, f"{TWIN}7"))
    assert merge_requests(api) == [(7, "feature", "main"), (8, "feature", "a")]
    api = make_api(private(branches=["b"], merge_requests_open=opened))
    options = ["mr.target=b"]
    (kind, text), _link = post_receive(api, change, push_options=options)
    assert (kind, text) == ("alert", warning(options, f"{TWIN}7"))
    assert merge_requests(api) == [(7, "feature", "b"), (8, "feature", "a")]


def test_post_receive_creates_no_merge_request_into_nothing(make_api: MakeApi) -> None:
    """The default branch may be a target that is not there, too."""
    api, options = make_api(private(branches=["other"])), ["mr.create"]
    messages = post_receive(api, push_options=options)
    assert messages[0] == (
        "alert",
        warning(options, 'Target branch "main" does not exist'),
    )
    assert merge_requests(api) == []


@pytest.mark.parametrize(
    "options",
    [
        None,
        "",
        [],
        {},
        [None],
        [""],
        [[]],
        ["another push option"],
        ["mr.create\u00a0"],
        ["ci.skip"],
        ["merge_request"],
        ["merge_request.unknown"],
        ["integrations.skip_ci"],
        [".create", "mr."],
        5,
        True,
        {"mr.create": 1},
        [{"mr.create": 1}],
        "x" * 100_000,
    ],
)
def test_post_receive_other_push_options(make_api: MakeApi, options: Any) -> None:
    """All other push options are taken in silence."""
    api = make_api(world())
    messages = post_receive(api, push_options=options)
    assert messages == [("basic", created("fresh"))]
    assert merge_requests(api) == []


def test_post_receive_order(make_api: MakeApi) -> None:
    """Alerts come first: banner, warning; then links, moved, created; all once."""
    moved = {"user": "developer", "gl_repository": PRIVATE} | {
        "expires_at": "2022-08-01T12:05:00.000Z"
    }
    seed = world(
        broadcast_messages=[banner()],
        post_push_messages=[
            moved | {"type": "project_created", "message": "created"},
            moved | {"type": "container_moved", "message": "moved"},
        ],
    )
    api = make_api(seed)
    expected = [
        ("alert", "Everywhere"),
        ("alert", warning(["mr.draft"], NEEDS_CREATE.format("fresh"))),
        ("basic", created("fresh")),
        ("basic", "moved"),
        ("basic", "created"),
    ]
    others = post_receive(api, push_options=["mr.draft"], identifier="user-40")
    assert others == expected[:3]
    assert post_receive(api, push_options=["mr.draft"]) == expected
    assert post_receive(api, push_options=["mr.draft"]) == expected[:3]


def test_post_receive_blank_messages(make_api: MakeApi) -> None:
    """Texts without a letter are not shown."""
    blank = {"user": "developer", "gl_repository": PRIVATE, "message": " \n"} | {
        "type": "container_moved",
        "expires_at": "2022-08-01T12:05:00.000Z",
    }
    api = make_api(world(post_push_messages=[blank], broadcast_messages=[banner(" ")]))
    assert post_receive(api) == [("basic", created("fresh"))]


# ---------------------------------------------------------------- what is remembered


def allowed(api: Api, changes: str, who: int = DEVELOPER) -> str | None:
    """Why a push is refused; None when it is not."""
    params = {"key_id": who, "gl_repository": PRIVATE, "action": PUSH}
    answer = api.post_json("allowed", params | {"changes": changes})
    message: str | None = answer.json.get("message")
    return message


def names(api: Api) -> list[str]:
    """The refs of the private project."""
    rows = api.rows("SELECT name FROM git_refs WHERE project_id = 3 ORDER BY name")
    return [name for (name,) in rows]


def test_post_receive_remembers_refs(make_api: MakeApi) -> None:
    """Branches and tags are there after a push, or gone; other refs do not count."""
    api = make_api(world())
    lines = (
        f"{ZEROS} {NEW} refs/heads/fresh",
        f"{ZEROS} {NEW} refs/tags/v1",
        f"{ZEROS} {NEW} refs/notes/x",
        f"{ZEROS} {NEW} refs/heads/",
        f"{OLD} {NEW} refs/heads/main",
        f"{OLD} {ZEROS} refs/heads/feature",
        f"{OLD} {ZEROS} refs/heads/never-was",
    )
    post_receive(api, "\n".join(lines))
    assert names(api) == ["refs/heads/fresh", "refs/heads/main", "refs/tags/v1"]
    target = post_receive(api, push_options=["mr.create", "mr.target=fresh"])
    text = warning(["mr.create", "mr.target=fresh"], SAME_BRANCH)
    assert target[0] == ("alert", text)
    change = f"{ZEROS} {NEW} refs/heads/more\n"
    messages = post_receive(api, change, push_options=["mr.create", "mr.target=fresh"])
    assert messages == [("basic", existing("more", 1))]


def test_post_receive_tag_exists(make_api: MakeApi) -> None:
    """A tag that was pushed exists: who may push by a merge request may not move it."""
    opened = [
        {
            "iid": 1,
            "source_branch": "refs/tags/v1",
            "target_branch": "main",
            "allow_collaboration": True,
        }
    ]
    api = make_api(private(merge_requests_open=opened, protected_tags=[{"name": "v*"}]))
    change = f"{ZEROS} {NEW} refs/tags/v1"
    assert allowed(api, change, MAINTAINER) is None
    post_receive(api, change)
    assert names(api) == ["refs/heads/feature", "refs/heads/main", "refs/tags/v1"]
    update = f"{OLD} {NEW} refs/tags/v1"
    assert allowed(api, update, ADMIN) == "Protected tags cannot be updated."


def test_post_receive_repository_is_no_longer_empty(make_api: MakeApi) -> None:
    """After its first branch a repository is not empty: its own rules count."""
    seed = private(empty=True, branches=[], protected_branches=[{"name": "main"}])
    api = make_api(seed)
    anything = f"{ZEROS} {NEW} refs/heads/anything"
    assert "does not yet exist" in str(allowed(api, anything))
    post_receive(api, f"{ZEROS} {NEW} refs/tags/v1")
    assert "does not yet exist" in str(allowed(api, anything))
    assert allowed(api, f"{ZEROS} {NEW} refs/heads/main", MAINTAINER) is None
    post_receive(api, f"{ZEROS} {NEW} refs/heads/main")
    assert allowed(api, anything) is None
    assert post_receive(api) == [("basic", created("fresh"))]


def test_post_receive_thousands_of_refs(make_api: MakeApi) -> None:
    """A mirror's push of thousands of refs is remembered, each with its message."""
    api = make_api(world())
    changes = "".join(f"{ZEROS} {NEW} refs/heads/b{n}\n" for n in range(3000))
    assert len(post_receive(api, changes)) == 3000
    assert len(names(api)) == 3002


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = ("gl_repository", "project", "identifier", "changes", "push_options", "key_id")


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    params=st.fixed_dictionaries(
        {"gl_repository": st.just(PRIVATE) | JSON},
        optional=dict.fromkeys(NAMES[1:], JSON),
    ),
    route=st.sampled_from(["allowed", "pre_receive", "post_receive"]),
)
def test_pushes_never_500(demo: Api, params: dict[str, Any], route: str) -> None:
    """Whatever is sent, the answer is GitLab's JSON, never a failure of the server."""
    answer = demo.post_json(route, {"action": PUSH} | params)
    if answer.content_type == "text/plain":
        assert (answer.status_int, answer.text) == (400, "Bad Request")
    else:
        assert answer.status_int in {200, 400, 401, 404}
        json.loads(answer.text)


if TYPE_CHECKING:
    from api import Api, Clock, MakeApi


def test_post_receive_forgets_what_git_cannot_have(make_api: MakeApi) -> None:
    """A ref with a control character is not kept: no seed could name it."""
    api = make_api(world())
    change = f"{'0' * 40} {'1' * 40} refs/heads/a\x01b"
    params = {"gl_repository": "project-1", "changes": change}
    assert api.post_json("post_receive", params).status_int == 200
    names = [name for (name,) in api.rows("SELECT name FROM git_refs")]
    assert names
    assert all(name.isprintable() for name in names)
