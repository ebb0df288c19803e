"""The UUID of a finding is GitLab's own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from agent_modules import DOCUMENTED, REPORT, agent, answer, changed, put, world
from api import MakeApi
from hypothesis import assume, given
from hypothesis import strategies as st

from internal_api.finding_uuid import finding_uuid

CVE = {"type": "cve", "name": "CVE-123-4567", "value": "CVE-123-4567"}
INGRESS = {
    "dependency": {"package": {"name": "libc"}},
    "kubernetes_resource": {
        "namespace": "production",
        "kind": "deployment",
        "name": "nginx-ingress",
    },
}
NGINX = DOCUMENTED["vulnerability"]["location"]
# Agent, project, location, and the UUIDs in development and in production.
VECTORS = [
    (
        9,
        9,
        INGRESS,
        "4773b2ee-5ba5-5e9f-b48c-5f7a17f0faac",
        "056d3ff7-1456-5e12-a36d-8a7091427848",
    ),
    (
        9,
        9,
        NGINX,
        "b8794f5c-0eb3-5052-8a28-9b5aefb581b7",
        "e1b8c859-2284-51b3-9649-d70b27f3e6b2",
    ),
    (
        1,
        1,
        INGRESS,
        "64ee34d5-fb00-5be9-8998-e04a0a26dd92",
        "c3732159-fc51-50a8-93ad-94edfab2c8eb",
    ),
    (
        1,
        1,
        NGINX,
        "99ace65a-bdc5-5212-a36e-27e2b9aaf875",
        "9fae6644-1de7-5783-be4b-ce0df968065a",
    ),
    (
        5,
        7,
        INGRESS,
        "41fab15d-6db3-56bf-a049-9aed34899de1",
        "e777e60b-d61a-537b-ae12-0a5eddeac3fa",
    ),
]


def in_development(
    identifier: dict[str, Any] = CVE, location: dict[str, Any] = NGINX
) -> str:
    """The UUID that agent 9 of project 9 gets."""
    return finding_uuid("development", 9, 9, identifier, location)


@pytest.mark.parametrize(
    ("agent_id", "project_id", "location", "development", "production"), VECTORS
)
def test_vectors(
    agent_id: int,
    project_id: int,
    location: dict[str, Any],
    development: str,
    production: str,
) -> None:
    """Known findings have their known UUIDs; tests have those of development."""
    parts = (agent_id, project_id, CVE, location)
    assert finding_uuid("development", *parts) == development
    assert finding_uuid("test", *parts) == development
    assert finding_uuid("production", *parts) == production
    assert finding_uuid("staging", *parts) not in {development, production}


@pytest.mark.parametrize("column", [3, 4])
@pytest.mark.parametrize("vector", VECTORS)
def test_vectors_200(make_api: MakeApi, vector: tuple[Any, ...], column: int) -> None:
    """The route answers them, in the environment that the settings name."""
    agent_id, project_id, location = vector[:3]
    api = make_api(
        world(
            settings={"environment": ["development", "production"][column - 3]},
            projects=[
                {"id": project_id, "full_path": "a/b", "members": {"dev": "developer"}}
            ],
            agents=[agent(agent_id, "production", "a/b")],
        )
    )
    params = changed(DOCUMENTED, "vulnerability.location", location)
    assert answer(put(api, params)) == (200, {"uuid": vector[column]})


@pytest.mark.parametrize(
    ("name", "same_as"),
    [
        ("CVE-1", {"external_type": "cve", "external_id": "CVE-1"}),
        ("a cve of mine", {"external_type": "cve", "external_id": "a cve of mine"}),
        ("cwe-79", {"external_type": "cwe", "external_id": "cwe-79"}),
        ("CWE-1 and CVE-1", {"external_type": "cve"}),
        ("GHSA-1", {"external_type": "other", "external_id": "GHSA-1"}),
        ("GHSA-1", {"external_type": None, "external_id": None}),
        ("GHSA-1", {"type": "ghsa", "value": "1"}),
    ],
)
def test_type_of_an_identifier(name: str, same_as: dict[str, Any]) -> None:
    """The name tells the type of an identifier, unless something external does."""
    assert in_development({"name": name}) == in_development({"name": name} | same_as)


@pytest.mark.parametrize(
    "identifier",
    [
        {"name": "CVE-123-4568"},
        {"name": "cve-123-4567"},
        CVE | {"external_type": "usn"},
        CVE | {"external_id": "1"},
    ],
)
def test_another_identifier(identifier: dict[str, Any]) -> None:
    """Name, external type and external id of the first identifier tell apart."""
    assert in_development(identifier) != in_development(CVE)


def test_only_the_first_identifier_counts(make_api: MakeApi) -> None:
    """Further identifiers change nothing."""
    api = make_api(world())
    identifiers = DOCUMENTED["vulnerability"]["identifiers"]
    more = [*identifiers, {"type": "cwe", "name": "CWE-1"}]
    both = changed(DOCUMENTED, "vulnerability.identifiers", more)
    turned = changed(DOCUMENTED, "vulnerability.identifiers", more[::-1])
    assert put(api, both).json == put(api).json != put(api, turned).json


PARTS = st.text(st.characters(codec="utf-8", exclude_characters=":"), max_size=8)
PATHS = [
    "kubernetes_resource.namespace",
    "kubernetes_resource.kind",
    "kubernetes_resource.name",
    "kubernetes_resource.container",
    "dependency.package.name",
]
LOCATION = changed(NGINX, "dependency", {"package": {"name": "libc"}})


@given(st.sampled_from(PATHS), PARTS)
def test_another_location(path: str, text: str) -> None:
    """Every part of the location tells apart."""
    other = changed(LOCATION, path, text)
    assume(other != LOCATION)
    assert in_development(location=other) != in_development(location=LOCATION)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("image", "nginx:2"),
        ("operating_system", "alpine"),
        ("dependency.version", "2"),
        ("kubernetes_resource.container_name", "other"),
        ("kubernetes_resource.agent_id", "1"),
    ],
)
def test_same_location(path: str, value: str) -> None:
    """Image, version, system, container name and the payload's agent do not count."""
    other = changed(LOCATION, path, value)
    assert in_development(location=other) == in_development(location=LOCATION)


@pytest.mark.parametrize(
    "location",
    [
        changed(NGINX, "kubernetes_resource.container", None),
        changed(NGINX, "kubernetes_resource.container", ""),
        changed(NGINX, "kubernetes_resource.container", ...) | {"dependency": None},
        changed(NGINX, "kubernetes_resource.container", ...)
        | {"dependency": {"package": {"name": None}}},
    ],
)
def test_missing_part_of_a_location(location: dict[str, Any]) -> None:
    """What is missing is empty."""
    assert in_development(location=location) == in_development(
        location=changed(NGINX, "kubernetes_resource.container", ...)
    )


def test_version_of_the_uuid(make_api: MakeApi) -> None:
    """It is a UUID of version 5, in small letters."""
    uuid = put(make_api(world()), REPORT).json["uuid"]
    assert UUID(uuid).version == 5
    assert str(UUID(uuid)) == uuid
