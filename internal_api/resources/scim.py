"""What identity providers call: SCIM, for a group and for the instance.

A group is in the path of its routes; without one they are the instance's.

Source: documentation, "SCIM API"; `ee/lib/api/scim.rb`, in later versions
`ee/lib/api/scim/group_scim.rb` and `instance_scim.rb`. What GitLab lacks, discovery,
is RFC 7644, section 4.
"""

from __future__ import annotations

from typing import ClassVar

import falcon

from internal_api import identity_providers, scim_documents
from internal_api.auth import Scheme
from internal_api.errors import ScimConflict, ScimError, ScimNotFound, write_json
from internal_api.identity_providers import (
    LastOwner,
    NotSaved,
    Provider,
    Taken,
)
from internal_api.middleware import SCIM_JSON
from internal_api.repository import scim
from internal_api.repository.database import Connection
from internal_api.repository.scim import Identity
from internal_api.resources.service import Service
from internal_api.ruby_inspect import filter_parameters, inspect
from internal_api.scim_requests import (
    InvalidRequest,
    read_change,
    read_filter,
    read_new_user,
    read_page,
)


class Users:
    """`/Users`: those whom a provider has sent."""

    authentication = Scheme.SCIM
    media_type = SCIM_JSON

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_get(self, req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        """Answer a page of them, active or not, or whom a filter finds.

        Raises:
            ScimError: The filter is not supported.
        """
        page, wanted = read_page(req.context.params), None
        try:
            if req.context.provider.lists_users:
                wanted = read_filter(req.context.params.get("filter"))
        except InvalidRequest as error:
            raise ScimError("Unsupported Filter").because(
                "a filter is id, externalId or userName, then eq and a value"
            ) from error
        with self._database.reading() as connection:
            found, total = identity_providers.search(
                connection, req.context.provider, wanted, page
            )
        users = [scim_documents.user(identity) for identity in found]
        write_json(resp, 200, scim_documents.list_response(users, total, page))

    def on_post(self, req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        """Let a user in, and answer the user; one who is there is answered again.

        Raises:
            ScimConflict: The provider calls the user otherwise.
            ScimError: Something is missing or wrong.
        """
        new = read_new_user(req.context.params)
        try:
            with self._database.writing() as connection:
                provider = req.context.provider
                identity = identity_providers.provision(connection, provider, new)
        except NotSaved as error:
            refusal = ScimConflict if isinstance(error, Taken) else ScimError
            message = f"Error saving user with {_parameters(req)}: {error}"
            raise refusal(message) from error
        write_json(resp, 201, scim_documents.user(identity))


class User:
    """`/Users/:id`: a user, by what the provider calls him."""

    authentication = Scheme.SCIM
    media_type = SCIM_JSON

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_get(self, req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        """Answer the user, active or not.

        Raises:
            ScimNotFound: The provider has sent nobody of this id.
        """
        with self._database.reading() as connection:
            identity = _identity(connection, req)
        write_json(resp, 200, scim_documents.user(identity))

    def on_patch(self, req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        """Shut the user out, let the user in again, or note another id.

        Raises:
            ScimNotFound: The provider has sent nobody of this id.
            ScimError: The operations cannot be read, or not be done.
        """
        with self._database.writing() as connection:
            identity = _identity(connection, req)
            try:
                change = read_change(req.context.params)
                identity_providers.update(
                    connection, req.context.provider, identity, change
                )
            except (InvalidRequest, NotSaved) as error:
                message = f"Error updating {identity.name} with {_parameters(req)}"
                raise ScimError(message).because(
                    str(error) or "an operation without op, or without path and object"
                ) from error
        _no_content(resp)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        """Shut the user out; the provider may let the same user in again.

        Raises:
            ScimNotFound: The provider has sent nobody of this id.
            ScimError: It is the last owner of the group.
        """
        with self._database.writing() as connection:
            identity = _identity(connection, req)
            try:
                identity_providers.deprovision(
                    connection, req.context.provider, identity
                )
            except LastOwner as error:
                raise ScimError(str(error)) from error
        _no_content(resp)


def _identity(connection: Connection, req: falcon.Request) -> Identity:
    """The identity of the id in the path.

    Raises:
        ScimNotFound: There is none.
    """
    provider: Provider = req.context.provider
    extern_uid: str = req.context.fields["id"]
    identity = scim.find_identity(connection, provider.group_id, extern_uid)
    if identity is None:
        raise ScimNotFound(f"Resource {extern_uid} not found")
    return identity


def _no_content(resp: falcon.Response) -> None:
    resp.status = 204
    resp.delete_header("Content-Type")


def _parameters(req: falcon.Request) -> str:
    """All parameters as Ruby shows them, those of the path last."""
    return inspect(filter_parameters(req.context.params) | req.context.fields)


# ---------------------------------------------------------------- discovery


class _Discovery:
    """What a client may ask before it has a token."""

    authentication = Scheme.SCIM_DISCOVERY
    media_type = SCIM_JSON

    def __init__(self, service: Service) -> None:
        pass


class ServiceProviderConfig(_Discovery):
    """`/ServiceProviderConfig`: what is supported."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        """Answer what is supported."""
        write_json(resp, 200, scim_documents.SERVICE_PROVIDER_CONFIG)


class _Documents(_Discovery):
    """Documents, and each of them by its id."""

    documents: ClassVar[dict[str, scim_documents.Document]]

    def on_get(self, req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        """Answer all of them, or that of the id in the path.

        Raises:
            ScimNotFound: There is none of this id.
        """
        name = req.context.fields.get("id")
        if name is None:
            write_json(resp, 200, scim_documents.everything(self.documents))
        elif name in self.documents:
            write_json(resp, 200, self.documents[name])
        else:
            raise ScimNotFound(f"Resource {name} not found")


class ResourceTypes(_Documents):
    """`/ResourceTypes`: what kinds of resources there are."""

    documents = scim_documents.RESOURCE_TYPES


class Schemas(_Documents):
    """`/Schemas`: what attributes they have, by their URNs."""

    documents = scim_documents.SCHEMAS
