"""The UUID of a finding: who finds the same thing again names it alike.

Agent, project, resource, package and the first identifier decide; the image, its
version, the severity and the scanner do not.

Source: `ee/app/services/vulnerabilities/starboard_vulnerability_create_service.rb`,
`lib/gitlab/uuid.rb` and
`ee/lib/gitlab/ci/reports/security/locations/cluster_image_scanning.rb`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from internal_api.params import to_text

NAMESPACES = {
    "development": UUID("a143e9e2-41b3-47bc-9a19-081d089229f4"),
    "test": UUID("a143e9e2-41b3-47bc-9a19-081d089229f4"),
    "staging": UUID("a6930898-a1b2-4365-ab18-12aa474d9b26"),
    "production": UUID("58dc0f06-936c-43b3-93bb-71693f1b6570"),
}
REPORT_TYPE = 7  # `cluster_image_scanning`


def finding_uuid(
    environment: str,
    agent_id: int,
    project_id: int,
    identifier: Mapping[str, Any],
    location: Mapping[str, Any],
) -> str:
    """The UUID of a finding.

    Args:
        environment: The instance's Rails environment.
        agent_id: The agent that found it, whatever the location says.
        project_id: The agent's project.
        identifier: The first of the finding's.
        location: Where it was found.
    """
    parts = (
        REPORT_TYPE,
        _identifier_fingerprint(identifier),
        _location_fingerprint(agent_id, location),
        project_id,
    )
    return str(uuid5(NAMESPACES[environment], "-".join(map(str, parts))))


def _identifier_fingerprint(identifier: Mapping[str, Any]) -> str:
    """A name alone tells its type; `type` and `value` are not looked at."""
    name = identifier["name"]
    kinds = (kind for kind in ("cve", "cwe") if kind in name.lower())
    external_type = to_text(identifier.get("external_type")) or next(kinds, "other")
    external_id = to_text(identifier.get("external_id")) or name
    return _sha1(f"{external_type}:{external_id}")


def _location_fingerprint(agent_id: int, location: Mapping[str, Any]) -> str:
    """The container counts where it is called `container`, as before GitLab 14.3."""
    resource = location["kubernetes_resource"]
    package = (location.get("dependency") or {}).get("package") or {}
    parts = (
        str(agent_id),
        resource["namespace"],
        resource["kind"],
        resource["name"],
        resource.get("container"),
        package.get("name"),
    )
    return _sha1(":".join(part or "" for part in parts))


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
