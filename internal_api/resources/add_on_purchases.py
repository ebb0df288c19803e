"""Add-ons of subscriptions, which newer versions of CustomersDot sell.

Source: `ee/lib/api/gitlab_subscriptions/add_on_purchases.rb` and
`ee/app/services/gitlab_subscriptions/add_on_purchases/`.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import falcon

from internal_api.access.namespaces import Namespace
from internal_api.auth import Scheme
from internal_api.errors import BadRequest, InvalidRecord, NotFound, write_json
from internal_api.params import (
    MAX_INT4,
    blank,
    date,
    integer,
    optional,
    requires,
    string,
    validate,
)
from internal_api.repository import add_on_purchases
from internal_api.repository.add_on_purchases import Purchase
from internal_api.resources.namespaces import existing
from internal_api.resources.service import Service
from internal_api.subscription import ADD_ONS, title

MAX_PURCHASE_XID = 255
CREATE_PARAMS = (
    requires("quantity", integer),
    requires("expires_on", date),
    requires("purchase_xid", string),
)
UPDATE_PARAMS = (
    requires("expires_on", date),
    optional("quantity", integer),
    optional("purchase_xid", string),
)


class AddOnPurchase:
    """`/namespaces/:id/subscription_add_on_purchase/:add_on_name`."""

    authentication = Scheme.ADMIN

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_get(
        self,
        _req: falcon.Request,
        resp: falcon.Response,
        namespace: str,
        add_on_name: str,
    ) -> None:
        """Answer what the namespace has of the add-on.

        Raises:
            NotFound: There is no such namespace or add-on, or it has none.
        """
        with self._database.reading() as connection:
            found = _existing(connection, namespace, add_on_name)
            purchase = add_on_purchases.find(connection, found.id, add_on_name)
        if purchase is None:
            raise NotFound("Subscription Add-on Purchase")
        write_json(resp, 200, _body(found, add_on_name, purchase))

    def on_post(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        namespace: str,
        add_on_name: str,
    ) -> None:
        """Store a purchase; answer 201 with it.

        Raises:
            NotFound: There is no such namespace or add-on.
            ParameterError: A parameter is missing or has the wrong type.
            BadRequest: The namespace is in a group, or has the add-on already.
            InvalidRecord: An attribute is not what it has to be.
        """
        with self._database.writing() as connection:
            found = _existing(connection, namespace, add_on_name)
            sent = validate(CREATE_PARAMS, req.context.params)
            if not found.is_root:
                raise BadRequest(f"Namespace {found.name} is not a root namespace")
            if add_on_purchases.find(connection, found.id, add_on_name):
                reference = _reference(found, add_on_name)
                message = f"{reference} already exists, update the existing record"
                raise BadRequest(message)
            purchase = _purchase(sent)
            add_on_purchases.save(connection, found.id, add_on_name, purchase)
        write_json(resp, 201, _body(found, add_on_name, purchase))

    def on_put(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        namespace: str,
        add_on_name: str,
    ) -> None:
        """Change what was sent and is not null; answer the purchase.

        Raises:
            NotFound: There is no such namespace or add-on.
            ParameterError: A parameter is missing or has the wrong type.
            BadRequest: The namespace has none.
            InvalidRecord: An attribute is not what it has to be.
        """
        with self._database.writing() as connection:
            found = _existing(connection, namespace, add_on_name)
            sent = validate(UPDATE_PARAMS, req.context.params)
            before = add_on_purchases.find(connection, found.id, add_on_name)
            if before is None:
                reference = _reference(found, add_on_name)
                message = f"{reference} does not exist, create a new record instead"
                raise BadRequest(message)
            changes = {name: value for name, value in sent.items() if value is not None}
            purchase = _purchase(before._asdict() | changes)
            add_on_purchases.save(connection, found.id, add_on_name, purchase)
        write_json(resp, 200, _body(found, add_on_name, purchase))


def _existing(
    connection: sqlite3.Connection, namespace: str, add_on_name: str
) -> Namespace:
    """The namespace, of an add-on that can be bought.

    Raises:
        NotFound: There is no such namespace or add-on.
    """
    found = existing(connection, namespace)
    if add_on_name not in ADD_ONS:
        raise NotFound("Subscription Add-on")
    return found


def _purchase(attributes: dict[str, Any]) -> Purchase:
    """The purchase with these attributes.

    Raises:
        InvalidRecord: One is not what it has to be, in the words of the model.
        BadRequest: GitLab's database could not hold the quantity.
    """
    quantity, expires_on, xid = (attributes[name] for name in Purchase._fields)
    errors = {}
    if expires_on is None:
        errors["expires_on"] = ["can't be blank"]
    if quantity is None:
        errors["quantity"] = ["can't be blank", "is not a number"]
    elif quantity < 1:
        errors["quantity"] = ["must be greater than or equal to 1"]
    if blank(xid):
        errors["purchase_xid"] = ["can't be blank"]
    elif len(xid) > MAX_PURCHASE_XID:
        text = f"is too long (maximum is {MAX_PURCHASE_XID} characters)"
        errors["purchase_xid"] = [text]
    if errors:
        raise InvalidRecord(errors)
    if quantity > MAX_INT4:
        raise BadRequest("quantity is out of range")
    return Purchase(quantity, str(expires_on), xid)


def _reference(namespace: Namespace, add_on_name: str) -> str:
    add_on = title(add_on_name)
    return f"Add-on purchase for namespace {namespace.name} and add-on {add_on}"


def _body(namespace: Namespace, add_on_name: str, purchase: Purchase) -> dict[str, Any]:
    return {
        "namespace_id": namespace.id,
        "namespace_name": namespace.name,
        "add_on": title(add_on_name),
        **purchase._asdict(),
    }
