"""Packs of CI minutes.

Source: `ee/lib/api/ci/minutes.rb` and
`ee/app/services/ci/minutes/additional_packs/`.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import falcon

from internal_api.auth import Scheme
from internal_api.errors import BadRequest, write_json
from internal_api.params import (
    MAX_INT4,
    MIN_INT4,
    array,
    blank,
    date,
    integer,
    requires,
    string,
    validate,
)
from internal_api.repository import minutes
from internal_api.repository.minutes import Pack
from internal_api.resources.namespaces import existing
from internal_api.resources.service import Service

MAX_PURCHASE_XID = 32
PACKS_PARAMS = (
    requires(
        "packs",
        array,
        [
            requires("number_of_minutes", integer),
            requires("expires_at", date),
            requires("purchase_xid", string),
        ],
    ),
)


class Minutes:
    """`POST /namespaces/:id/minutes`: packs were bought."""

    authentication = Scheme.ADMIN

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_post(
        self, req: falcon.Request, resp: falcon.Response, namespace: str
    ) -> None:
        """Store the packs, all or none; answer 201 with them in their order.

        A pack of a purchase that the namespace already has is answered as it is.

        Raises:
            ParameterError: A parameter is missing or has the wrong type.
            NotFound: There is no such namespace.
            BadRequest: A pack cannot be stored.
        """
        packs = validate(PACKS_PARAMS, req.context.params)["packs"]
        if packs is None:
            raise BadRequest("packs is invalid")
        with self._database.writing() as connection:
            found = existing(connection, namespace)
            stored = [_store(connection, found.id, pack) for pack in packs]
        write_json(resp, 201, [pack._asdict() for pack in stored])


def _store(
    connection: sqlite3.Connection, namespace_id: int, sent: dict[str, Any]
) -> Pack:
    """The pack of a purchase, made if there is none.

    Raises:
        BadRequest: It is of another namespace, or lacks something.
    """
    xid, expires_at = sent["purchase_xid"], sent["expires_at"]
    number = sent["number_of_minutes"]
    if blank(xid) or len(xid) > MAX_PURCHASE_XID:
        raise _refusal(f"a purchase_xid has 1 to {MAX_PURCHASE_XID} characters")
    pack = minutes.find(connection, xid)
    if pack is None:
        is_number = number is not None and MIN_INT4 <= number <= MAX_INT4
        if expires_at is None or not is_number:
            raise _refusal("a pack has a date and a number of minutes, of 32 bits")
        pack = Pack(namespace_id, expires_at.isoformat(), number, xid)
        minutes.create(connection, pack)
    elif pack.namespace_id != namespace_id:
        raise _refusal("another namespace has a pack of this purchase_xid")
    return pack


def _refusal(why: str) -> BadRequest:
    return BadRequest("Unable to save additional packs").because(why)


class MoveMinutes:
    """`PATCH /namespaces/:id/minutes/move/:target_id`: packs change hands."""

    authentication = Scheme.ADMIN

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_patch(
        self,
        _req: falcon.Request,
        resp: falcon.Response,
        namespace: str,
        target: str,
    ) -> None:
        """Move all packs, also expired ones; answer 202, also when there are none.

        Raises:
            NotFound: One of both namespaces does not exist.
            BadRequest: One is in a group, or both are the same.
        """
        with self._database.writing() as connection:
            source = existing(connection, namespace)
            taker = existing(connection, target, "Target namespace")
            if not source.is_root:
                raise BadRequest("Namespace must be a top-level namespace")
            if not taker.is_root:
                raise BadRequest("Target namespace must be a top-level namespace")
            if source == taker:
                raise BadRequest("Namespace and target must be different")
            minutes.move(connection, source.id, taker.id)
        write_json(resp, 202, {"message": "202 Accepted"})
