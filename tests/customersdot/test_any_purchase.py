"""Whatever CustomersDot sends, the service does not fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api import Api
from customers_world import TOP, ask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from internal_api import seeds
from internal_api.app import routes
from internal_api.repository.database import Database
from internal_api.subscription import ADD_ONS

VERBS = ("delete", "get", "patch", "post", "put")
CUSTOMERS_ROUTES = [
    (verb.upper(), path)
    for path, resource in routes()
    for verb in VERBS
    if hasattr(resource, f"on_{verb}")
    and ("/namespaces/" in path or path.endswith("/upcoming_reconciliations"))
]
NAMES = [
    *("start_date", "end_date", "plan_code", "plan", "seats", "max_seats_used"),
    *("auto_renew", "trial", "trial_starts_on", "trial_ends_on", "page", "per_page"),
    *("trial_extension_type", "packs", "number_of_minutes", "expires_at", "quantity"),
    *("purchase_xid", "expires_on", "reason", "upcoming_reconciliations", "format"),
    *("namespace_id", "next_reconciliation_date", "display_alert_from", "id"),
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(0, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.dates().map(str)
    | st.sampled_from([TOP, "gold", "0001-01-01", "9999-12-31"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), children, max_size=6)
    ),
    max_leaves=12,
)
NAMESPACES = st.sampled_from(["20", "top", "top%2Fsub.group", "owner", "23"]) | st.text(
    st.characters(codec="ascii", categories=["L", "N", "P"], exclude_characters="%#?"),
    min_size=1,
    max_size=5,
)
REQUIRED: dict[str, Any] = {
    "start_date": "2022-01-01",
    "expires_on": "2022-01-01",
    "quantity": 1,
    "purchase_xid": "x",
    "reason": "x",
    "packs": [],
    "upcoming_reconciliations": [],
    "namespace_id": TOP,
}


def test_every_route_is_there() -> None:
    """No route of CustomersDot is left out below."""
    assert len(CUSTOMERS_ROUTES) == 13


@pytest.mark.parametrize(("method", "template"), CUSTOMERS_ROUTES)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    params=st.dictionaries(st.sampled_from(NAMES), VALUES),
    rest=st.sampled_from([{}, REQUIRED]),
    namespace=NAMESPACES,
    target=NAMESPACES,
    query=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=9),
)
def test_any_request(  # noqa: PLR0913 - what a request has
    api: Api,
    *,
    method: str,
    template: str,
    params: dict[str, Any],
    rest: dict[str, Any],
    namespace: str,
    target: str,
    query: str,
) -> None:
    """An admin's request is answered, whatever it says, and never with a 5xx."""
    path = template.format(
        namespace=namespace, target=target, add_on_name="code_suggestions"
    )
    answer = api.app.request(
        path,
        method=method,
        headers={"PRIVATE-TOKEN": "root", "Content-Type": "application/json"},
        environ={"QUERY_STRING": query, "RAW_URI": path},
        body=json.dumps(rest | params).encode(),
        expect_errors=True,
    )
    assert answer.status_int < 500
    if answer.body and answer.content_type == "application/json":
        assert answer.json is not None


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from(["POST", "PUT"]),
            st.dictionaries(st.sampled_from(NAMES[:12]), VALUES, max_size=4),
        ),
        max_size=4,
    ),
    text=st.text(max_size=9),
)
def test_any_state_is_exported(
    api: Api, tmp_path_factory: pytest.TempPathFactory, calls: list[Any], text: str
) -> None:
    """Whatever became of a subscription, and any text that was sent, loads back."""
    pack = REQUIRED | {"number_of_minutes": 1, "expires_at": "1/1/22"}
    requests = [
        *((method, "gitlab_subscription", REQUIRED | sent) for method, sent in calls),
        ("POST", "minutes", {"packs": [pack | {"purchase_xid": text}]}),
        ("POST", f"subscription_add_on_purchase/{ADD_ONS[0]}", REQUIRED),
        (
            "PUT",
            f"subscription_add_on_purchase/{ADD_ONS[0]}",
            REQUIRED | {"purchase_xid": text},
        ),
        ("DELETE", "storage/limit_exclusion", {}),
        ("POST", "storage/limit_exclusion", {"reason": text}),
    ]
    for method, name, params in requests:
        assert ask(api, method, f"/namespaces/{TOP}/{name}", params).status_int < 500
    exported = seeds.export(api.database)
    path = tmp_path_factory.mktemp("export") / "export.yml"
    path.write_text(exported)
    second = Database()
    second.create()
    seeds.load(second, [seeds.read(str(path))])
    assert seeds.export(second) == exported
