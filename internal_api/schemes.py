"""From a credential scheme to what asks callers for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from internal_api.auth import (
    Authenticate,
    KasSecret,
    Scheme,
    ShellSecret,
    authenticate_nobody,
)
from internal_api.resources.service import Service
from internal_api.secret_files import Secrets


class Schemes:
    """The credential schemes of an instance.

    Args:
        service: Holds the tokens, and the time that they expire by.
        secrets: What callers sign with.
        clock: Gives the real time, in seconds since the epoch: whoever signs lives in
            it, whatever a test makes of the service's.
    """

    def __init__(
        self, service: Service, secrets: Secrets, clock: Callable[[], float]
    ) -> None:
        self._database = service.database
        self._now = service.now
        self._shell = ShellSecret(
            secrets.shell,
            accept_shared_secret=service.config.shell_auth != "jwt",
            clock=clock,
        )
        self._kas = KasSecret(secrets.kas, clock)

    def authenticate(self, scheme: Scheme) -> Authenticate:
        """What accepts a request, or refuses it by an exception."""
        match scheme:
            case Scheme.NONE:
                return authenticate_nobody
            case Scheme.SHELL:
                return self._shell.authenticate
            case Scheme.SHELL_JWT:
                return self._shell.authenticate_jwt
            case Scheme.KAS:
                return self._kas.authenticate
            case Scheme.ERROR_TRACKING:
                from internal_api.resources import error_tracking  # noqa: PLC0415

                return error_tracking.Authentication(self._shell, self._database)
        return self._by_token[scheme]

    @cached_property
    def _by_token(self) -> dict[Scheme, Authenticate]:
        # The server is up before it knows of tokens.
        from internal_api import tokens  # noqa: PLC0415

        personal = tokens.PersonalAccessTokens(self._database, self._now)
        scim = tokens.ScimToken(self._database)
        return {
            Scheme.KAS_AGENT: tokens.AgentToken(
                self._kas, self._database, self._now
            ).authenticate,
            Scheme.JOB_TOKEN: tokens.JobToken(self._database).authenticate,
            Scheme.USER: personal.authenticate,
            Scheme.ADMIN: personal.authenticate_admin,
            Scheme.GITLAB_COM_ADMIN: personal.authenticate_gitlab_com_admin,
            Scheme.SCIM: scim.authenticate,
            Scheme.SCIM_DISCOVERY: scim.allow_discovery,
        }
