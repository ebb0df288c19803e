"""The database as a seed file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import yaml
from msgspec import Struct

from internal_api import seed_document as seed
from internal_api.repository.database import Database
from internal_api.repository.world.columns import level_name
from internal_api.repository.world.rows import Row
from internal_api.repository.world.snapshot import Snapshot

_WIDEST = 2**31 - 1  # no text is broken into lines


class _Dumper(yaml.CSafeDumper):
    """Writes everything in full, and texts of several lines as such."""

    def ignore_aliases(self, _data: object) -> bool:
        """Say that nothing is written as an alias."""
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)


def _filled(entry: Row) -> Row:
    """An entry without the members that are null, or have nothing in them."""
    return {
        key: value
        for key, value in entry.items()
        if value is not None and value not in ({}, [])
    }


def _settings(snapshot: Snapshot) -> Row:
    (row,) = snapshot.rows("application_settings")
    gitaly = snapshot.said("application_settings", seed.GitalySettings, row)
    settings = snapshot.said("application_settings", seed.Settings, row)
    digest = row["scim_token_digest"]
    # An empty list of licensed features says something.
    return settings | _filled({"gitaly": gitaly, "scim_token_digest": digest})


def _users(snapshot: Snapshot) -> list[Row]:
    namespaces = snapshot.by("owner_id", "namespaces")
    emails = snapshot.by("user_id", "emails", "email")
    tokens = snapshot.by("user_id", "personal_access_tokens")
    codes = snapshot.by("user_id", "otp_backup_codes", "code_digest")

    def token(row: Row) -> Row:
        return {"id": row["id"], "token_digest": row["token_digest"]} | snapshot.said(
            "personal_access_tokens", seed.PersonalAccessToken, row
        )

    def user(row: Row) -> Row:
        name, user_id = row["username"], row["id"]
        usual = {"name": name, "email": f"{name}@example.com"}
        return (
            {"id": user_id, "username": name}
            | snapshot.said("users", seed.User, row, **usual)
            | {"namespace_id": namespaces[user_id][0]["id"]}
            | _filled(
                {
                    "emails": [each["email"] for each in emails[user_id]],
                    "personal_access_tokens": [token(each) for each in tokens[user_id]],
                    "otp_backup_code_digests": [
                        each["code_digest"] for each in codes[user_id]
                    ],
                    "provisioned_by_group": snapshot.namespaces.get(
                        row["provisioned_by_group_id"]
                    ),
                }
            )
        )

    return [user(row) for row in snapshot.rows("users")]


def _keys(snapshot: Snapshot) -> list[Row]:
    return [
        {"id": row["id"], "user": snapshot.users[row["user_id"]], "key": row["key"]}
        | snapshot.said("keys", seed.Key, row)
        for row in snapshot.by("type", "keys")["Key"]
    ]


def _deploy_keys(snapshot: Snapshot) -> list[Row]:
    projects = snapshot.by("deploy_key_id", "deploy_keys_projects", "project_id")

    def access(row: Row) -> dict[str, str]:
        return {
            snapshot.projects[each["project_id"]]: "write"
            if each["can_push"]
            else "read"
            for each in projects[row["id"]]
        }

    return [
        {"id": row["id"], "key": row["key"]}
        | snapshot.said("keys", seed.DeployKey, row)
        | _filled({"user": snapshot.users.get(row["user_id"]), "projects": access(row)})
        for row in snapshot.by("type", "keys")["DeployKey"]
    ]


def _members(snapshot: Snapshot, rows: list[Row]) -> dict[str, Row | str]:
    entries: dict[str, Row | str] = {}
    for row in rows:
        role = level_name("access_level", row["access_level"])
        said = {"access_level": role, "state": row["state"]}
        is_active = row["state"] == "active"
        entries[snapshot.users[row["user_id"]]] = role if is_active else said
    return entries


def _shares(snapshot: Snapshot, rows: list[Row], column: str) -> dict[str, str]:
    return {
        snapshot.namespaces[row[column]]: level_name(
            "group_access", row["group_access"]
        )
        for row in rows
    }


def _groups(snapshot: Snapshot) -> list[Row]:
    members = snapshot.by("source_id", "members", "user_id", source_type="Namespace")
    order = "shared_with_group_id"
    shares = snapshot.by("shared_group_id", "group_group_links", order)
    saml = snapshot.by("group_id", "saml_providers", "group_id")
    tokens = snapshot.by("group_id", "scim_oauth_access_tokens", "group_id")
    order = "fingerprint"
    authorities = snapshot.by("namespace_id", "group_ssh_certificates", order)

    def group(row: Row) -> Row:
        group_id, path = row["id"], snapshot.namespaces[row["id"]]
        entry = {"id": group_id, "full_path": path}
        entry |= snapshot.said(
            "namespaces", seed.Group, row, name=path.rpartition("/")[2]
        )
        if group_id in saml:
            provider = saml[group_id][0]
            entry["saml"] = snapshot.said("saml_providers", seed.Saml, provider)
        token = tokens[group_id][0]["token_digest"] if group_id in tokens else None
        return entry | _filled(
            {
                "members": _members(snapshot, members[group_id]),
                "shared_with": _shares(
                    snapshot, shares[group_id], "shared_with_group_id"
                ),
                "scim_token_digest": token,
                "ssh_certificate_authorities": [
                    each["fingerprint"] for each in authorities[group_id]
                ],
            }
        )

    return [group(row) for row in snapshot.rows("namespaces", type="Group")]


_PARTS = (
    ("protected_branches", "protected_branches", seed.ProtectedBranch, "name"),
    ("protected_tags", "protected_tags", seed.ProtectedTag, "name"),
    ("merge_requests_open", "merge_requests", seed.MergeRequest, "iid"),
    (
        "error_tracking_keys",
        "error_tracking_client_keys",
        seed.ErrorTrackingKey,
        "public_key",
    ),
    (
        "scan_execution_policies",
        "scan_execution_policies",
        seed.ScanExecutionPolicy,
        "position",
    ),
)


def _projects(snapshot: Snapshot) -> list[Row]:
    members = snapshot.by("source_id", "members", "user_id", source_type="Project")
    shares = snapshot.by("project_id", "project_group_links", "group_id")
    redirects = snapshot.by("project_id", "redirect_routes", "path")
    refs = snapshot.by("project_id", "git_refs", "name")
    objects = snapshot.by("project_id", "lfs_objects_projects", "oid")
    parts = {
        key: snapshot.by("project_id", table, order) for key, table, _, order in _PARTS
    }

    def project(row: Row) -> Row:
        project_id, path = row["id"], snapshot.projects[row["id"]]
        name = path.rpartition("/")[2]
        entry = {"id": project_id, "full_path": path}
        entry |= snapshot.said("projects", seed.Project, row, name=name)
        branches = _without(refs[project_id], "refs/heads/")
        if branches != ([] if row["empty_repo"] else [row["default_branch"]]):
            entry["branches"] = branches
        lists = {
            key: [snapshot.said(table, kind, each) for each in parts[key][project_id]]
            for key, table, kind, _ in _PARTS
        }
        rules = lists.pop("protected_branches")
        if rules != [{"name": row["default_branch"]}]:
            entry["protected_branches"] = rules
        return entry | _filled(
            {
                "members": _members(snapshot, members[project_id]),
                "shared_with": _shares(snapshot, shares[project_id], "group_id"),
                "redirects": [each["path"] for each in redirects[project_id]],
                "tags": _without(refs[project_id], "refs/tags/"),
                "lfs_objects": [each["oid"] for each in objects[project_id]],
            }
            | lists
        )

    return [project(row) for row in snapshot.rows("projects")]


def _without(refs: list[Row], prefix: str) -> list[str]:
    names = (ref["name"] for ref in refs if ref["name"].startswith(prefix))
    return [name.removeprefix(prefix) for name in names]


def _snippets(snapshot: Snapshot) -> list[Row]:
    return [
        {"id": row["id"], "author": snapshot.users[row["author_id"]]}
        | _filled({"project": snapshot.projects.get(row["project_id"])})
        | snapshot.said("snippets", seed.Snippet, row)
        for row in snapshot.rows("snippets")
    ]


def _agents(snapshot: Snapshot) -> list[Row]:
    tokens = snapshot.by("agent_id", "cluster_agent_tokens", "token_digest")

    def said(rows: list[Row]) -> list[Row]:
        return [
            {"token_digest": row["token_digest"]}
            | snapshot.said("cluster_agent_tokens", seed.AgentToken, row)
            for row in rows
        ]

    return [
        {
            "id": row["id"],
            "name": row["name"],
            "project": snapshot.projects[row["project_id"]],
        }
        | _filled(
            {
                "created_by": snapshot.users.get(row["created_by_user_id"]),
                "tokens": said(tokens[row["id"]]),
            }
        )
        for row in snapshot.rows("cluster_agents")
    ]


def _of_namespaces(
    table: str, kind: type[Struct], order: str
) -> Callable[[Snapshot], list[Row]]:
    """What is kept of namespaces, and named by theirs."""

    def entries(snapshot: Snapshot) -> list[Row]:
        return [
            ({"id": row["id"]} if order == "id" else {})
            | {"namespace": snapshot.namespaces[row["namespace_id"]]}
            | snapshot.said(table, kind, row)
            for row in snapshot.rows(table, order)
        ]

    return entries


def _scim_identities(snapshot: Snapshot) -> list[Row]:
    return [
        {"id": row["id"], "user": snapshot.users[row["user_id"]]}
        | _filled({"group": snapshot.namespaces.get(row["group_id"])})
        | snapshot.said("scim_identities", seed.ScimIdentity, row)
        for row in snapshot.rows("scim_identities")
    ]


def _ci_jobs(snapshot: Snapshot) -> list[Row]:
    return [
        {
            "id": row["id"],
            "token_digest": row["token_digest"],
            "user": snapshot.users[row["user_id"]],
            "project": snapshot.projects[row["project_id"]],
        }
        | snapshot.said("ci_builds", seed.CiJob, row)
        for row in snapshot.rows("ci_builds")
    ]


def _broadcast_messages(snapshot: Snapshot) -> list[Row]:
    return [
        {"id": row["id"]}
        | snapshot.said("broadcast_messages", seed.BroadcastMessage, row)
        for row in snapshot.rows("broadcast_messages")
    ]


def _findings(snapshot: Snapshot) -> list[Row]:
    agents = {row["id"]: row["name"] for row in snapshot.rows("cluster_agents")}
    return [
        {
            "project": snapshot.projects[row["project_id"]],
            "agent": agents[row["agent_id"]],
        }
        | snapshot.said("vulnerability_findings", seed.Finding, row)
        | {"confidence": row["confidence"]}
        for row in snapshot.rows("vulnerability_findings", "uuid")
    ]


def _alerts(snapshot: Snapshot) -> list[Row]:
    return [
        {"id": row["id"], "project": snapshot.projects[row["project_id"]]}
        | snapshot.said("alert_management_alerts", seed.Alert, row)
        for row in snapshot.rows("alert_management_alerts")
    ]


def _usage_counters(snapshot: Snapshot) -> Row:
    rows = snapshot.rows("usage_counters", "name")
    return {row["name"]: row["value"] for row in rows}


def _usage_unique_counters(snapshot: Snapshot) -> Row:
    counters = snapshot.by("name", "usage_unique_counters", "name, member")
    return {name: [row["member"] for row in rows] for name, rows in counters.items()}


def _agent_authorizations(snapshot: Snapshot) -> list[Row]:
    table, order = "agent_authorizations", "agent_id, access, project_id, group_id"
    agents = {row["id"]: row for row in snapshot.rows("cluster_agents")}
    return [
        {
            "agent": agents[row["agent_id"]]["name"],
            "agent_project": snapshot.projects[agents[row["agent_id"]]["project_id"]],
        }
        | snapshot.said(table, seed.AgentAuthorization, row)
        | _filled(
            {
                "project": snapshot.projects.get(row["project_id"]),
                "group": snapshot.namespaces.get(row["group_id"]),
            }
        )
        for row in snapshot.rows(table, order)
    ]


def _last_ids(snapshot: Snapshot) -> Row:
    """Ids that were answered and do not come again, though their entries are gone."""
    table = "namespaces_storage_limit_exclusions"
    ids = [row["id"] for row in snapshot.rows(table)]
    last_ids = {
        row["name"]: row["seq"] for row in snapshot.rows("sqlite_sequence", "name")
    }
    last_id = last_ids.get(table, 0)
    return (
        {"storage_limit_exclusions": last_id} if last_id > max(ids, default=0) else {}
    )


def _reference_counters(snapshot: Snapshot) -> Row:
    return {
        row["gl_repository"]: row["value"]
        for row in snapshot.rows("reference_counters", "gl_repository")
        if row["expires_at"] > snapshot.now
    }


def _post_push_messages(snapshot: Snapshot) -> list[Row]:
    table, order = "post_push_messages", "user_id, gl_repository, type"
    return [
        {"user": snapshot.users[row["user_id"]]}
        | snapshot.said(table, seed.PostPushMessage, row)
        for row in snapshot.rows(table, order)
        if row["expires_at"] > snapshot.now
    ]


# In the order of the format.
_ENTRIES: dict[str, Callable[[Snapshot], Row | list[Row]]] = {
    "settings": _settings,
    "users": _users,
    "keys": _keys,
    "deploy_keys": _deploy_keys,
    "groups": _groups,
    "projects": _projects,
    "snippets": _snippets,
    "agents": _agents,
    "subscriptions": _of_namespaces(
        "gitlab_subscriptions", seed.Subscription, "namespace_id"
    ),
    "subscription_histories": _of_namespaces(
        "gitlab_subscription_histories", seed.SubscriptionHistory, "id"
    ),
    "subscription_add_on_purchases": _of_namespaces(
        "subscription_add_on_purchases",
        seed.SubscriptionAddOnPurchase,
        "namespace_id, add_on",
    ),
    "minutes_packs": _of_namespaces(
        "ci_minutes_additional_packs", seed.MinutesPack, "id"
    ),
    "storage_limit_exclusions": _of_namespaces(
        "namespaces_storage_limit_exclusions", seed.StorageLimitExclusion, "id"
    ),
    "upcoming_reconciliations": _of_namespaces(
        "upcoming_reconciliations", seed.UpcomingReconciliation, "namespace_id"
    ),
    "scim_identities": _scim_identities,
    "ci_jobs": _ci_jobs,
    "broadcast_messages": _broadcast_messages,
    "findings": _findings,
    "alerts": _alerts,
    "usage_counters": _usage_counters,
    "usage_unique_counters": _usage_unique_counters,
    "agent_authorizations": _agent_authorizations,
    "reference_counters": _reference_counters,
    "post_push_messages": _post_push_messages,
    "last_ids": _last_ids,
}


def export(database: Database, now: datetime | None = None) -> str:
    """The database as YAML that loads back to the same state, ids included.

    What an entry has by default goes without saying. Left out are `db_key_base`,
    the calls that rate limits count, and whatever has expired by `now`.
    """
    with database.reading() as connection:
        snapshot = Snapshot(connection, now or datetime.now(UTC))
        document = {key: entries(snapshot) for key, entries in _ENTRIES.items()}
    return yaml.dump(
        _filled(document),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDEST,
    )
