"""Discovery: what is said to be supported, and what a standard client makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from api import Api, MakeApi
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server
from scim_world import (
    INSTANCE_TOKEN,
    LIST_SCHEMA,
    TOKEN,
    USER_SCHEMA,
    WORLD,
    Client,
    error,
    new_user,
)

PATHS = [
    "/ServiceProviderConfig",
    "/ResourceTypes",
    "/ResourceTypes/User",
    "/Schemas",
    f"/Schemas/{USER_SCHEMA}",
]
# Where GitLab, which is followed, differs from the RFC.
DEVIATIONS = {
    "service_provider_config_endpoint_methods": "404 instead of 405",
    "resource_types_endpoint_methods": "404 instead of 405",
    "schemas_endpoint_methods": "404 instead of 405",
    "random_url": "404 without a SCIM error",
    "search_with_attributes": "404 without a SCIM error",
    "check_add_attribute": "was not added",
    "object_query_with_attributes": "'active' still present",
    "object_list_with_attributes": "'active' still present",
    "object_replacement": "404 without a SCIM error",
    "object_deletion": "still exists after deletion",
    "check_remove_attribute": "'active' was not removed",
    "check_replace_attribute": "Resource ",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", [None, "wrong", TOKEN])
def test_no_token_is_needed(api: Api, path: str, token: str | None) -> None:
    """Discovery is open to everybody, in the same words everywhere."""
    answers = [
        Client(api, group, token).call("GET", path)
        for group in ("corp", "50", "deep/er.group", "off", None)
    ]
    assert {answer.status_int for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


@pytest.mark.parametrize("path", PATHS)
def test_the_group_must_have_saml(make_api: MakeApi, path: str) -> None:
    """A group that no provider can fill has no discovery either."""
    api = make_api(WORLD)
    answer = Client(api, "nothing").call("GET", path)
    assert answer.json == error(404, "Group nothing not found")
    answer = Client(api, "plain").call("GET", path)
    detail = "Group plain does not have SAML SSO configured"
    assert answer.json == error(404, detail)
    api = make_api(WORLD | {"settings": {"licensed_features": []}})
    assert Client(api).call("GET", path).status_int == 403


def test_lists(client: Client) -> None:
    """Each list is a list response of what is found by its id."""
    for path in ("/ResourceTypes", "/Schemas"):
        found = client.call("GET", path).json
        assert found["schemas"] == [LIST_SCHEMA]
        assert found["totalResults"] == len(found["Resources"]) > 0
        for each in found["Resources"]:
            assert client.call("GET", f"{path}/{each['id']}").json == each


@pytest.mark.parametrize("path", ["/ResourceTypes/Group", "/Schemas/User"])
def test_unknown_404(client: Client, path: str) -> None:
    """What there is none of is not found."""
    name = path.rpartition("/")[2]
    answer = client.call("GET", path)
    assert answer.status_int == 404
    assert answer.json == error(404, f"Resource {name} not found")


def test_what_is_supported(client: Client) -> None:
    """What is said to be supported is, and the rest is not there."""
    config = client.call("GET", "/ServiceProviderConfig").json
    supported = {
        name for name, value in config.items() if value and "supported" in value
    }
    assert supported == {"patch", "bulk", "filter", "changePassword", "sort", "etag"}
    supported = {name for name in supported if config[name]["supported"]}
    assert supported == {"patch", "filter"}
    assert client.list(count=1000)["itemsPerPage"] == config["filter"]["maxResults"]
    assert client.call("POST", "/Bulk").status_int == 404


def test_schema_is_that_of_users(client: Client) -> None:
    """The schema has the attributes of an answer, and requires what must be sent."""
    schema = client.call("GET", f"/Schemas/{USER_SCHEMA}").json
    attributes = {each["name"]: each for each in schema["attributes"]}
    answered = client.create().json.keys() - {"schemas", "id", "meta"}
    returned = {name for name in attributes if _is_returned(attributes[name])}
    assert returned == answered
    for number, attribute in enumerate(attributes.values()):
        body: dict[str, Any] = new_user(
            externalId=f"u{number}",
            displayName="Jo",
            emails=[{"type": "work", "value": f"{number}@corp.example"}],
        )
        sent = body.pop(attribute["name"], None)
        answer = client.call("POST", "/Users", body)
        assert (answer.status_int == 412) == attribute["required"]
        assert sent or not attribute["required"]
        parts = [
            each for each in attribute.get("subAttributes", []) if each["required"]
        ]
        assert [part["name"] for part in parts] == (
            ["value"] if attribute["name"] == "emails" else []
        )


def _is_returned(attribute: dict[str, Any]) -> bool:
    return bool(attribute["returned"] == "default")


class Provider(WSGISCIMClient):
    """A client that knows, as no schema can say, that a user needs some name."""

    def create(self, resource: Any, *args: Any, **options: Any) -> Any:
        """Create a user."""
        resource.display_name = "Jo Doe"
        return super().create(resource, *args, **options)


@pytest.mark.parametrize(
    ("place", "token"),
    [("groups/corp", TOKEN), ("application", INSTANCE_TOKEN)],
)
@pytest.mark.parametrize("scim_errors", ["gitlab", "rfc"])
def test_compliance(
    make_api: MakeApi, place: str, token: str, scim_errors: str
) -> None:
    """A compliance checker finds nothing but where GitLab differs from the RFC."""
    api = make_api(WORLD, scim_errors=scim_errors)
    client = Provider(
        api.app.app,
        base_url=f"http://localhost/api/scim/v2/{place}",
        headers={"Authorization": f"Bearer {token}"},
    )
    results = check_server(client)
    assert sum(result.status == Status.SUCCESS for result in results) > 12
    failed = [result for result in results if result.status == Status.ERROR]
    assert {result.title for result in failed} == DEVIATIONS.keys()
    for result in failed:
        assert DEVIATIONS[str(result.title)] in str(result.reason)
