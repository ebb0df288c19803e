"""The subscriptions of namespaces.

Source: `ee/lib/ee/api/namespaces.rb` and
`ee/lib/api/entities/gitlab_subscription.rb`.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Mapping
from functools import partial
from typing import Any

import falcon

from internal_api import subscription as rules
from internal_api.access.namespaces import Namespace, may_admin, may_read
from internal_api.access.values import User
from internal_api.auth import Scheme
from internal_api.errors import (
    BadRequest,
    Forbidden,
    InvalidRecord,
    NotFound,
    write_json,
)
from internal_api.params import (
    MAX_INT4,
    MIN_INT4,
    Param,
    boolean,
    date,
    integer,
    optional,
    requires,
    string,
    validate,
)
from internal_api.repository import namespaces, subscriptions
from internal_api.resources.namespaces import existing
from internal_api.resources.service import Service
from internal_api.subscription import Subscription as Stored
from internal_api.tokens import require_admin

UPDATE_PARAMS: tuple[Param, ...] = (
    optional("start_date", date),
    optional("seats", integer),
    optional("max_seats_used", integer),
    optional("plan_code", string),
    # The name in the documentation's example.
    optional("plan", string),
    optional("end_date", date),
    optional("auto_renew", boolean),
    optional("trial", boolean),
    optional("trial_ends_on", date),
    optional("trial_starts_on", date),
    optional("trial_extension_type", integer),
)
CREATE_PARAMS = (requires("start_date", date), *UPDATE_PARAMS[1:])


def _require_owner(
    connection: sqlite3.Connection, user: User, found: Namespace
) -> None:
    """Refuse whoever may not see to a namespace; an admin may.

    Raises:
        NotFound: The user may not even see it.
        Forbidden: The user is no owner of it.
    """
    if user.admin:
        # What they are to it takes long to find in a large group.
        return
    standing = namespaces.standing(connection, found.id, user.id)
    if not may_read(user, found, standing):
        raise NotFound("Namespace").because(f"{user.username} may not see it")
    if not may_admin(user, found, standing):
        raise Forbidden().because(f"{user.username} is no owner of it")


class Subscription:
    """`/namespaces/:id/gitlab_subscription`: plan, seats and term of a namespace."""

    authentication = Scheme.USER

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._now = service.now
        self._follows_documentation = service.config.follow == "documentation"

    def on_get(
        self, req: falcon.Request, resp: falcon.Response, namespace: str
    ) -> None:
        """Answer the subscription; without one every member is null.

        Raises:
            NotFound: There is no such namespace, or the user may not see it.
            Forbidden: The user is no owner of it.
        """
        with self._database.reading() as connection:
            found = existing(connection, namespace)
            stored = subscriptions.find(connection, found.id)
            _require_owner(connection, req.context.user, found)
            body = self._body(connection, found, stored)
        write_json(resp, 200, body)

    def on_post(
        self, req: falcon.Request, resp: falcon.Response, namespace: str
    ) -> None:
        """Create the subscription; answer 201 with it.

        Raises:
            ParameterError: A parameter is missing or has the wrong type.
            Forbidden: The user is no admin.
            NotFound: There is no such namespace.
            InvalidRecord: A mandatory attribute is null, or there is one already.
            BadRequest: GitLab's database could not hold a value.
        """
        sent = validate(CREATE_PARAMS, req.context.params)
        require_admin(req)
        with self._database.writing() as connection:
            found = existing(connection, namespace)
            changes, errors = _attributes(sent), _blanks(sent)
            if subscriptions.find(connection, found.id):
                errors["namespace_id"] = ["has already been taken"]
            if errors:
                raise InvalidRecord(errors)
            count = partial(subscriptions.count_seats, connection, found)
            stored = rules.created(changes, self._now(), count)
            subscriptions.save(connection, found.id, stored)
            body = self._body(connection, found, stored)
        write_json(resp, 201, body)

    def on_put(
        self, req: falcon.Request, resp: falcon.Response, namespace: str
    ) -> None:
        """Change what was sent, and what follows from it; answer the subscription.

        Raises:
            ParameterError: A parameter has the wrong type.
            Forbidden: The user is no admin.
            NotFound: There is no such namespace, or it has no subscription.
            InvalidRecord: A mandatory attribute is null.
            BadRequest: GitLab's database could not hold a value.
        """
        sent, now = validate(UPDATE_PARAMS, req.context.params), self._now()
        require_admin(req)
        with self._database.writing() as connection:
            found = existing(connection, namespace)
            before = subscriptions.find(connection, found.id)
            if before is None:
                raise NotFound("GitlabSubscription")
            changes = _attributes(sent)
            if errors := _blanks(sent):
                raise InvalidRecord(errors)
            count = partial(subscriptions.count_seats, connection, found)
            after = rules.updated(before, changes, now, count)
            if rules.is_tracked_change(before, changes):
                subscriptions.remember(connection, found.id, now)
            subscriptions.save(connection, found.id, after)
            body = self._body(connection, found, after)
        write_json(resp, 200, body)

    def _body(
        self,
        connection: sqlite3.Connection,
        namespace: Namespace,
        stored: Stored | None,
    ) -> dict[str, Any]:
        """What is answered; seats that nobody pays for are counted right now."""
        if stored is None:
            of_none = self._body(connection, namespace, Stored(start_date=""))
            return {part: dict.fromkeys(members) for part, members in of_none.items()}
        seats_in_use = stored.seats_in_use
        if not rules.is_paid_hosted(stored):
            seats_in_use = subscriptions.count_seats(connection, namespace, stored)
        name, upgradable = stored.plan_code, False
        if not self._follows_documentation:
            name = name and rules.title(name)
            upgradable = rules.is_upgradable(stored, self._now().date())
        renews = None if stored.auto_renew is None else bool(stored.auto_renew)
        return {
            "plan": {
                "code": stored.plan_code,
                "name": name,
                "trial": bool(stored.trial),
                "auto_renew": renews,
                "upgradable": upgradable,
                "exclude_guests": rules.excludes_guests(stored),
            },
            "usage": {
                "seats_in_subscription": stored.seats,
                "seats_in_use": seats_in_use,
                "max_seats_used": stored.max_seats_used,
                "seats_owed": stored.seats_owed,
            },
            "billing": {
                "subscription_start_date": stored.start_date,
                "subscription_end_date": stored.end_date,
                "trial_ends_on": stored.trial_ends_on,
            },
        }


def _attributes(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent as it is stored.

    Raises:
        BadRequest: GitLab's database could not hold a value.
    """
    attributes = {name: _stored(name, value) for name, value in sent.items()}
    alias = attributes.pop("plan", None)
    if alias is not None:
        # Pasted into something else than a shell, the example keeps its quotes.
        attributes.setdefault("plan_code", alias.strip('"'))
    if "plan_code" in attributes:
        code = attributes["plan_code"]
        code = rules.FREE if code is None else code
        attributes["plan_code"] = code if code in rules.PLANS else None
    kind = attributes.get("trial_extension_type")
    if kind not in (None, *rules.TRIAL_EXTENSION_TYPES):
        raise BadRequest(f"'{kind}' is not a valid trial_extension_type")
    start = attributes.get("start_date")
    if attributes.get("trial") and start and not attributes.get("trial_starts_on"):
        attributes["trial_starts_on"] = start
    return attributes


def _stored(name: str, value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, bool) or name == "trial":
        return int(value or 0)
    if isinstance(value, int) and not MIN_INT4 <= value <= MAX_INT4:
        raise BadRequest(f"{name} is out of range")
    return value


def _blanks(sent: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the model says of mandatory attributes that were sent as null."""
    return {
        name: ["can't be blank"]
        for name in ("seats", "start_date")
        if name in sent and sent[name] is None
    }
