"""Seeds: what is read, loaded and exported, and every mistake in words."""

from __future__ import annotations

import base64
import json
import typing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from internal_api import seed_document, seeds
from internal_api.repository.database import Database

NOW = datetime(2022, 8, 1, 12, 0, tzinfo=UTC)
LATER = "2022-08-01T13:00:00.000Z"


def ed25519(number: int) -> str:
    """A key line of its own for every number."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + number.to_bytes(32, "big")
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def digest(number: int) -> str:
    """A SHA-256 in hex of its own for every number."""
    return f"{number:064x}"


# Every key of the format, none of them with its default.
RICH: dict[str, Any] = {
    "settings": {
        "external_url": "https://gitlab.example.com",
        "gitlab_version": "15.3.1",
        "gitlab_revision": "0123456",
        "gitaly": {
            "address": "tcp://gitaly:8075",
            "token": "a token",
            "features": {"gitaly-feature-one": "true", "gitaly-feature-two": False},
            "storage": "fast",
            "storage_path": "/var/repositories",
        },
        "enabled_git_access_protocol": "ssh",
        "receive_max_input_size": 50,
        "read_only": True,
        "default_branch_protection": "none",
        "error_tracking_enabled": False,
        "error_tracking_access_token": "an access token",
        "environment": "production",
        "licensed_features": ["group_saml"],
        "gitlab_com": False,
        "rate_limit_per_minute": 600,
        "merge_request_links": False,
        "http_upload_pack": False,
        "http_receive_pack": False,
        "ssh_key_restrictions": {"rsa": 3072, "dsa": "forbidden"},
        "scim_token": "instance-scim-token",
    },
    "users": [
        {
            "id": 5,
            "username": "Ann",
            "name": "Ann Ström ☃ 🐈",
            "email": "ann@corp.example",
            "admin": True,
            "namespace_id": 50,
            "state": "blocked",
            "user_type": "project_bot",
            "emails": ["ann@home.example", "second@home.example"],
            "external": True,
            "confirmed": False,
            "password_expired": True,
            "terms_accepted": False,
            "two_factor_enabled": True,
            "otp_secret": "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
            "can_create_projects": False,
            "personal_access_tokens": [
                {
                    "id": 3,
                    "name": "ci",
                    "token": "glpat-one",
                    "scopes": ["api", "read_user"],
                    "expires_at": "2023-01-01",
                    "revoked": True,
                    "last_used_at": "2022-07-01T00:00:00.000Z",
                }
            ],
            "last_activity_on": "2022-07-31",
            "consumed_timestep": 55_312_000,
            "otp_backup_code_digests": [digest(1), digest(2)],
            "provisioned_by_group": "top/sub",
        },
        {"username": "bob"},
        {"username": "ghost", "user_type": "ghost"},
    ],
    "keys": [
        {
            "id": 9,
            "user": "ann",
            "title": "laptop",
            "key": f"{ed25519(1)} ann@laptop",
            "created_at": "2019-06-27T15:29:02.219Z",
            "expires_at": "2023-06-27T15:29:02.219Z",
            "usage_type": "signing",
            "last_used_at": "2022-07-01T00:00:00.000Z",
        },
        {"user": "bob", "key": f"{ed25519(2)} bob@laptop"},
    ],
    "deploy_keys": [
        {
            "id": 12,
            "title": "ci",
            "key": ed25519(3),
            "user": "bob",
            "created_at": "2019-06-27T15:29:02.219Z",
            "expires_at": "2023-06-27T15:29:02.219Z",
            "last_used_at": "2022-07-01T00:00:00.000Z",
            "projects": {"top/sub/app": "write", "bob/dotfiles": "read"},
        },
        {"title": "of nobody", "key": ed25519(4)},
    ],
    "groups": [
        {
            "id": 21,
            "full_path": "top/sub",
            "name": "The Sub",
            "visibility": "internal",
            "members": {
                "Ann": "owner",
                "bob": {"access_level": "developer", "state": "awaiting"},
            },
            "shared_with": {"friends": "reporter"},
            "saml": {
                "enabled": False,
                "default_role": "developer",
                "verified_domains": ["corp.example"],
                "allowed_domains": ["home.example"],
            },
            "scim_token": "group-scim-token",
            "ssh_certificate_authorities": [f"SHA256:{'a' * 43}", "b" * 43],
        },
        {"full_path": "friends", "members": {"bob": "guest"}, "saml": {}},
    ],
    "projects": [
        {
            "id": 4,
            "full_path": "top/sub/app",
            "name": "The App",
            "visibility": "public",
            "members": {"bob": "maintainer"},
            "shared_with": {"friends": "developer"},
            "archived": True,
            "deleted": True,
            "repository": "private",
            "wiki": "disabled",
            "snippets": "private",
            "lfs": False,
            "merge_requests": "disabled",
            "repository_exists": False,
            "empty": True,
            "repository_read_only": True,
            "default_branch": "trunk",
            "redirects": ["old/app", "older/app"],
            "branches": ["trunk", "feature/x"],
            "tags": ["v1.0"],
            "protected_branches": [
                {
                    "name": "release/*",
                    "push": "no_one",
                    "merge": "developer",
                    "allow_force_push": True,
                }
            ],
            "protected_tags": [{"name": "v*", "create": "no_one"}],
            "merge_requests_open": [
                {
                    "iid": 7,
                    "source_branch": "feature/x",
                    "target_branch": "trunk",
                    "allow_collaboration": True,
                    "merging_sha": "f" * 40,
                }
            ],
            "lfs_objects": [digest(5)],
            "error_tracking_keys": [{"public_key": "a key", "active": False}],
            "scan_execution_policies": [
                {
                    "name": "Nightly",
                    "description": "At night",
                    "enabled": False,
                    "yaml": "---\nname: Nightly\n\ntrailing: ' '  \n",
                    "updated_at": "2022-06-02T05:36:26+00:00",
                },
                {"name": "Another", "yaml": ""},
            ],
        },
        {"full_path": "bob/dotfiles", "protected_branches": [], "branches": []},
        {"full_path": "made/parents/here", "visibility": "internal"},
    ],
    "snippets": [
        {"id": 8, "author": "ann", "project": "top/sub/app", "visibility": "public"},
        {"author": "bob"},
        {"author": "bob"},
    ],
    "agents": [
        {
            "id": 6,
            "name": "production",
            "project": "top/sub/app",
            "created_by": "bob",
            "tokens": [
                {
                    "token": "agent-token",
                    "revoked": True,
                    "last_used_at": "2022-07-01T00:00:00.000Z",
                },
                {"token_digest": digest(6)},
            ],
        },
        {"name": "staging", "project": "top/sub/app"},
    ],
    "subscriptions": [
        {
            "namespace": "top",
            "plan_code": "premium",
            "seats": 80,
            "seats_in_use": 82,
            "max_seats_used": 83,
            "seats_owed": 2,
            "start_date": "2020-07-15",
            "end_date": "2021-07-15",
            "trial": True,
            "auto_renew": False,
            "trial_starts_on": "2020-07-01",
            "trial_ends_on": "2020-07-14",
            "trial_extension_type": 1,
            "max_seats_used_changed_at": "2021-01-01T00:00:00Z",
            "updated_at": "2021-02-01T00:00:00Z",
        },
        {"namespace": "bob", "start_date": "2020-07-15", "max_seats_used": None},
    ],
    "subscription_histories": [
        {
            "id": 3,
            "namespace": "top",
            "created_at": "2021-01-01T00:00:00Z",
            "plan_code": "free",
            "seats": 40,
            "max_seats_used": 41,
            "start_date": "2019-07-15",
            "end_date": "2020-07-15",
            "trial": True,
            "auto_renew": True,
            "trial_starts_on": "2019-07-01",
            "trial_ends_on": "2019-07-14",
            "trial_extension_type": 2,
        },
        {
            "namespace": "top",
            "created_at": "2021-01-01T00:00:00Z",
            "start_date": "2019-07-15",
        },
    ],
    "subscription_add_on_purchases": [
        {
            "namespace": "top",
            "add_on": "code_suggestions",
            "quantity": 10,
            "expires_on": "2024-07-15",
            "purchase_xid": "S-A00000001",
        }
    ],
    "storage_limit_exclusions": [{"id": 5, "namespace": "top", "reason": "a reason"}],
    "last_ids": {"storage_limit_exclusions": 8},
    "minutes_packs": [
        {
            "id": 2,
            "namespace": "top",
            "number_of_minutes": 10000,
            "expires_at": "2022-01-01",
            "purchase_xid": "46952fe69bebc1a4de10b2b4ff439d0c",
        }
    ],
    "upcoming_reconciliations": [
        {
            "namespace": "top",
            "next_reconciliation_date": "2021-06-13",
            "display_alert_from": "2021-06-06",
        }
    ],
    "scim_identities": [
        {
            "id": 4,
            "group": "top/sub",
            "user": "ann",
            "extern_uid": "0b1d561c",
            "active": False,
        },
        {"user": "ann", "extern_uid": "0B1D561C"},
    ],
    "ci_jobs": [
        {
            "id": 2,
            "token": "ci-job-token",
            "user": "bob",
            "project": "top/sub/app",
            "pipeline_id": 33,
            "environment": "production",
        }
    ],
    "broadcast_messages": [
        {
            "id": 3,
            "message": 'Down at noon: "be\nready"\u2028',
            "broadcast_type": "notification",
            "target_path": "top/*",
            "starts_at": "2022-08-01T00:00:00.000Z",
            "ends_at": "2022-08-02T00:00:00.000Z",
        },
        {"message": "Twice"},
        {"message": "Twice"},
    ],
    "findings": [
        {
            "uuid": "4773b2ee-5ba5-5e9f-b48c-5f7a17f0faac",
            "project": "top/sub/app",
            "agent": "production",
            "state": "resolved",
            "name": "CVE-123-4567 in libc",
            "severity": "high",
            "confidence": "unknown",
            "location": {"kubernetes_resource": {"name": "nginx", "pods": [1, None]}},
            "identifiers": [{"type": "cve", "value": "2020-01-01"}],
            "scanner": {"id": "starboard_trivy"},
        }
    ],
    "alerts": [
        {
            "id": 3,
            "project": "top/sub/app",
            "title": "New: Alert",
            "fingerprint": "0" * 40,
            "events": 4,
            "state": "resolved",
            "payload": {"flow": {"verdict": "DROPPED", "at": 1.5}},
        },
        {"project": "top/sub/app", "title": "Twice"},
        {"project": "top/sub/app", "title": "Twice"},
    ],
    "usage_counters": {"kubernetes_agent_gitops_sync": 7},
    "usage_unique_counters": {"agent_users_using_ci_tunnel": [1, 42]},
    "agent_authorizations": [
        {
            "agent": "production",
            "agent_project": "top/sub/app",
            "access": "user",
            "project": "bob/dotfiles",
            "configuration": {"default_namespace": "apps"},
        },
        {
            "agent": "production",
            "agent_project": "top/sub/app",
            "access": "ci",
            "group": "friends",
        },
    ],
    "reference_counters": {"project-4": 2},
    "post_push_messages": [
        {
            "user": "bob",
            "gl_repository": "project-4",
            "type": "container_moved",
            "message": "Project 'old/app' was moved to 'top/sub/app'.\n\n  git\n",
            "expires_at": LATER,
        }
    ],
}


def empty() -> Database:
    """A database in memory with nothing in it."""
    database = Database()
    database.create()
    return database


def write(folder: Path, content: object, name: str = "seed.yml") -> str:
    """The path of a seed file with this content."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def load(database: Database, folder: Path, *contents: object) -> seeds.Summary:
    """Load files of these contents together."""
    names = [write(folder, each, f"{i}.yml") for i, each in enumerate(contents)]
    return seeds.load(database, [seeds.read(name) for name in names], NOW)


def export(database: Database) -> str:
    """The database as a seed, at the time at which everything is loaded."""
    return seeds.export(database, NOW)


def rows(database: Database, table: str) -> list[dict[str, Any]]:
    """The rows of a table, in no matter which order they came."""
    with database.reading() as connection:
        cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608
        names = [column[0] for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor]
    return sorted(found, key=repr)


def state(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every table but for what is random in each database."""
    with database.reading() as connection:
        select = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = [name for (name,) in connection.execute(select)]
    content = {table: rows(database, table) for table in tables}
    for row in content["application_settings"]:
        del row["db_key_base"]
    return content


def one(database: Database, table: str, **where: object) -> dict[str, Any]:
    """The one row of a table that has these values."""
    (found,) = (row for row in rows(database, table) if where.items() <= row.items())
    return found


@pytest.fixture
def database() -> Database:
    """A database in memory with nothing in it."""
    return empty()


def structs(kind: type) -> set[type[msgspec.Struct]]:
    """The mappings that a type of the format may hold."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        inner = (structs(field.type) for field in msgspec.structs.fields(kind))
        return {kind}.union(*inner)
    return set[type[msgspec.Struct]]().union(*map(structs, typing.get_args(kind)))


def named_keys(value: object) -> set[str]:
    """The keys of all mappings within a value."""
    if isinstance(value, dict):
        return set(value).union(*map(named_keys, value.values()))
    if isinstance(value, list):
        return set[str]().union(*map(named_keys, value))
    return set()


def test_rich_world_names_every_key() -> None:
    """The world that the tests below load leaves no key of the format out."""
    known = {
        name
        for struct in structs(seed_document.Document)
        for name in struct.__struct_fields__
    }
    assert known - named_keys(RICH) == {"scim_token_digest"}


@pytest.mark.parametrize("seed", ["demo", "rich"])
def test_export_loads_back_to_the_same_state(
    database: Database, tmp_path: Path, seed: str
) -> None:
    """What export prints makes, in an empty database, the same rows and export."""
    if seed == "demo":
        seeds.load(database, [seeds.read("demo")], NOW)
    else:
        load(database, tmp_path, RICH)
    text = export(database)
    copy = empty()
    load(copy, tmp_path, text)
    assert state(copy) == state(database)
    assert export(copy) == text


@pytest.mark.parametrize("seed", ["demo", "rich"])
def test_loading_twice_changes_nothing(
    database: Database, tmp_path: Path, seed: str
) -> None:
    """A seed that is loaded again finds its entries, with ids or without."""
    name = "demo" if seed == "demo" else write(tmp_path, RICH)
    first = seeds.load(database, [seeds.read(name)], NOW)
    before = state(database)
    assert seeds.load(database, [seeds.read(name)], NOW) == first
    assert state(database) == before


def test_policies_are_updated_when_they_change(
    database: Database, tmp_path: Path
) -> None:
    """A policy that is loaded again as it was keeps its time."""

    def times(**members: object) -> list[tuple[str, str]]:
        named = [{"name": "a", "yaml": "x"}, {"name": "b", "yaml": "y"} | members]
        project = {"full_path": "a/b", "scan_execution_policies": named}
        seed = seeds.read(write(tmp_path, {"projects": [project]}))
        moments.append(moments[-1] + timedelta(hours=1))
        seeds.load(database, [seed], moments[-1])
        with database.reading() as connection:
            select = "SELECT name, updated_at FROM scan_execution_policies ORDER BY 1"
            return list(map(tuple, connection.execute(select)))

    moments = [NOW]
    first = times()
    assert times() == first
    (same, changed) = times(description="new")
    assert same == first[0]
    assert changed > first[1]
    (same, again) = times()
    assert same == first[0]
    assert again > changed


def test_what_a_finding_does_not_say_stays(database: Database, tmp_path: Path) -> None:
    """A new finding has the defaults; one that is there keeps what it has."""
    finding = {"uuid": "u", "project": "a/b", "agent": "x", "name": "n"}
    places = {"agents": [{"name": "x", "project": "a/b"}]} | {
        "projects": [{"full_path": "a/b"}]
    }
    select = "SELECT severity, confidence FROM vulnerability_findings"
    found = []
    for members in ({}, {"severity": "low", "confidence": None}, {}):
        load(database, tmp_path, places | {"findings": [finding | members]})
        with database.reading() as connection:
            found.append(connection.execute(select).fetchone())
    assert found == [("high", "unknown"), ("low", None), ("low", None)]


def test_loading_an_export_over_the_same_state_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    """An export is a seed of the database it came from, too."""
    load(database, tmp_path, RICH)
    before = state(database)
    load(database, tmp_path, export(database))
    assert state(database) == before


def test_json_and_yaml_are_the_same(database: Database, tmp_path: Path) -> None:
    """A JSON file and a YAML file of the same content make the same state."""
    load(database, tmp_path, RICH)
    other = empty()
    load(other, tmp_path, yaml.safe_dump(RICH, sort_keys=False))
    assert state(other) == state(database)


def test_summary_counts_the_entries(database: Database, tmp_path: Path) -> None:
    """The summary counts the entries of all files, in the order of the format."""
    users = {"users": [{"username": "ann"}, {"username": "bob"}]}
    group = {"groups": [{"full_path": "a"}], "scim_identities": [], "settings": {}}
    settings = {"settings": {"read_only": True}}
    identity = {
        "users": [{"username": "cid"}],
        "scim_identities": [{"group": "a", "user": "ann", "extern_uid": "1"}],
    }
    summary = load(database, tmp_path, users, group, settings, identity)
    assert str(summary) == "3 users, 1 group, 1 setting, 1 scim identity"
    assert str(load(database, tmp_path, "")) == "no entries"


class TestDemo:
    """The world of the documentation's examples."""

    @pytest.fixture(autouse=True)
    def _load(self, database: Database) -> None:
        seeds.load(database, [seeds.read("demo")], NOW)

    def test_instance(self, database: Database) -> None:
        """`check`, `allowed` and `post_receive` find what they answer with."""
        settings = one(database, "application_settings")
        assert settings["external_url"] == "http://localhost:3001"
        assert settings["gitlab_version"] == "12.3.0-pre"
        assert settings["gitlab_revision"] == "d69c988e6a6"
        address = "unix:/Users/bvl/repos/gitlab/gitaly.socket"
        assert settings["gitaly_address"] == address
        banner = one(database, "broadcast_messages")
        assert banner["message"] == "Hello from post-receive"

    def test_people(self, database: Database) -> None:
        """The users and keys of the examples have the documented ids."""
        root = one(database, "users", id=1)
        assert (root["username"], root["admin"]) == ("root", 1)
        rubi = one(database, "users", id=7)
        assert (rubi["username"], rubi["name"]) == ("rubi", "Dede Eichmann")
        assert rubi["two_factor_enabled"] == 1
        assert one(database, "keys", id=7)["user_id"] == rubi["id"]
        key = one(database, "keys", id=11)
        assert (key["user_id"], key["key_type"]) == (1, "rsa")
        assert key["title"] == "admin@example.com"
        assert key["created_at"] == "2019-06-27T15:29:02.219Z"
        assert one(database, "users", id=29)["state"] == "active"

    def test_places(self, database: Database) -> None:
        """The projects and namespaces of the examples have the documented ids."""
        routes = {
            (row["source_type"], row["source_id"]): row["path"]
            for row in rows(database, "routes")
        }
        assert routes["Project", 3] == "gnuwget/wget2"
        public = {
            row["id"]: row["visibility_level"] for row in rows(database, "projects")
        }
        assert (public[3], public[7], set(public)) == (20, 20, {3, 7, 111})
        for namespace_id in (22, 123, 127, 129, 321, 1234):
            namespace = one(database, "namespaces", id=namespace_id)
            assert (namespace["type"], namespace["parent_id"]) == ("Group", None)
        assert one(database, "upcoming_reconciliations")["namespace_id"] == 22
        one(database, "members", source_type="Namespace", source_id=1234)
        assert rows(database, "gitlab_subscriptions") == []

    def test_policies(self, database: Database) -> None:
        """The policies are the documented one and a scheduled one for the agent."""
        documented = one(database, "scan_execution_policies", name="Policy")
        assert documented == {
            "project_id": 3,
            "name": "Policy",
            "position": 0,
            "description": "Policy description",
            "enabled": 1,
            "yaml": "---\nname: Policy\ndescription: 'Policy description'\n"
            "enabled: true\nactions:\n- scan: container_scanning\nrules:\n"
            "- type: pipeline\n  branches:\n  - main\n",
            "updated_at": "2022-06-02T05:36:26+00:00",
        }
        agent = one(database, "cluster_agents", project_id=3)
        scheduled = one(database, "scan_execution_policies", position=1)
        (rule,) = yaml.safe_load(scheduled["yaml"])["rules"]
        assert rule == {
            "type": "schedule",
            "cadence": "30 2 * * *",
            "agents": {agent["name"]: {"namespaces": ["namespace-a", "namespace-b"]}},
        }
        assert scheduled["updated_at"] == "2022-06-02T05:36:26+00:00"

    def test_provisioned_users(self, database: Database) -> None:
        """Both SCIM users are members with the default role, somebody else owns."""
        group = one(database, "routes", path="test_group")["source_id"]
        role = one(database, "saml_providers", group_id=group)
        members = {
            row["user_id"]: row["access_level"]
            for row in rows(database, "members")
            if row["source_id"] == group
        }
        identities = {
            row["extern_uid"]: row["user_id"]
            for row in rows(database, "scim_identities")
        }
        first = identities["0b1d561c-21ff-4092-beab-8154b17f82f2"]
        second = identities["f0b1d561c-21ff-4092-beab-8154b17f82f2"]
        user = one(database, "users", id=first)
        assert (user["username"], user["name"]) == ("username", "Test User")
        assert user["email"] == "name@example.com"
        assert members.pop(first) == role["default_membership_role"]
        assert members.pop(second) == role["default_membership_role"]
        assert list(members.values()) == [50]


def test_defaults_of_a_user(database: Database, tmp_path: Path) -> None:
    """A user has the username for a name, an address and a namespace of its own."""
    load(database, tmp_path, {"users": [{"username": "ann"}]})
    user = one(database, "users")
    assert (user["name"], user["email"]) == ("ann", "ann@example.com")
    namespace = one(database, "namespaces", owner_id=user["id"])
    assert namespace["type"] == "User"
    route = one(database, "routes", source_id=namespace["id"])
    assert (route["source_type"], route["path"]) == ("Namespace", "ann")


@pytest.mark.parametrize(
    ("members", "branches", "protected"),
    [
        ({}, ["main"], ["main"]),
        ({"default_branch": "trunk"}, ["trunk"], ["trunk"]),
        ({"empty": True}, [], ["main"]),
        ({"branches": []}, [], ["main"]),
        ({"branches": ["x"], "protected_branches": []}, ["x"], []),
        ({"protected_branches": [{"name": "x*"}]}, ["main"], ["x*"]),
    ],
)
def test_defaults_of_a_project(
    database: Database,
    tmp_path: Path,
    members: dict[str, Any],
    branches: list[str],
    protected: list[str],
) -> None:
    """The default branch exists and is protected unless the seed says otherwise."""
    load(database, tmp_path, {"projects": [{"full_path": "a/b"} | members]})
    assert [row["name"] for row in rows(database, "git_refs")] == [
        f"refs/heads/{name}" for name in branches
    ]
    rules = rows(database, "protected_branches")
    assert [rule["name"] for rule in rules] == protected
    assert all(rule["push_access_level"] == 40 for rule in rules)
    project = one(database, "projects")
    assert (project["name"], project["visibility_level"]) == ("b", 0)


def test_a_parent_that_is_made_comes_before_all_projects(
    database: Database, tmp_path: Path
) -> None:
    """In whichever order projects come, the groups that they need are there."""
    projects = [{"full_path": "ada/app"}, {"full_path": "team/app"}]
    load(database, tmp_path, {"users": [{"username": "ada"}], "projects": projects})
    load(
        database, tmp_path, {"projects": [{"full_path": "ada/b"}, {"full_path": "c/d"}]}
    )
    paths = [route["path"] for route in rows(database, "routes")]
    assert {"ada/app", "team/app", "ada/b", "c/d", "c"} <= set(paths)


def test_parents_are_made_and_hide_nothing(database: Database, tmp_path: Path) -> None:
    """What is made above a project is as visible as the most visible thing below."""
    projects = [
        {"full_path": "a/b/private"},
        {"full_path": "a/b/c/public", "visibility": "public"},
        {"full_path": "a/internal", "visibility": "internal"},
    ]
    group = {"full_path": "a/named", "visibility": "private"}
    load(database, tmp_path, {"projects": projects, "groups": [group]})
    paths = {
        row["source_id"]: row["path"]
        for row in rows(database, "routes")
        if row["source_type"] == "Namespace"
    }
    groups = rows(database, "namespaces")
    assert {paths[row["id"]]: row["visibility_level"] for row in groups} == {
        "a": 20,
        "a/b": 20,
        "a/b/c": 20,
        "a/named": 0,
    }
    ancestors = {
        (paths[row["namespace_id"]], paths[row["ancestor_id"]])
        for row in rows(database, "namespace_ancestors")
    }
    assert {above for below, above in ancestors if below == "a/b/c"} == {
        "a",
        "a/b",
        "a/b/c",
    }
    assert rows(database, "members") == []


def test_projects_in_a_personal_namespace(database: Database, tmp_path: Path) -> None:
    """A project below a username is in the user's namespace, in any case."""
    content = {
        "users": [{"username": "Rubi", "namespace_id": 77}],
        "projects": [{"full_path": "rubi/dotfiles"}],
    }
    load(database, tmp_path, content)
    assert one(database, "projects")["namespace_id"] == 77


def test_ids_are_counted_from_above_all_others(
    database: Database, tmp_path: Path
) -> None:
    """A new id is larger than those in use and those named in the same load."""
    load(database, tmp_path, {"users": [{"username": "ann", "id": 10}]})
    users = [{"username": "bob"}, {"username": "cid", "id": 40}]
    groups = {"groups": [{"full_path": "g", "id": 100}], "users": [{"username": "dan"}]}
    load(database, tmp_path, {"users": users}, groups)
    ids = {row["username"]: row["id"] for row in rows(database, "users")}
    assert ids == {"ann": 10, "bob": 41, "cid": 40, "dan": 42}
    owners = {row["owner_id"]: row["id"] for row in rows(database, "namespaces")}
    assert owners == {10: 1, 41: 101, 40: 102, 42: 103, None: 100}


def test_changed_entries_change_what_they_name(
    database: Database, tmp_path: Path
) -> None:
    """An entry sets what it says, lists as a whole, and leaves alone the rest."""
    load(database, tmp_path, RICH)
    before = state(database)
    changes = {
        "settings": {"gitaly": {"token": None}, "scim_token": None},
        "users": [{"username": "ANN", "admin": False, "emails": ["new@home.example"]}],
        "groups": [
            {
                "full_path": "Top/Sub",
                "members": {"bob": "owner"},
                "saml": None,
                "scim_token": None,
            }
        ],
        "projects": [{"full_path": "top/sub/app", "archived": False, "tags": []}],
        "keys": [{"user": "bob", "key": ed25519(1)}],
        "subscriptions": [{"namespace": "top", "start_date": "2021-01-01"}],
        "reference_counters": {"project-4": 0},
    }
    load(database, tmp_path, changes)
    after = state(database)

    def changed(table: str) -> list[dict[str, Any]]:
        return [row for row in after[table] if row not in before[table]]

    (instance,) = changed("application_settings")
    assert instance == before["application_settings"][0] | {
        "gitaly_token": None,
        "scim_token_digest": None,
    }
    (user,) = changed("users")
    assert (user["username"], user["admin"]) == ("Ann", 0)
    assert [row["email"] for row in after["emails"]] == ["new@home.example"]
    assert [row["access_level"] for row in changed("members")] == [50]
    assert len(after["members"]) == len(before["members"]) - 1
    assert len(after["saml_providers"]) == len(before["saml_providers"]) - 1
    assert after["scim_oauth_access_tokens"] == []
    assert [row["archived"] for row in changed("projects")] == [0]
    assert {row["name"] for row in after["git_refs"] if row["project_id"] == 4} == {
        "refs/heads/trunk",
        "refs/heads/feature/x",
    }
    (key,) = changed("keys")
    assert (key["user_id"], key["title"]) == (
        one(database, "users", username="bob")["id"],
        "laptop",
    )
    (subscription,) = changed("gitlab_subscriptions")
    assert (subscription["start_date"], subscription["seats"]) == ("2021-01-01", 80)
    assert after["reference_counters"] == []
    assert after["personal_access_tokens"] == before["personal_access_tokens"]


def test_tokens_of_a_list_are_added(database: Database, tmp_path: Path) -> None:
    """A list of tokens sets those that it names, and takes none away."""
    first = {"name": "one", "token": "first", "scopes": ["api"]}
    second = {"name": "two", "token": "second", "scopes": []}
    for token in (first, second, first | {"revoked": True}):
        user = {"username": "ann", "personal_access_tokens": [token]}
        load(database, tmp_path, {"users": [user]})
    tokens = rows(database, "personal_access_tokens")
    assert [(each["name"], each["revoked"]) for each in tokens] == [
        ("one", 1),
        ("two", 0),
    ]


def test_tokens_are_stored_as_digests(database: Database, tmp_path: Path) -> None:
    """No text of a token reaches the database, and none is exported."""
    load(database, tmp_path, RICH)
    tokens = ["glpat-one", "agent-token", "ci-job-token", "group-scim-token"]
    content = database.image() + export(database).encode()
    assert [token for token in tokens if token.encode() in content] == []


def test_export_leaves_out_what_has_expired(database: Database, tmp_path: Path) -> None:
    """Counters and messages that no route would find any more are not exported."""
    load(database, tmp_path, RICH)
    late = seeds.export(database, datetime(2022, 8, 2, tzinfo=UTC))
    exported = yaml.safe_load(late)
    assert "reference_counters" not in exported
    assert "post_push_messages" not in exported


def test_load_adds_to_the_open_files_of_one_transaction(
    database: Database, tmp_path: Path
) -> None:
    """A mistake in the last file undoes the first."""
    before = state(database)
    with pytest.raises(seeds.SeedError):
        load(database, tmp_path, RICH, {"keys": [{"user": "no", "key": ed25519(7)}]})
    assert state(database) == before
    load(database, tmp_path, RICH)


KEY = ed25519(1)
ANN = {"username": "ann"}
BOB = {"username": "bob"}
DOG = {"full_path": "a/b"}
AGENT = {"name": "x", "project": "a/b"}
JOB = {"token": "t", "user": "ann", "project": "a/b", "pipeline_id": 1}
PACK = {"namespace": "a", "number_of_minutes": 1, "expires_at": "2022-01-01"}
ADD_ON = {
    "namespace": "a",
    "add_on": "duo_enterprise",
    "quantity": 1,
    "expires_on": "2022-01-01",
    "purchase_xid": "x",
}
IDENTITY = {"group": "a", "user": "ann", "extern_uid": "1"}
WORLD = {"users": [ANN], "projects": [DOG], "agents": [AGENT]}
TOKEN = {"name": "n", "token": "t"}
GRANT = {"agent": "x", "agent_project": "a/b", "access": "ci"}
FINDING = {"uuid": "1", "project": "a/b", "agent": "x", "name": "n", "severity": "low"}
TAKEN = "belongs to another entry"


def changed(**members: Any) -> dict[str, Any]:
    """A world with other members."""
    return WORLD | members


GHOST = {"user_type": "ghost"}
MISTAKES: list[tuple[object, str, str]] = [
    # What is no seed at all.
    ([], "", "Expected `object`, got `array`"),
    ("just text", "", "Expected `object`, got `str`"),
    ("a: [1", "", "line 2: did not find expected ',' or ']'"),
    ("a: 1\n\tb: 2", "", "line 2: found a tab character that violates indentation"),
    ("a: \x00", "", "unacceptable character #x0000: control characters are not"),
    ("a: 1\n---\nb: 2", "", "line 2: but found another document"),
    ("users: []\nusers: []", "", "line 2: users is there twice"),
    ("a: !!python/name:os.system", "", "line 1: could not determine a constructor"),
    ("a: &a [*a]", "", "an alias stands for itself"),
    (b"users: [\xff]", "", "not UTF-8, from byte 8"),
    ('{"users": [{"username": "\\ud800"}]}', "", "line 1: found invalid Unicode"),
    ("[" * 900 + "]" * 900, "", "nested too deeply"),
    ("users: !!bool maybe", "", "a tag that does not fit its value"),
    ('users: !!int ""', "", "a tag that does not fit its value"),
    ("users: !!set [a]", "", "a tag that does not fit its value"),
    ('{"users": [], "users": []}', "", "users is there twice"),
    ('{"users": [{"username": "a", "username": "b"}]}', "", "username is there twice"),
    # Keys and values that the format does not know.
    ({"nope": 1}, "", "Object contains unknown field `nope`"),
    ({"users": [{"nope": 1}]}, "users[0]", "Object contains unknown field `nope`"),
    ({"users": [{}]}, "users[0]", "Object missing required field `username`"),
    ({"users": {}}, "users", "Expected `array`, got `object`"),
    ({"users": [ANN, 5]}, "users[1]", "Expected `object`, got `int`"),
    ({"users": [ANN | {"id": "1"}]}, "users[0].id", "Expected `int`, got `str`"),
    ({"users": [ANN | {"id": 0}]}, "users[0].id", "Expected `int` >= 1"),
    ({"users": [ANN | {"id": 2**70}]}, "users[0].id", "Expected `int` <= "),
    ({"users": [ANN | {"admin": 1}]}, "users[0].admin", "Expected `bool`, got `int`"),
    ({"users": [ANN | {"state": "x"}]}, "users[0].state", "Invalid enum value 'x'"),
    ({"users": [ANN | {"email": ""}]}, "users[0].email", "Expected `str` of length"),
    ({"users": [{"username": "a b"}]}, "users[0].username", "not a username"),
    ({"users": [{"username": "a/b"}]}, "users[0].username", "not a username"),
    ({"users": [{"username": "-a"}]}, "users[0].username", "not a username"),
    ({"users": [ANN | {"otp_secret": "1!"}]}, "users[0].otp_secret", "not a secret of"),
    (
        {"users": [ANN | {"otp_secret": "JBSWY3DPEHPK3PXP"}]},
        "users[0].otp_secret",
        "not a secret of 14 bytes",
    ),
    ({"users": [ANN | {"otp_secret": ""}]}, "users[0].otp_secret", "not a secret of"),
    (
        {"users": [ANN | {"last_activity_on": "2022-02-30"}]},
        "users[0].last_activity_on",
        "not a date",
    ),
    (
        {"users": [ANN | {"personal_access_tokens": [{"name": "n"}]}]},
        "users[0].personal_access_tokens[0]",
        "needs `token` or `token_digest`",
    ),
    (
        {
            "users": [
                ANN | {"personal_access_tokens": [TOKEN | {"token_digest": "0" * 64}]}
            ]
        },
        "users[0].personal_access_tokens[0]",
        "needs `token` or `token_digest`, and one of them only",
    ),
    (
        {
            "users": [
                ANN | {"personal_access_tokens": [{"name": "n", "token_digest": "t"}]}
            ]
        },
        "users[0].personal_access_tokens[0].token_digest",
        "not a SHA-256 in hex",
    ),
    ({"keys": [{"user": "ann", "key": 5}]}, "keys[0].key", "not an SSH public key"),
    (
        {"keys": [{"user": "ann", "key": "ssh-rsa A"}]},
        "keys[0].key",
        "not an SSH public key: the ssh-rsa blob is not Base64",
    ),
    (
        {"keys": [{"user": "ann", "key": KEY, "created_at": "noon"}]},
        "keys[0].created_at",
        "not a time",
    ),
    (
        {"keys": [{"user": "ann", "key": KEY, "expires_at": "0001-01-01T00+10:00"}]},
        "keys[0].expires_at",
        "not a time",
    ),
    ({"groups": [{"full_path": "a//b"}]}, "groups[0].full_path", "not a path"),
    ({"groups": [{"full_path": "/a"}]}, "groups[0].full_path", "not a path"),
    ({"groups": [{"full_path": "a.git"}]}, "groups[0].full_path", "not a path"),
    ({"groups": [{"full_path": "a."}]}, "groups[0].full_path", "not a path"),
    (
        {"groups": [{"full_path": "a", "members": {"ann": "boss"}}]},
        "groups[0].members.ann",
        "Invalid enum value 'boss'",
    ),
    (
        {"usage_counters": {"a": 1, "b": 2, "c": "x", "d": "y", "e": 3}},
        "usage_counters.c",
        "Expected `int`, got `str`",
    ),
    (
        {"groups": [{"full_path": "a", "members": {"ann": {"access_level": "boss"}}}]},
        "groups[0].members.ann.access_level",
        "Invalid enum value 'boss'",
    ),
    (
        {"groups": [{"full_path": "a", "members": {"a\nb": "boss"}}]},
        "groups[0].members.'a\\nb'",
        "Invalid enum value 'boss'",
    ),
    (
        {"groups": [{"full_path": "a", "visibility": "n - at `$.groups[...]`"}]},
        "groups[0].visibility",
        "Invalid enum value 'n - at ",
    ),
    (
        {"settings": {}, "x - at `$.settings[...]": 1},
        "settings[...]",
        "Object contains unknown field `x",
    ),
    (
        {
            "projects": [DOG],
            "agents": [AGENT],
            "agent_authorizations": [
                {
                    "agent": AGENT["name"],
                    "agent_project": AGENT["project"],
                    "project": "",
                }
            ],
        },
        "agent_authorizations[0].project",
        "there is no project",
    ),
    (
        {"users": [ANN], "snippets": [{"author": "ann", "project": ""}]},
        "snippets[0].project",
        "there is no project",
    ),
    (
        {
            "groups": [
                {"full_path": "a", "scim_token": "t", "scim_token_digest": "0" * 64}
            ]
        },
        "groups[0]",
        "has `scim_token` and `scim_token_digest`: one of them only",
    ),
    (
        {"groups": [{"full_path": "a", "ssh_certificate_authorities": ["SHA256:x"]}]},
        "groups[0].ssh_certificate_authorities[0]",
        "not the SHA-256 fingerprint of a key",
    ),
    (
        {"projects": [DOG | {"wiki": "on"}]},
        "projects[0].wiki",
        "Invalid enum value 'on'",
    ),
    ({"projects": [DOG | {"tags": ["a b"]}]}, "projects[0].tags[0]", "not the name of"),
    (
        {"projects": [DOG | {"lfs_objects": ["x"]}]},
        "projects[0].lfs_objects[0]",
        "not a",
    ),
    ({"agents": [AGENT | {"name": "A"}]}, "agents[0].name", "not an agent's name"),
    (
        {"settings": {"ssh_key_restrictions": {"rsa1": 1}}},
        "settings.ssh_key_restrictions",
        "Invalid enum value 'rsa1'",
    ),
    (
        {"settings": {"ssh_key_restrictions": {"rsa": "never"}}},
        "settings.ssh_key_restrictions.rsa",
        "Invalid enum value 'never'",
    ),
    (
        {"settings": {"licensed_features": ["all"]}},
        "settings.licensed_features[0]",
        "Invalid enum value 'all'",
    ),
    (
        {"settings": {"gitaly": {"features": {"x": "yes"}}}},
        "settings.gitaly.features.x",
        "Invalid enum value 'yes'",
    ),
    (
        {"settings": {"receive_max_input_size": -1}},
        "settings.receive_max_input_size",
        "E",
    ),
    (
        {"agent_authorizations": [GRANT]},
        "agent_authorizations[0]",
        "needs `project` or",
    ),
    (
        {"agent_authorizations": [GRANT | {"project": "a/b", "group": "a"}]},
        "agent_authorizations[0]",
        "needs `project` or `group`, and one of them only",
    ),
    (
        "alerts: [{project: a/b, title: t, payload: {x: {null: 1}}}]",
        "alerts[0]",
        "Only dicts with str-like or number-like keys are supported",
    ),
    (
        {"minutes_packs": [PACK | {"purchase_xid": "x" * 33}]},
        "minutes_packs[0].purchase_xid",
        "Expected `str` of length <= 32",
    ),
    (
        {"users": [ANN | {"user_type": "ghost"}, {"username": "b"} | GHOST]},
        "users[1].user_type",
        "belongs to another entry",
    ),
    # Entries that name what is not there.
    ({"keys": [{"user": "no", "key": KEY}]}, "keys[0].user", "there is no user no"),
    (
        {"deploy_keys": [{"user": "no", "key": KEY}]},
        "deploy_keys[0].user",
        "there is no user no",
    ),
    (
        {"deploy_keys": [{"key": KEY, "projects": {"no/no": "read"}}]},
        "deploy_keys[0].projects",
        "there is no project no/no",
    ),
    (
        {"groups": [{"full_path": "a", "members": {"no": "guest"}}]},
        "groups[0].members",
        "there is no user no",
    ),
    (
        {"groups": [{"full_path": "a", "shared_with": {"no": "guest"}}]},
        "groups[0].shared_with",
        "there is no group no",
    ),
    (
        {"users": [ANN | {"provisioned_by_group": "ann"}]},
        "users[0].provisioned_by_group",
        "there is no group ann",
    ),
    (
        {"projects": [DOG | {"members": {"no": "guest"}}]},
        "projects[0].members",
        "there is no user no",
    ),
    (
        {"projects": [DOG | {"shared_with": {"no": "guest"}}]},
        "projects[0].shared_with",
        "there is no group no",
    ),
    ({"snippets": [{"author": "n\no"}]}, "snippets[0].author", "there is no user n o"),
    (
        {"users": [ANN], "snippets": [{"author": "ann", "project": "a/b"}]},
        "snippets[0].project",
        "there is no project a/b",
    ),
    ({"agents": [AGENT]}, "agents[0].project", "there is no project a/b"),
    (
        changed(agents=[AGENT | {"created_by": "no"}]),
        "agents[0].created_by",
        "there is no user no",
    ),
    (
        {"subscriptions": [{"namespace": "no", "start_date": "2022-01-01"}]},
        "subscriptions[0].namespace",
        "there is no group or user no",
    ),
    (
        {"minutes_packs": [PACK | {"purchase_xid": "x"}]},
        "minutes_packs[0].namespace",
        "there is no group or user a",
    ),
    (
        {"scim_identities": [IDENTITY]},
        "scim_identities[0].group",
        "there is no group a",
    ),
    ({"ci_jobs": [JOB]}, "ci_jobs[0].user", "there is no user ann"),
    (
        changed(agents=[], findings=[FINDING]),
        "findings[0].agent",
        "the project has no agent x",
    ),
    (
        changed(agent_authorizations=[GRANT | {"group": "no"}]),
        "agent_authorizations[0].group",
        "there is no group no",
    ),
    (
        {"alerts": [{"project": "no/no", "title": "t"}]},
        "alerts[0].project",
        "there is no project no/no",
    ),
    # An entry that only the database knows to be wrong.
    (
        changed(minutes_packs=[PACK | {"purchase_xid": "\0"}]),
        "",
        "does not fit: CHECK constraint failed",
    ),
    # Entries that contradict each other.
    ({"users": [ANN, {"username": "ANN"}]}, "users[1].username", "named twice"),
    (
        {"users": [ANN | {"id": 1}, BOB | {"id": 1}]},
        "users[1].id",
        "1 is the id of another entry",
    ),
    (
        {"users": [ANN | {"email": "B@x"}, BOB | {"email": "b@x"}]},
        "users[1].email",
        TAKEN,
    ),
    (
        {"users": [ANN | {"emails": ["b@x"]}, BOB | {"email": "b@X"}]},
        "users[1].email",
        TAKEN,
    ),
    (
        {"users": [ANN, BOB | {"emails": ["ann@example.com"]}]},
        "users[1].emails[0]",
        TAKEN,
    ),
    (
        {"users": [ANN | {"emails": ["b@x", "B@x"]}]},
        "users[0].emails[1]",
        "named twice",
    ),
    (
        {
            "users": [
                ANN | {"personal_access_tokens": [TOKEN]},
                BOB | {"personal_access_tokens": [TOKEN]},
            ]
        },
        "users[1].personal_access_tokens[0]",
        "named twice",
    ),
    (
        {"users": [ANN], "keys": [{"user": "ann", "key": KEY}] * 2},
        "keys[1].key",
        "named twice",
    ),
    (
        {
            "users": [ANN],
            "keys": [{"user": "ann", "key": KEY}],
            "deploy_keys": [{"key": KEY}],
        },
        "deploy_keys[0].key",
        "named twice",
    ),
    (
        {
            "users": [ANN],
            "keys": [{"id": 3, "user": "ann", "key": KEY}],
            "deploy_keys": [{"id": 3, "key": ed25519(2)}],
        },
        "deploy_keys[0].id",
        "3 is the id of another entry",
    ),
    (
        {"groups": [{"full_path": "a"}, {"full_path": "A"}]},
        "groups[1].full_path",
        "named twice",
    ),
    (
        {"groups": [{"full_path": "a", "id": 7}], "users": [ANN | {"namespace_id": 7}]},
        "groups[0].id",
        "7 is the id of another entry",
    ),
    (
        {"users": [ANN], "groups": [{"full_path": "Ann"}]},
        "groups[0].full_path",
        "is the path of a user or a project",
    ),
    (
        {"users": [ANN], "groups": [{"full_path": "ann/sub"}]},
        "groups[0].full_path",
        "ann is a user: it has no subgroups",
    ),
    ({"projects": [{"full_path": "a"}]}, "projects[0].full_path", "a project is in a"),
    (
        {"projects": [DOG], "groups": [{"full_path": "a/b"}]},
        "projects[0].full_path",
        "named twice",
    ),
    (
        {"projects": [DOG, {"full_path": "a"}]},
        "projects[1].full_path",
        "a project is in a group or a user's namespace",
    ),
    (
        {"projects": [DOG, {"full_path": "a/b/c"}]},
        "projects[1].full_path",
        "a/b is a project",
    ),
    (
        {"projects": [{"full_path": "a/b/c"}, DOG]},
        "projects[1].full_path",
        "is the path of a group",
    ),
    (
        {"users": [ANN], "projects": [{"full_path": "ann/b/c"}]},
        "projects[0].full_path",
        "ann is a user: it has no subgroups",
    ),
    (
        {
            "projects": [
                DOG | {"redirects": ["o/o"]},
                {"full_path": "c/d", "redirects": ["O/O"]},
            ]
        },
        "projects[1].redirects[0]",
        TAKEN,
    ),
    (
        {"projects": [DOG | {"protected_branches": [{"name": "x"}, {"name": "x"}]}]},
        "projects[0].protected_branches[1].name",
        "named twice",
    ),
    (
        {
            "projects": [
                DOG | {"scan_execution_policies": [{"name": "x", "yaml": ""}] * 2}
            ]
        },
        "projects[0].scan_execution_policies[1].name",
        "named twice",
    ),
    (
        {
            "groups": [
                {"full_path": "a", "ssh_certificate_authorities": ["a" * 43]},
                {"full_path": "b", "ssh_certificate_authorities": ["a" * 43]},
            ]
        },
        "groups[1].ssh_certificate_authorities[0]",
        TAKEN,
    ),
    (
        {
            "groups": [
                {"full_path": "a", "scim_token": "t"},
                {"full_path": "b", "scim_token": "t"},
            ]
        },
        "groups[1].scim_token",
        TAKEN,
    ),
    (changed(agents=[AGENT, AGENT]), "agents[1]", "named twice"),
    (
        changed(agents=[AGENT | {"tokens": [{"token": "t"}, {"token": "t"}]}]),
        "agents[0].tokens[1]",
        "named twice",
    ),
    (
        changed(subscriptions=[{"namespace": "a", "start_date": "2022-01-01"}] * 2),
        "subscriptions[1].namespace",
        "named twice",
    ),
    (
        changed(minutes_packs=[PACK | {"purchase_xid": "x"}] * 2),
        "minutes_packs[1].purchase_xid",
        "named twice",
    ),
    (
        changed(subscription_add_on_purchases=[ADD_ON] * 2),
        "subscription_add_on_purchases[1]",
        "named twice",
    ),
    (
        changed(storage_limit_exclusions=[{"namespace": "a", "reason": "x"}] * 2),
        "storage_limit_exclusions[1].namespace",
        "named twice",
    ),
    (changed(scim_identities=[IDENTITY] * 2), "scim_identities[1]", "named twice"),
    (
        changed(
            users=[ANN, BOB],
            scim_identities=[
                IDENTITY | {"extern_uid": "u"},
                IDENTITY | {"user": "bob", "extern_uid": "U"},
            ],
        ),
        "scim_identities[1].extern_uid",
        TAKEN,
    ),
    (
        changed(
            users=[ANN, BOB],
            scim_identities=[
                {"user": "ann", "extern_uid": "u"},
                {"user": "bob", "extern_uid": "U"},
            ],
        ),
        "scim_identities[1].extern_uid",
        TAKEN,
    ),
    (
        changed(scim_identities=[{"user": "ann", "extern_uid": "u"}] * 2),
        "scim_identities[1]",
        "named twice",
    ),
    (changed(ci_jobs=[JOB, JOB]), "ci_jobs[1]", "named twice"),
    (changed(findings=[FINDING] * 2), "findings[1].uuid", "named twice"),
    (
        changed(snippets=[{"id": 1, "author": "ann"}] * 2),
        "snippets[1].id",
        "named twice",
    ),
    (
        changed(agent_authorizations=[GRANT | {"group": "a"}] * 2),
        "agent_authorizations[1]",
        "named twice",
    ),
]


@pytest.mark.parametrize(("content", "at", "reason"), MISTAKES)
def test_a_mistake_names_file_key_and_reason(
    database: Database, tmp_path: Path, content: object, at: str, reason: str
) -> None:
    """A mistake is one line with file, key and reason; nothing is loaded."""
    before = state(database)
    with pytest.raises(seeds.SeedError) as raised:
        load(database, tmp_path, content)
    where = f"{tmp_path}/0.yml: {at}: " if at else f"{tmp_path}/0.yml: "
    assert str(raised.value).startswith(where + reason)
    assert "\n" not in str(raised.value)
    assert state(database) == before


LOADED: dict[str, Any] = {
    "users": [
        ANN | {"id": 1, "namespace_id": 5, "personal_access_tokens": [TOKEN]},
        BOB | {"emails": ["b@home"]},
    ],
    "groups": [{"full_path": "a", "id": 8, "scim_token": "t"}, {"full_path": "c"}],
    "projects": [DOG | {"id": 3, "redirects": ["o/o"]}, {"full_path": "a/e"}],
    "keys": [{"id": 4, "user": "ann", "key": KEY}],
    "agents": [AGENT | {"id": 6, "tokens": [{"token": "t"}]}],
    "ci_jobs": [JOB | {"id": 2}],
    "scim_identities": [IDENTITY],
}
CONTRADICTIONS: list[tuple[object, str, str]] = [
    ({"users": [ANN | {"id": 9}]}, "users[0].id", "the entry has the id 1"),
    (
        {"users": [{"username": "cid", "id": 1}]},
        "users[0].id",
        "1 is the id of another",
    ),
    (
        {"users": [ANN | {"namespace_id": 9}]},
        "users[0].namespace_id",
        "the entry has the id 5",
    ),
    (
        {"users": [{"username": "cid", "namespace_id": 8}]},
        "users[0].namespace_id",
        "8 is the id of another entry",
    ),
    ({"users": [{"username": "C"}]}, "users[0].username", "is the path of a group"),
    ({"users": [{"username": "cid", "email": "B@home"}]}, "users[0].email", TAKEN),
    ({"users": [ANN | {"emails": ["bob@EXAMPLE.com"]}]}, "users[0].emails[0]", TAKEN),
    (
        {"users": [BOB | {"personal_access_tokens": [TOKEN]}]},
        "users[0].personal_access_tokens[0]",
        "the token is another user's",
    ),
    ({"deploy_keys": [{"key": KEY}]}, "deploy_keys[0].key", "is there as a Key"),
    ({"groups": [{"full_path": "c", "id": 8}]}, "groups[0].id", "the entry has the id"),
    (
        {"groups": [{"full_path": "A/B"}]},
        "groups[0].full_path",
        "is the path of a user",
    ),
    (
        {"groups": [{"full_path": "d", "scim_token": "t"}]},
        "groups[0].scim_token",
        TAKEN,
    ),
    ({"projects": [{"full_path": "x/y", "id": 3}]}, "projects[0].id", "3 is the id of"),
    (
        {"projects": [{"full_path": "a/b/c"}]},
        "projects[0].full_path",
        "a/b is a project",
    ),
    (
        {"projects": [{"full_path": "a/e", "redirects": ["O/o"]}]},
        "projects[0].redirects[0]",
        TAKEN,
    ),
    (
        {"agents": [{"name": "y", "project": "a/b", "tokens": [{"token": "t"}]}]},
        "agents[0].tokens[0]",
        TAKEN,
    ),
    ({"ci_jobs": [JOB | {"token": "u", "id": 2}]}, "ci_jobs[0].id", "2 is the id of"),
    (
        {"scim_identities": [IDENTITY | {"user": "bob"}]},
        "scim_identities[0].extern_uid",
        TAKEN,
    ),
]


@pytest.mark.parametrize("mistake", CONTRADICTIONS)
@pytest.mark.parametrize("together", [False, True])
def test_a_contradiction_names_file_key_and_reason(
    database: Database,
    tmp_path: Path,
    mistake: tuple[object, str, str],
    *,
    together: bool,
) -> None:
    """So does what contradicts the database, or a file that is loaded before."""
    content, at, reason = mistake
    contents = [LOADED, content]
    if not together:
        load(database, tmp_path, contents.pop(0))
    before = state(database)
    with pytest.raises(seeds.SeedError) as raised:
        load(database, tmp_path, *contents)
    last = len(contents) - 1
    assert str(raised.value).startswith(f"{tmp_path}/{last}.yml: {at}: {reason}")
    assert state(database) == before


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file and a folder are errors that name them."""
    for path, reason in (
        (tmp_path / "none.yml", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(seeds.SeedError) as raised:
            seeds.read(str(path))
        assert str(raised.value) == f"{path}: {reason}"


def test_aliases_that_grow(tmp_path: Path) -> None:
    """Aliases of aliases that stand for billions of values are refused at once."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 13)]
    with pytest.raises(seeds.SeedError) as raised:
        seeds.read(write(tmp_path, "\n".join(lines)))
    assert str(raised.value).endswith("seed.yml: its aliases stand for too much")


def test_aliases_and_merges_in_moderation(database: Database, tmp_path: Path) -> None:
    """An alias may stand for what several entries share."""
    text = """
groups:
  - &group {full_path: a, visibility: public, members: &all {ann: owner}}
  - {<<: *group, full_path: b}
projects: [{full_path: a/b, members: *all}]
users: [{username: ann}]
"""
    load(database, tmp_path, text)
    assert len(rows(database, "members")) == 3
    assert {row["name"] for row in rows(database, "namespaces")} == {"a", "b", "ann"}


def test_yaml_dates_and_empty_sections(database: Database, tmp_path: Path) -> None:
    """Dates need no quotes, other forms of ISO 8601 do, and sections may be empty."""
    text = f"""
groups:
users: [{{username: ann, last_activity_on: 2022-07-31}}]
keys:
  - {{user: ann, key: "{KEY}", created_at: 2022-07-31 10:00:00+02:00}}
broadcast_messages:
  - {{message: Hello, starts_at: 2022-07-31, ends_at: "20220801T12"}}
"""
    load(database, tmp_path, text)
    assert one(database, "users")["last_activity_on"] == "2022-07-31"
    assert one(database, "keys")["created_at"] == "2022-07-31T08:00:00.000Z"
    message = one(database, "broadcast_messages")
    assert message["starts_at"] == "2022-07-31T00:00:00.000Z"
    assert message["ends_at"] == "2022-08-01T12:00:00.000Z"


@settings(max_examples=50, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "name": st.text(min_size=1),
            "user_type": st.text(min_size=1),
            "admin": st.booleans(),
            "state": st.sampled_from(["active", "banned"]),
        }
    ),
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
        max_size=4,
    ),
)
def test_any_text_survives_an_export(
    tmp_path_factory: pytest.TempPathFactory,
    user: dict[str, Any],
    payload: dict[str, Any],
) -> None:
    """Whatever the texts and the payloads, export and load give the same rows."""
    folder = tmp_path_factory.mktemp("seed")
    database = empty()
    alert = {"project": "a/b", "title": user["name"], "payload": payload}
    content = {"users": [ANN | user], "projects": [DOG], "alerts": [alert]}
    document = msgspec.convert(content, seed_document.Document, dec_hook=_read)
    seeds.load(database, [seeds.Seed("seed", document)], NOW)
    copy = empty()
    load(copy, folder, export(database))
    assert state(copy) == state(database)


def _read(kind: Any, value: object) -> Any:
    return kind.read(value)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_reading_raises_nothing_but_seed_errors(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Whatever the bytes of a file, it is a seed or a SeedError."""
    name = write(tmp_path_factory.getbasetemp(), content, "any.yml")
    try:
        said = seeds.read(name).name
    except seeds.SeedError as error:
        said = str(error).partition(": ")[0]
    assert said == name


def test_a_deploy_key_without_a_user_makes_the_ghost(
    database: Database, tmp_path: Path
) -> None:
    """A deploy key of nobody is the ghost user's, made once and under a free name."""
    seed = {
        "users": [{"username": "Ghost"}],
        "deploy_keys": [{"key": KEY, "user": None}],
    }
    load(database, tmp_path, seed)
    load(database, tmp_path, seed)
    ghost = one(database, "users", user_type="ghost")
    assert (ghost["username"], ghost["name"]) == ("ghost1", "Ghost User")


@pytest.mark.parametrize("url", ["", "localhost", "ftp://x", "http://", "http://[x", 1])
def test_an_external_url_is_a_url(
    database: Database, tmp_path: Path, url: object
) -> None:
    """An address that no link can be made of is refused."""
    with pytest.raises(seeds.SeedError, match=r"settings\.external_url: not a URL"):
        load(database, tmp_path, {"settings": {"external_url": url}})
