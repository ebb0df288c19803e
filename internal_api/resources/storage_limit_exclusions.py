"""Namespaces for which the limit of storage does not hold.

Source: `ee/lib/ee/api/namespaces.rb` and
`ee/app/models/namespaces/storage/limit_exclusion.rb`.
"""

from __future__ import annotations

import falcon

from internal_api.auth import Scheme
from internal_api.errors import BadRequest, InvalidRecord, write_json
from internal_api.params import (
    MAX_INTEGER,
    blank,
    integer,
    optional,
    requires,
    string,
    validate,
)
from internal_api.repository import storage_limit_exclusions
from internal_api.resources.namespaces import existing
from internal_api.resources.service import Service
from internal_api.tokens import require_admin

MAX_REASON = 255
# Source: `lib/api/helpers/pagination.rb` and Kaminari's configuration.
PER_PAGE, MAX_PER_PAGE = 20, 100
REASON_PARAMS = (requires("reason", string),)
PAGE_PARAMS = (optional("page", integer), optional("per_page", integer))


class StorageLimitExclusions:
    """`GET /namespaces/storage/limit_exclusions`: all of them."""

    authentication = Scheme.USER

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a page of the exclusions; headers say which, and how many there are.

        Raises:
            ParameterError: `page` or `per_page` is no number.
            Forbidden: The user is no admin.
        """
        sent = validate(PAGE_PARAMS, req.context.params)
        require_admin(req)
        page = max(sent.get("page") or 1, 1)
        per_page = sent.get("per_page") or PER_PAGE
        per_page = min(per_page, MAX_PER_PAGE) if per_page > 0 else PER_PAGE
        offset = min((page - 1) * per_page, MAX_INTEGER)
        with self._database.reading() as connection:
            total = storage_limit_exclusions.count(connection)
            found = storage_limit_exclusions.listed(connection, per_page, offset)
        pages = -(-total // per_page)
        for name, value in (
            ("X-Total", total),
            ("X-Total-Pages", pages),
            ("X-Per-Page", per_page),
            ("X-Page", page),
            ("X-Prev-Page", page - 1 if 1 < page <= pages else ""),
            ("X-Next-Page", page + 1 if page < pages else ""),
        ):
            resp.set_header(name, str(value))
        write_json(resp, 200, [exclusion._asdict() for exclusion in found])


class StorageLimitExclusion:
    """`/namespaces/:id/storage/limit_exclusion`: that of one namespace."""

    authentication = Scheme.USER

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_post(
        self, req: falcon.Request, resp: falcon.Response, namespace: str
    ) -> None:
        """Exclude a namespace; answer 201 with it.

        Raises:
            ParameterError: The reason is missing or has the wrong type.
            Forbidden: The user is no admin.
            NotFound: There is no such namespace.
            BadRequest: It is in a group, or excluded already.
            InvalidRecord: The reason is blank or too long.
        """
        reason = validate(REASON_PARAMS, req.context.params)["reason"]
        require_admin(req)
        with self._database.writing() as connection:
            found = existing(connection, namespace)
            if not found.is_root:
                raise BadRequest("must use a root namespace")
            if storage_limit_exclusions.find(connection, found.id):
                raise BadRequest("already excluded")
            if blank(reason):
                raise InvalidRecord({"reason": ["can't be blank"]})
            if len(reason) > MAX_REASON:
                text = f"is too long (maximum is {MAX_REASON} characters)"
                raise InvalidRecord({"reason": [text]})
            exclusion = storage_limit_exclusions.create(connection, found, reason)
        write_json(resp, 201, exclusion._asdict())

    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, namespace: str
    ) -> None:
        """Exclude a namespace no longer; 204.

        Raises:
            Forbidden: The user is no admin.
            NotFound: There is no such namespace.
            BadRequest: It is in a group, or not excluded.
        """
        require_admin(req)
        with self._database.writing() as connection:
            found = existing(connection, namespace)
            if not found.is_root:
                raise BadRequest("must use a root namespace")
            if not storage_limit_exclusions.delete(connection, found.id):
                raise BadRequest("not excluded")
        resp.status = 204
