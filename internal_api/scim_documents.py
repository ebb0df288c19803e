"""What identity providers are answered: users, and what is supported at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from internal_api.repository.scim import Identity
from internal_api.scim_requests import MAX_PER_PAGE, Page

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


# ---------------------------------------------------------------- discovery
# GitLab has none of it. Source: RFC 7643, sections 5 to 7.


def _attribute(name: str, kind: str = "string", **characteristics: object) -> Document:
    """An attribute of a schema, that a client only reads unless it is said."""
    attribute: Document = {
        "name": name,
        "type": kind,
        "multiValued": False,
        "description": "",
        "required": False,
        "mutability": "readOnly",
        "returned": "default",
    }
    if kind == "string":
        attribute |= {"caseExact": False, "uniqueness": "none"}
    return attribute | characteristics


def _complex(name: str, *attributes: Document, **characteristics: object) -> Document:
    return _attribute(name, "complex", **characteristics, subAttributes=[*attributes])


_ONCE: Any = {"mutability": "immutable"}
_USER = {
    "schemas": [f"{CORE}:Schema"],
    "id": f"{CORE}:User",
    "name": "User",
    "description": "A member of the group, or a user of the instance",
    "meta": {"resourceType": "Schema"},
    "attributes": [
        _attribute(
            "externalId",
            required=True,
            mutability="readWrite",
            returned="never",
            uniqueness="server",
            description="What the identity provider calls the user; the answer's id",
        ),
        _attribute(
            "userName",
            required=True,
            uniqueness="server",
            description="Made fit and unique when the user is created",
            **_ONCE,
        ),
        _complex(
            "name",
            _attribute("formatted", **_ONCE),
            _attribute("familyName", **_ONCE),
            _attribute("givenName", **_ONCE),
            description="Without formatted it is put together from the others",
            **_ONCE,
        ),
        _attribute(
            "displayName",
            returned="never",
            description="Taken for the name where there is none; one of both is needed",
            **_ONCE,
        ),
        _attribute("name.formatted", description="The same as name and formatted"),
        _complex(
            "emails",
            _attribute("value", required=True, uniqueness="server", **_ONCE),
            _attribute("type", canonicalValues=["work"], **_ONCE),
            _attribute(
                "primary",
                "boolean",
                description="True, unless the type is work",
                **_ONCE,
            ),
            multiValued=True,
            required=True,
            description="The first that is primary, or of work, is taken",
            **_ONCE,
        ),
        _attribute(
            "active",
            "boolean",
            mutability="readWrite",
            description="Always true for a new user",
        ),
    ],
}
SCHEMAS = {f"{CORE}:User": _USER}
RESOURCE_TYPES = {
    "User": {
        "schemas": [f"{CORE}:ResourceType"],
        "id": "User",
        "name": "User",
        "description": _USER["description"],
        "endpoint": "/Users",
        "schema": f"{CORE}:User",
        "meta": {"resourceType": "ResourceType"},
    }
}
SERVICE_PROVIDER_CONFIG = {
    "schemas": [f"{CORE}:ServiceProviderConfig"],
    "patch": {"supported": True},
    "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
    "filter": {"supported": True, "maxResults": MAX_PER_PAGE},
    "changePassword": {"supported": False},
    "sort": {"supported": False},
    "etag": {"supported": False},
    "authenticationSchemes": [
        {
            "type": "oauthbearertoken",
            "name": "SCIM token",
            "description": "Authorization: Bearer, with the SCIM token of the group"
            " or of the instance",
            "primary": True,
        }
    ],
    "meta": {"resourceType": "ServiceProviderConfig"},
}


def everything(documents: dict[str, Document]) -> Document:
    """All documents of a kind, on one page."""
    found = [*documents.values()]
    return list_response(found, len(found), Page(1, len(found)))
