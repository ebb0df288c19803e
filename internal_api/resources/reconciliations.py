"""The next reconciliations of namespaces.

Source: `ee/lib/api/internal/upcoming_reconciliations.rb` and
`ee/app/services/upcoming_reconciliations/update_service.rb`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import falcon
import msgspec

from internal_api.auth import Scheme
from internal_api.errors import ApiError, BadRequest, NotFound, write_json
from internal_api.params import date, integer, json_array, requires, validate
from internal_api.repository import reconciliations
from internal_api.repository.reconciliations import Reconciliation
from internal_api.resources.service import Service

NAMESPACE_ID = requires("namespace_id", integer, allow_blank=False)
RECONCILIATIONS_PARAMS = (
    requires(
        "upcoming_reconciliations",
        json_array,
        [
            NAMESPACE_ID,
            requires("next_reconciliation_date", date),
            requires("display_alert_from", date),
        ],
    ),
)
# What an element may name; the last three are not the caller's to say.
COLUMNS = frozenset({*Reconciliation._fields, "id", "created_at", "updated_at"})
# What PostgreSQL says when a statement would write one row twice.
TWICE = (
    "PG::CardinalityViolation: ERROR:  ON CONFLICT DO UPDATE command cannot affect row "
    "a second time\nHINT:  Ensure that no rows proposed for insertion within the same "
    "command have duplicate constrained values.\n"
)


class NotAllSaved(ApiError):
    """Some reconciliations were refused; the list of why is JSON within a text."""

    status = 400

    def __init__(self, errors: Sequence[object]) -> None:
        text = msgspec.json.encode(errors).decode()
        super().__init__({"message": {"error": text}})


class UpcomingReconciliations:
    """`/internal/upcoming_reconciliations`: when seats are reconciled next."""

    authentication = Scheme.GITLAB_COM_ADMIN

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Store those that can be, each in the place of the former; answer 200.

        Raises:
            ParameterError: A parameter is missing or has the wrong type.
            BadRequest: The list is null.
            NotAllSaved: Some cannot be stored; the others are. Or none can.
        """
        sent = validate(RECONCILIATIONS_PARAMS, req.context.params)
        elements = sent["upcoming_reconciliations"]
        if elements is None:
            raise BadRequest("upcoming_reconciliations is invalid")
        with self._database.writing() as connection:
            ids = {element["namespace_id"] for element in elements}
            known = reconciliations.existing_namespaces(connection, ids)
            good, errors, failure = _judge(elements, known)
            if not failure:
                reconciliations.put(connection, map(_reconciliation, good))
        if failure:
            errors.append({"bulk_upsert": failure})
        if errors:
            raise NotAllSaved(errors)
        write_json(resp, 200, 200)

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Forget the reconciliation of a namespace; 204.

        Raises:
            ParameterError: A parameter is missing or has the wrong type.
            NotFound: There is none.
        """
        namespace_id = validate((NAMESPACE_ID,), req.context.params)["namespace_id"]
        with self._database.writing() as connection:
            if not reconciliations.delete(connection, namespace_id):
                raise NotFound
        resp.status = 204


def _judge(
    elements: Sequence[dict[str, Any]], known: set[int]
) -> tuple[list[dict[str, Any]], list[dict[str, object]], str | None]:
    """Which elements can be stored, what is wrong with others, and why none can."""
    good, errors = list[dict[str, Any]](), list[dict[str, object]]()
    for element in elements:
        unknown = next((name for name in element if name not in COLUMNS), None)
        if unknown is not None:
            model = "GitlabSubscriptions::UpcomingReconciliation"
            return good, errors, f"unknown attribute '{unknown}' for {model}."
        if faults := _faults(element, known):
            errors.append({str(element["namespace_id"]): faults})
        else:
            good.append(element)
    ids = {element["namespace_id"] for element in good}
    return good, errors, TWICE if len(ids) < len(good) else None


def _faults(element: dict[str, Any], known: set[int]) -> list[str]:
    """What the model says of a reconciliation."""
    is_missing = {
        "Namespace": element["namespace_id"] not in known,
        "Next reconciliation date": element["next_reconciliation_date"] is None,
        "Display alert from": element["display_alert_from"] is None,
    }
    return [f"{name} can't be blank" for name, is_so in is_missing.items() if is_so]


def _reconciliation(element: dict[str, Any]) -> Reconciliation:
    return Reconciliation(
        element["namespace_id"],
        element["next_reconciliation_date"].isoformat(),
        element["display_alert_from"].isoformat(),
    )
