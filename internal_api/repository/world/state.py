"""The settings, and everything that is neither a person nor a place."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec import UNSET

from internal_api.dates import iso_time
from internal_api.repository.pushes import COUNTER_LIFETIME
from internal_api.repository.world.columns import given
from internal_api.repository.world.references import References, fold
from internal_api.repository.world.rows import Row
from internal_api.seed_document import (
    Agent,
    AgentAuthorization,
    Alert,
    BroadcastMessage,
    Document,
    Snippet,
    Subscription,
    SubscriptionAddOnPurchase,
    SubscriptionHistory,
    UpcomingReconciliation,
)

_Nameless = TypeVar("_Nameless", Snippet, SubscriptionHistory, BroadcastMessage, Alert)
_EXCLUSIONS = "namespaces_storage_limit_exclusions"


def load_settings(refs: References, document: Document) -> None:
    """Load the settings of the instance."""
    settings = document.settings
    if settings is UNSET:
        return
    columns = given(settings)
    if settings.gitaly is not UNSET:
        gitaly = settings.gitaly
        columns |= given(gitaly)
        if gitaly.features is not UNSET:
            columns["gitaly_features"] = _as_words(gitaly.features)
    if settings.scim_digest is not UNSET:
        columns["scim_token_digest"] = settings.scim_digest
    refs.rows.put(
        "application_settings", columns, refs.rows.find("application_settings", id=1)
    )
    refs.rows.flush()


def load_agents(refs: References, document: Document) -> None:
    """Load the agents and their tokens."""
    for index, agent in enumerate(document.agents):
        at = f"agents[{index}]"
        project_id = refs.project(f"{at}.project", agent.project)
        refs.once(at, "cluster_agents", (project_id, agent.name))
        key = {"project_id": project_id, "name": agent.name}
        existing = refs.rows.find("cluster_agents", **key)
        agent_id = refs.identify("cluster_agents", f"{at}.id", existing, agent.id)
        columns: Row = {"id": agent_id} | key
        if agent.created_by is not UNSET:
            creator = refs.maybe_user(f"{at}.created_by", agent.created_by)
            columns["created_by_user_id"] = creator
        refs.rows.put("cluster_agents", columns, existing)
        _load_agent_tokens(refs, at, agent_id, agent)
    refs.rows.flush()


def _load_agent_tokens(refs: References, at: str, agent_id: int, agent: Agent) -> None:
    table = "cluster_agent_tokens"
    for index, token in enumerate(agent.tokens):
        key = f"{at}.tokens[{index}]"
        refs.once(key, table, token.digest)
        refs.claim(key, table, "agent_id", agent_id, token_digest=token.digest)
        existing = refs.rows.find(table, token_digest=token.digest)
        columns = {"agent_id": agent_id, "token_digest": token.digest} | given(token)
        refs.rows.put(table, columns, existing)


def load_customers(refs: References, document: Document) -> None:
    """Load what CustomersDot keeps of a namespace."""
    for index, subscription in enumerate(document.subscriptions):
        at = f"subscriptions[{index}].namespace"
        _load_of_namespace(refs, at, "gitlab_subscriptions", subscription)
    for index, reconciliation in enumerate(document.upcoming_reconciliations):
        at = f"upcoming_reconciliations[{index}].namespace"
        _load_of_namespace(refs, at, "upcoming_reconciliations", reconciliation)
    for index, purchase in enumerate(document.subscription_add_on_purchases):
        at = f"subscription_add_on_purchases[{index}]"
        _load_add_on_purchase(refs, at, purchase)
    for index, pack in enumerate(document.minutes_packs):
        at, table = f"minutes_packs[{index}]", "ci_minutes_additional_packs"
        refs.once(f"{at}.purchase_xid", table, (pack.purchase_xid,))
        columns = {
            "namespace_id": refs.namespace(f"{at}.namespace", pack.namespace),
            "purchase_xid": pack.purchase_xid,
        }
        existing = refs.rows.find(table, purchase_xid=pack.purchase_xid)
        columns["id"] = refs.identify(table, f"{at}.id", existing, pack.id)
        refs.rows.put(table, columns | given(pack), existing)
    for index, exclusion in enumerate(document.storage_limit_exclusions):
        at, table = f"storage_limit_exclusions[{index}]", _EXCLUSIONS
        namespace_id = refs.namespace(f"{at}.namespace", exclusion.namespace)
        refs.once(f"{at}.namespace", table, (namespace_id,))
        existing = refs.rows.find(table, namespace_id=namespace_id)
        columns = {
            "id": refs.identify(table, f"{at}.id", existing, exclusion.id),
            "namespace_id": namespace_id,
        }
        refs.rows.put(table, columns | given(exclusion), existing)
    refs.rows.flush()
    for last_id in document.last_ids.values():
        _raise_last_id(refs.rows.connection, _EXCLUSIONS, last_id)


def _raise_last_id(connection: sqlite3.Connection, table: str, last_id: int) -> None:
    """Let no request give an id up to this one any more."""
    connection.execute(
        """INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0
        WHERE NOT EXISTS (SELECT * FROM sqlite_sequence WHERE name = ?1)""",
        (table,),
    )
    connection.execute(
        "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1",
        (table, last_id),
    )


def _load_of_namespace(
    refs: References,
    at: str,
    table: str,
    entry: Subscription | UpcomingReconciliation,
) -> None:
    """Load what a namespace has one of."""
    namespace_id = refs.namespace(at, entry.namespace)
    refs.once(at, table, namespace_id)
    existing = refs.rows.find(table, namespace_id=namespace_id)
    refs.rows.put(table, {"namespace_id": namespace_id} | given(entry), existing)


def _load_add_on_purchase(
    refs: References, at: str, purchase: SubscriptionAddOnPurchase
) -> None:
    table = "subscription_add_on_purchases"
    namespace_id = refs.namespace(f"{at}.namespace", purchase.namespace)
    key = {"namespace_id": namespace_id, "add_on": purchase.add_on}
    refs.once(at, table, tuple(key.values()))
    existing = refs.rows.find(table, **key)
    refs.rows.put(table, key | given(purchase), existing)


def load_scim_identities(refs: References, document: Document) -> None:
    """Load what SCIM providers call the users of their groups or of the instance."""
    table = "scim_identities"
    for index, identity in enumerate(document.scim_identities):
        at = f"{table}[{index}]"
        path = identity.group
        key = {
            "group_id": None if path is None else refs.group(f"{at}.group", path),
            "user_id": refs.user(f"{at}.user", identity.user),
        }
        refs.once(at, table, tuple(key.values()))
        existing = refs.rows.find(table, **key)
        identity_id = refs.identify(table, f"{at}.id", existing, identity.id)
        uid = {"group_id": key["group_id"], "extern_uid": fold(identity.extern_uid)}
        refs.claim(f"{at}.extern_uid", table, "id", identity_id, **uid)
        refs.rows.put(table, {"id": identity_id} | key | given(identity), existing)
    refs.rows.flush()


def load_ci_jobs(refs: References, document: Document) -> None:
    """Load the CI jobs that are running."""
    for index, job in enumerate(document.ci_jobs):
        at = f"ci_jobs[{index}]"
        refs.once(at, "ci_builds", job.digest)
        existing = refs.rows.find("ci_builds", token_digest=job.digest)
        columns = {
            "id": refs.identify("ci_builds", f"{at}.id", existing, job.id),
            "token_digest": job.digest,
            "user_id": refs.user(f"{at}.user", job.user),
            "project_id": refs.project(f"{at}.project", job.project),
        }
        refs.rows.put("ci_builds", columns | given(job), existing)
    refs.rows.flush()


def load_nameless(refs: References, document: Document) -> None:
    """Load what has no name, and may be there twice."""

    def snippet(at: str, entry: Snippet) -> Row:
        project = entry.project
        return {
            "author_id": refs.user(f"{at}.author", entry.author),
            "project_id": refs.maybe_project(f"{at}.project", project),
        }

    def history(at: str, entry: SubscriptionHistory) -> Row:
        return {
            "namespace_id": refs.namespace(f"{at}.namespace", entry.namespace),
            "created_at": entry.created_at,
            "start_date": entry.start_date,
        }

    def message(_at: str, entry: BroadcastMessage) -> Row:
        return {"message": entry.message}

    def alert(at: str, entry: Alert) -> Row:
        return {
            "project_id": refs.project(f"{at}.project", entry.project),
            "title": entry.title,
            "fingerprint": entry.fingerprint,
        }

    _load_nameless(refs, "snippets", _by_key("snippets", document.snippets), snippet)
    histories = _by_key("subscription_histories", document.subscription_histories)
    _load_nameless(refs, "gitlab_subscription_histories", histories, history)
    messages = _by_key("broadcast_messages", document.broadcast_messages)
    _load_nameless(refs, "broadcast_messages", messages, message)
    alerts = _by_key("alerts", document.alerts)
    _load_nameless(refs, "alert_management_alerts", alerts, alert)
    refs.rows.flush()


def _by_key(key: str, entries: list[_Nameless]) -> dict[str, _Nameless]:
    return {f"{key}[{index}]": entry for index, entry in enumerate(entries)}


def _load_nameless(
    refs: References,
    table: str,
    entries: dict[str, _Nameless],
    content: Callable[[str, _Nameless], Row],
) -> None:
    """Load entries that only their ids or their content tell apart.

    One without an id is the first row of the same content that no entry before it
    was; so a second load finds the rows of the first.
    """
    named = {entry.id for entry in entries.values()}
    same: dict[tuple[object, ...], deque[int]] = {}
    for at, entry in entries.items():
        columns = content(at, entry)
        entry_id = entry.id
        if entry_id is UNSET:
            key = tuple(columns.values())
            if key not in same:
                ids = refs.rows.find_ids(table, **columns)
                same[key] = deque(id_ for id_ in ids if id_ not in named)
            entry_id = same[key].popleft() if same[key] else refs.next_id(table)
        else:
            refs.once(f"{at}.id", table, entry_id)
        existing = refs.rows.find(table, id=entry_id)
        refs.rows.put(table, {"id": entry_id} | columns | given(entry), existing)


def load_agents_state(refs: References, document: Document) -> None:
    """Load what agents reported: findings, counts and authorizations."""
    for index, finding in enumerate(document.findings):
        at, table = f"findings[{index}]", "vulnerability_findings"
        refs.once(f"{at}.uuid", table, finding.uuid)
        project_id = refs.project(f"{at}.project", finding.project)
        columns = {
            "project_id": project_id,
            "agent_id": refs.agent(f"{at}.agent", project_id, finding.agent),
        }
        existing = refs.rows.find(table, uuid=finding.uuid)
        usual = {} if existing else {"severity": "high", "confidence": "unknown"}
        refs.rows.put(table, usual | columns | given(finding), existing)
    for name, value in document.usage_counters.items():
        refs.rows.put("usage_counters", {"name": name, "value": value})
    for name, members in document.usage_unique_counters.items():
        refs.rows.delete("usage_unique_counters", name=name)
        for member in dict.fromkeys(members):
            refs.rows.put("usage_unique_counters", {"name": name, "member": member})
    for index, authorization in enumerate(document.agent_authorizations):
        _load_authorization(refs, f"agent_authorizations[{index}]", authorization)
    refs.rows.flush()


def _load_authorization(
    refs: References, at: str, authorization: AgentAuthorization
) -> None:
    table = "agent_authorizations"
    path, group = authorization.project, authorization.group
    agent_project = refs.project(f"{at}.agent_project", authorization.agent_project)
    key = {
        "agent_id": refs.agent(f"{at}.agent", agent_project, authorization.agent),
        "access": authorization.access,
        "project_id": refs.maybe_project(f"{at}.project", path),
        "group_id": None if group is UNSET else refs.group(f"{at}.group", group),
    }
    refs.once(at, table, tuple(key.values()))
    existing = refs.rows.find(table, **key)
    refs.rows.delete(table, **key)
    refs.rows.put(table, key | given(authorization), existing)


def load_pushes(refs: References, document: Document) -> None:
    """Load the pushes that are under way, and what their users are to be told."""
    expires_at = iso_time(refs.now + COUNTER_LIFETIME)
    for gl_repository, value in document.reference_counters.items():
        counter: Row = {"gl_repository": gl_repository}
        refs.rows.delete("reference_counters", **counter)
        if value > 0:
            counter |= {"value": value, "expires_at": expires_at}
            refs.rows.put("reference_counters", counter)
    for index, message in enumerate(document.post_push_messages):
        user_id = refs.user(f"post_push_messages[{index}].user", message.user)
        refs.rows.put("post_push_messages", {"user_id": user_id} | given(message))
    refs.rows.flush()


def _as_words(features: Mapping[str, bool | str]) -> str:
    """Gitaly's feature flags as JSON; their values are texts."""
    words = {name: str(value).lower() for name, value in features.items()}
    return msgspec.json.encode(words).decode()
