"""SSH keys and certificates that log in."""

from __future__ import annotations

from urllib.parse import urlsplit

import falcon

from internal_api import ssh_keys
from internal_api.auth import Scheme
from internal_api.errors import BadRequest, NotFound, write_json
from internal_api.params import to_text
from internal_api.repository import keys, settings, users
from internal_api.resources.service import Service


class AuthorizedKeys:
    """`GET /internal/authorized_keys`: which key OpenSSH was offered.

    Source: documentation, "Authorized Keys Check"; `lib/api/internal/base.rb`.
    """

    authentication = Scheme.SHELL

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the key of the parameter `key`: its Base64, or the whole line.

        Expired keys and those of blocked users are found too.

        Raises:
            BadRequest: `key` is missing, or no text.
            NotFound: There is no such key that may log in.
        """
        text = req.context.params.get("key")
        if not isinstance(text, str):
            raise BadRequest(f"key is {'missing' if text is None else 'invalid'}")
        with self._database.reading() as connection:
            found = keys.find_authorized(connection, ssh_keys.fingerprint(text))
            external_url = settings.read(connection).instance.external_url
        if found is None:
            raise NotFound("Key").because("no key that may log in has this fingerprint")
        comment = f"{found.user_name} ({urlsplit(external_url).hostname})"
        body = {
            "id": found.id,
            "title": found.title,
            "created_at": found.created_at,
            "expires_at": found.expires_at,
            "key": f"{found.key} {comment}",
            "usage_type": found.usage_type,
        }
        write_json(resp, 200, body)


class AuthorizedCerts:
    """`GET /internal/authorized_certs`: whom an SSH certificate stands for.

    Source: `ee/lib/ee/api/internal/base.rb`.
    """

    authentication = Scheme.SHELL

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the group that trusts the CA `key`, and its member.

        Raises:
            NotFound: No group trusts it, or it has no such member.
        """
        params = req.context.params
        fingerprint = to_text(params.get("key")) or ""
        fingerprint = fingerprint.removeprefix("SHA256:").rstrip("=")
        username = to_text(params.get("user_identifier")) or ""
        with self._database.reading() as connection:
            found = users.certificate_login(connection, fingerprint, username)
        if found is None:
            why = f"no group that trusts this CA has a member {username!r}"
            raise NotFound().because(why)
        body = {"success": True, "namespace": found[0], "username": found[1]}
        write_json(resp, 200, body)
