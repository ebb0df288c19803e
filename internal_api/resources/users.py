"""Users, their tokens and their second factor.

Source: documentation, "Get user for user ID or key" and the sections after it;
`lib/api/internal/base.rb`. Refusals are successes to HTTP: status 200 and
`{"success": false}`.
"""

from __future__ import annotations

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import falcon

from internal_api.access.users import BLOCKED_STATES, may_log_in
from internal_api.access.values import Actor, User
from internal_api.auth import Scheme
from internal_api.dates import parse_date
from internal_api.errors import ApiError, BadRequest, Refused, write_json
from internal_api.params import blank, no_text, present, to_text
from internal_api.repository import git_access, keys, settings, users
from internal_api.repository.database import Connection
from internal_api.resources.service import Service
from internal_api.ruby_inspect import to_s

RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 8
TOKEN_PREFIX = "glpat-"  # noqa: S105 - what all begin with
TOKEN_BYTES = 15  # 20 characters of Base64
SCOPES = (
    "api",
    "read_api",
    "read_registry",
    "read_repository",
    "read_user",
    "write_registry",
    "write_repository",
)
OTP_DRIFT_STEPS = 1
_BLANKS = re.compile(r"\s+", re.ASCII)
INVALID_OTP = "Invalid OTP"
NO_DEPLOY_KEY = "Deploy keys cannot be used for Two Factor"


class Discover:
    """`GET /internal/discover`: who logs in with a key or a certificate."""

    authentication = Scheme.SHELL

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the user, or `null` when there is none."""
        with self._database.reading() as connection:
            user = git_access.find_actor(connection, req.context.params).user
            name = user and users.name(connection, user.id)
        body = user and {"id": user.id, "username": user.username, "name": name}
        write_json(resp, 200, body)


class KeyRoute(ABC):
    """A route for the user of a key; all that a request does is one transaction.

    Attributes:
        documented: Whether the documentation names it: a `user_id` is looked at, and
            alone is enough there, where GitLab has wanted a key since 13.2.
    """

    authentication = Scheme.SHELL
    documented = False

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._accepts_user_id = (
            self.documented and service.config.follow == "documentation"
        )
        self._now = service.now

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer, or refuse with GitLab's message; the use of a key is noted.

        Raises:
            BadRequest: A parameter is missing, or of a type that Rails chokes on.
        """
        refusal = None
        with self._database.writing() as connection:
            try:
                body = self.answer(connection, req.context.params)
            except ApiError as error:
                # Raised outside: the use of the key stays noted.
                refusal = error
        if refusal:
            raise refusal
        write_json(resp, 200, body)

    @abstractmethod
    def answer(
        self, connection: Connection, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Make the answer.

        Raises:
            Refused: With GitLab's message.
        """

    def find_user(
        self, connection: Connection, params: Mapping[str, Any], deploy_key_message: str
    ) -> User:
        """The user of a key that is no deploy key.

        Raises:
            Refused: With GitLab's message, or with the one for deploy keys.
        """
        actor = self.find_actor(connection, params)
        if actor.deploy_key:
            raise Refused(deploy_key_message)
        return _user(actor)

    def find_actor(self, connection: Connection, params: Mapping[str, Any]) -> Actor:
        """Whoever is named, deploy keys included; the use of the key is noted.

        Raises:
            Refused: With GitLab's message.
        """
        now, has_user_id = self._now(), present(params.get("user_id"))
        actor = git_access.find_actor(connection, params)
        instance = settings.read(connection).instance
        if actor.key and keys.use_is_due(actor.key, instance, now):
            keys.record_use(connection, actor.key, now)
        if self.documented and has_user_id and actor.user is None:
            raise Refused("Could not find the given user")
        if actor.key is None and not (has_user_id and self._accepts_user_id):
            raise Refused("Could not find the given key")
        return actor


def _user(actor: Actor) -> User:
    if actor.user is None:
        raise Refused("Could not find a user for the given key")
    return actor.user


def _otp_secret(connection: Connection, user: User) -> str | None:
    """The secret of a user who has two-factor authentication on.

    Raises:
        Refused: It is off.
    """
    enabled, secret = users.two_factor(connection, user.id)
    if not enabled:
        raise Refused("Two-factor authentication is not enabled for this user")
    return secret


class RecoveryCodes(KeyRoute):
    """`POST /internal/two_factor_recovery_codes`, and `GET` as documented."""

    documented = True
    on_get = KeyRoute.on_post

    def answer(
        self, connection: Connection, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Make ten new codes; the former ones are void.

        Raises:
            Refused: There is no such user, or two-factor authentication is off.
        """
        message = "Deploy keys cannot be used to retrieve recovery codes"
        user = self.find_user(connection, params, message)
        _otp_secret(connection, user)
        codes = [secrets.token_hex(RECOVERY_CODE_BYTES) for _ in range(RECOVERY_CODES)]
        users.replace_recovery_codes(connection, user.id, codes)
        return {"success": True, "recovery_codes": codes}


class PersonalAccessToken(KeyRoute):
    """`POST /internal/personal_access_token`: a new token for the user of a key."""

    documented = True

    def answer(
        self, connection: Connection, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Make the token; its scopes are as sent, its last day may be null.

        Raises:
            Refused: There is no such user, or name, scopes or date are not good.
            BadRequest: A parameter is of a type that Rails chokes on.
        """
        message = "Deploy keys cannot be used to create personal access tokens"
        user = self.find_user(connection, params, message)
        name, scopes = _token_name(params), _token_scopes(params)
        expires_at = _token_expiry(params, self._now().date())
        if user.state in BLOCKED_STATES:
            raise Refused("Failed to create token: Not permitted to create")
        token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        new = users.PersonalAccessToken(token, name, scopes, expires_at)
        users.create_personal_access_token(connection, user.id, new)
        return {
            "success": True,
            "token": token,
            "scopes": scopes,
            "expires_at": expires_at,
        }


def _token_name(params: Mapping[str, Any]) -> str:
    if blank(params.get("name")):
        raise Refused("No token name specified")
    name = to_text(params["name"])
    if name is None:
        raise BadRequest("name is invalid")
    return name


def _token_scopes(params: Mapping[str, Any]) -> list[str]:
    scopes = params.get("scopes")
    if blank(scopes):
        raise Refused("No token scopes specified")
    if not isinstance(scopes, list):
        raise BadRequest("scopes is invalid")
    for scope in scopes:
        if scope not in SCOPES:
            valid = ", ".join(f'"{name}"' for name in SCOPES)
            text = f"Invalid scope: '{to_s(scope)}'. Valid scopes are: [{valid}]"
            raise Refused(text)
    return scopes


def _token_expiry(params: Mapping[str, Any], today: date) -> date | None:
    text = params.get("expires_at")
    if blank(text):
        return None
    if not isinstance(text, str):
        raise BadRequest("expires_at is invalid")
    try:
        return parse_date(text, today)
    except ValueError as error:
        raise Refused(f"Invalid token expiry date: '{text}'") from error


class TwoFactorConfig(KeyRoute):
    """`POST /internal/two_factor_config`: whether Git wants a second factor."""

    def answer(
        self, connection: Connection, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Tell whether it is required; never for a deploy key.

        Raises:
            Refused: There is no such key.
        """
        actor, required = self.find_actor(connection, params), False
        if not actor.deploy_key:
            required, _secret = users.two_factor(connection, _user(actor).id)
        return {"success": True, "two_factor_required": required}


class ManualOtpCheck(KeyRoute):
    """`POST /internal/two_factor_manual_otp_check`: a code that somebody typed.

    Source: `ee/lib/ee/api/internal/base.rb`; a code counts once, and half a minute
    before and after its time.
    """

    def answer(
        self, connection: Connection, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Tell whether the code is the one of the user's secret.

        Raises:
            Refused: It is not, or there is no such user with a second factor.
            BadRequest: `otp_attempt` is missing.
        """
        user = self.find_user(connection, params, NO_DEPLOY_KEY)
        secret = _otp_secret(connection, user)
        if not may_log_in(user):
            raise Refused("Your account is locked")
        attempt = to_text(params.get("otp_attempt"))
        if attempt is None:
            raise BadRequest(no_text("otp_attempt", params))
        timestep = _timestep(secret, attempt, self._now()) if secret else None
        if timestep is None or not users.consume_otp(connection, user.id, timestep):
            raise Refused(INVALID_OTP)
        return {"success": True}


def _timestep(secret: str, attempt: str, now: datetime) -> int | None:
    """The time step that a code belongs to, or None for a wrong code."""
    import pyotp  # noqa: PLC0415 - only this route needs it

    # Ruby's blanks do not count; other digits than ASCII's are none.
    attempt = _BLANKS.sub("", attempt)
    if not attempt.isascii():
        return None
    totp = pyotp.TOTP(secret)
    for drift in range(-OTP_DRIFT_STEPS, OTP_DRIFT_STEPS + 1):
        moment = now + drift * timedelta(seconds=totp.interval)
        if totp.verify(attempt, for_time=moment):
            return totp.timecode(moment)
    return None


class PushOtpCheck(KeyRoute):
    """`POST /internal/two_factor_push_otp_check`: a push to the user's device.

    There is no device: it never succeeds.
    """

    def answer(
        self, connection: Connection, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Refuse.

        Raises:
            Refused: Always.
        """
        user = self.find_user(connection, params, NO_DEPLOY_KEY)
        _otp_secret(connection, user)
        raise Refused(INVALID_OTP)
