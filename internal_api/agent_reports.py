"""What agents report about their clusters: vulnerabilities and network alerts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from internal_api.finding_uuid import finding_uuid
from internal_api.params import blank, to_text
from internal_api.repository.agents import Agent
from internal_api.repository.alerts import Alert
from internal_api.repository.vulnerabilities import Finding

SEVERITIES = ("info", "unknown", "low", "medium", "high", "critical")
MAX_NAME_LENGTH = 255
DEFAULT_ALERT_TITLE = "New: Alert"
MAX_ALERT_TITLE_LENGTH = 200
MAX_ALERT_BYTES = 1 << 20


def read_finding(params: Mapping[str, Any], agent: Agent, environment: str) -> Finding:
    """Make a finding of the checked parameters.

    Args:
        params: As declared.
        agent: Who reports it.
        environment: The instance's Rails environment.

    Raises:
        ValueError: A member that must not be null has no usable value.

    Source: `ee/app/services/vulnerabilities/starboard_vulnerability_create_service.rb`.
    """
    vulnerability = params["vulnerability"]
    name, severity = vulnerability["name"], vulnerability["severity"] or ""
    if blank(name):
        raise ValueError("vulnerability[name] is empty")
    if severity.lower() not in SEVERITIES:
        raise ValueError("vulnerability[severity] does not have a valid value")
    identifiers, location = vulnerability["identifiers"], vulnerability["location"]
    if not identifiers:
        raise ValueError("vulnerability[identifiers] is empty")
    if blank(identifiers[0]["name"]):
        raise ValueError("vulnerability[identifiers][0][name] is empty")
    confidence = vulnerability.get("confidence")
    return Finding(
        finding_uuid(environment, agent.id, agent.project_id, identifiers[0], location),
        agent.project_id,
        agent.id,
        _truncate(name, MAX_NAME_LENGTH),
        severity.lower(),
        confidence and confidence.lower(),
        _json(location),
        _json(identifiers),
        _json(params["scanner"]),
    )


def read_alert(payload: Mapping[str, Any]) -> Alert:
    """Make an alert of what Cilium sent.

    Raises:
        ValueError: It is too big.

    Source: `app/services/alert_management/network_alert_service.rb` and
    `lib/gitlab/alert_management/payload/cilium.rb` of GitLab 14.
    """
    text = _json(payload)
    # GitLab counts what it takes in memory, about as much.
    if len(text.encode()) > MAX_ALERT_BYTES:
        raise ValueError("too big")
    title = to_text(_dig(payload, "ciliumNetworkPolicy", "metadata", "name"))
    title = DEFAULT_ALERT_TITLE if title is None or blank(title) else title
    fingerprint = _fingerprint(payload.get("fingerprint"))
    return Alert(_truncate(title, MAX_ALERT_TITLE_LENGTH), fingerprint, text)


def _fingerprint(value: object) -> str | None:
    """The SHA-1 of what a payload calls its fingerprint.

    Source: `lib/gitlab/alert_management/fingerprint.rb`.
    """
    if blank(value):
        return None
    text = to_text(value) or _json(value)
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _dig(value: object, *names: str) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _truncate(text: str, length: int) -> str:
    """Cut a text as Rails does: three dots tell so."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
