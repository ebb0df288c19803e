"""What identity providers are answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from internal_api.repository.scim import Identity
from internal_api.scim_requests import Page

LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
CORE = "urn:ietf:params:scim:schemas:core:2.0"

Document = dict[str, Any]


def user(identity: Identity) -> Document:
    """A user, with the name in the form of the documentation and in that of GitLab.

    Source: `ee/lib/ee/api/entities/scim/user.rb`.
    """
    first, _, others = " ".join(identity.name.split()).partition(" ")
    return {
        "schemas": [f"{CORE}:User"],
        "id": identity.extern_uid,
        "active": bool(identity.active),
        "name.formatted": identity.name,
        "name": {
            "formatted": identity.name,
            "familyName": others,
            "givenName": first,
        },
        "userName": identity.username,
        "meta": {"resourceType": "User"},
        "emails": [{"type": "work", "value": identity.email, "primary": True}],
    }


def list_response(found: Sequence[Document], total: int, page: Page) -> Document:
    """A page of what was found.

    Source: `ee/lib/ee/api/entities/scim/users.rb`.
    """
    return {
        "schemas": [LIST_RESPONSE],
        "totalResults": total,
        "itemsPerPage": page.per_page,
        "startIndex": page.start_index,
        "Resources": found,
    }
