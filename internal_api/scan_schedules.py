"""When agents are to scan their clusters: the schedules in scan execution policies.

Source: `ee/app/services/security/security_orchestration_policies/
operational_vulnerabilities_configuration_service.rb`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from internal_api.params import to_text

SCANS = ("container_scanning", "cluster_image_scanning")


class Schedule(NamedTuple):
    """A rule of a policy; `namespaces` are those that each agent named scans."""

    cadence: str
    namespaces: dict[str, list[str]]


@lru_cache
def schedules(document: str) -> tuple[Schedule, ...]:
    """The scheduled rules of a policy that scans clusters.

    Args:
        document: The policy, in YAML; one that is malformed has no rules.
    """
    # Loaded with the first policy: the server is up before.
    import yaml  # noqa: PLC0415

    try:
        policy = yaml.load(document, yaml.CSafeLoader)
    except Exception:  # noqa: BLE001 - a tag may force a value to be what it cannot be
        return ()
    return tuple(_schedules(policy)) if isinstance(policy, dict) else ()


def _schedules(policy: dict[str, Any]) -> Iterator[Schedule]:
    if not any(action.get("scan") in SCANS for action in _dicts(policy.get("actions"))):
        return
    for rule in _dicts(policy.get("rules")):
        cadence, agents = rule.get("cadence"), rule.get("agents")
        if rule.get("type") != "schedule":
            continue
        if isinstance(cadence, str) and isinstance(agents, dict):
            names = {str(name): _namespaces(agent) for name, agent in agents.items()}
            yield Schedule(cadence, names)


def _namespaces(agent: object) -> list[str]:
    """Those of an agent; none means all of them."""
    value = agent.get("namespaces") if isinstance(agent, dict) else None
    texts = map(to_text, value if isinstance(value, list) else [value])
    return [text for text in texts if text is not None]


def _dicts(value: object) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]
