"""The credential schemes: who may call at all.

Source: `lib/api/helpers.rb` (`authenticate_by_gitlab_shell_token!`),
`lib/gitlab/shell.rb` and `lib/json_web_token/hmac_token.rb`.
"""

from __future__ import annotations

import base64
import hmac
import math
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import falcon
import msgspec

from internal_api.errors import Forbidden, Unauthorized

if TYPE_CHECKING:
    from jwt import PyJWS

JWT_HEADER = "HTTP_GITLAB_SHELL_API_REQUEST"
SHARED_SECRET_HEADER = "HTTP_GITLAB_SHARED_SECRET"  # noqa: S105 - a name
SHELL_ISSUER = "gitlab-shell"
SHELL_LEEWAY_S = 60
# A client repeats its token on every call within a second.
REMEMBERED_TOKENS = 1024

Claims = Mapping[str, Any]


class Scheme(Enum):
    """How a route knows its caller."""

    NONE = "none"
    SHELL = "shell JWT or shared secret"
    SHELL_JWT = "shell JWT"
    ERROR_TRACKING = "error tracking token, shell JWT or shared secret"


def authenticate_nobody(_req: falcon.Request) -> None:
    """Accept everybody."""


class _Signed(NamedTuple):
    """A token that one of our keys signed: its claims, and when it is good.

    The times are in seconds since the epoch, leeway included: good from the first
    on and before the second.
    """

    claims: Claims
    start: float
    end: float


class JwtVerifier:
    """Verifies HS256 tokens of one issuer.

    Args:
        keys: The keys, any of which may have signed.
        issuer: What `iss` must be.
        leeway_s: How far the clocks may differ, in seconds.
        clock: Gives the time in seconds since the epoch.
    """

    def __init__(
        self,
        keys: tuple[bytes, ...],
        issuer: str,
        leeway_s: int,
        clock: Callable[[], float],
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._leeway_s = leeway_s
        self._clock = clock
        # What a token says never changes; its age is checked every time.
        self._read = lru_cache(REMEMBERED_TOKENS)(self._verify_signature)

    def verify(self, token: str) -> Claims | None:
        """The claims of a token, or None for one that is refused."""
        try:
            signed = self._read(token)
        except (ValueError, RecursionError):
            return None
        return signed.claims if signed.start <= self._clock() < signed.end else None

    def _verify_signature(self, token: str) -> _Signed:
        """Read a token; only `iss` is mandatory.

        Raises:
            ValueError: It is none of the issuer's, or signed with another key.
        """
        # Loaded with the first token: the server is up before.
        from jwt import PyJWTError  # noqa: PLC0415

        for key in self._keys:
            try:
                payload = _jws().decode(token, key, algorithms=["HS256"])
            except PyJWTError:
                continue
            break
        else:
            raise ValueError("no key of ours has signed this")
        claims = msgspec.json.decode(payload)
        if not isinstance(claims, dict) or claims.get("iss") != self._issuer:
            raise ValueError("another issuer")
        starts = [_seconds(claims[name]) for name in ("nbf", "iat") if name in claims]
        end = _seconds(claims["exp"]) if "exp" in claims else math.inf
        start = max(starts, default=-math.inf)
        return _Signed(claims, start - self._leeway_s, end + self._leeway_s)


@cache
def _jws() -> PyJWS:
    from jwt import PyJWS  # noqa: PLC0415
    from jwt.algorithms import HMACAlgorithm  # noqa: PLC0415

    class Hs256(HMACAlgorithm):
        """HS256 with a key of our own, which need not be doubted for each token."""

        def prepare_key(self, key: str | bytes) -> bytes:
            return key.encode() if isinstance(key, str) else key

    jws = PyJWS(algorithms=[])
    jws.register_algorithm("HS256", Hs256(HMACAlgorithm.SHA256))
    return jws


def _seconds(value: object) -> float:
    """Read a claim that is a time.

    Raises:
        ValueError: It is not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a time is a number")  # noqa: TRY004 - the token is bad
    return value


class ShellSecret:
    """The secret that GitLab Shell and Gitaly share with GitLab.

    Args:
        content: Of `.gitlab_shell_secret`, as it is in the file.
        accept_shared_secret: Whether the plain secret is enough, as it was until
            GitLab 15; else only a JWT.
        clock: Gives the time in seconds since the epoch.
    """

    def __init__(
        self,
        content: bytes,
        *,
        accept_shared_secret: bool,
        clock: Callable[[], float],
    ) -> None:
        chomped = content.rstrip(b"\r\n")
        # Clients trim the file before they sign; older ones did not.
        keys = tuple(dict.fromkeys((content.strip(), chomped, content)))
        self._accept_shared_secret = accept_shared_secret
        self._secret = chomped
        self._jwt = JwtVerifier(keys, SHELL_ISSUER, SHELL_LEEWAY_S, clock)

    def authenticate(self, req: falcon.Request) -> None:
        """Accept a JWT or the shared secret.

        Raises:
            Unauthorized: Neither is right.
        """
        token = req.env.get(JWT_HEADER)
        if token and self._jwt.verify(token) is not None:
            return
        if self._accept_shared_secret and self._is_shared_secret(req):
            return
        raise Unauthorized

    def authenticate_jwt(self, req: falcon.Request) -> None:
        """Accept a JWT only.

        Raises:
            Forbidden: There is none.
            Unauthorized: It is wrong.
        """
        token = req.env.get(JWT_HEADER)
        if not token:
            raise Forbidden
        if self._jwt.verify(token) is None:
            raise Unauthorized

    def _is_shared_secret(self, req: falcon.Request) -> bool:
        """The header counts only where the parameter is absent."""
        parameter = req.context.params.get("secret_token")
        if parameter is None:
            header = req.env.get(SHARED_SECRET_HEADER, "")
            return self._matches(_decode_base64(header.encode("latin-1")))
        if not isinstance(parameter, str):
            return False
        given = parameter.encode()
        return self._matches(given) | self._matches(_decode_base64(given))

    def _matches(self, given: bytes) -> bool:
        return hmac.compare_digest(given.rstrip(b"\r\n"), self._secret)


def _decode_base64(text: bytes) -> bytes:
    """Ruby's `Base64.decode64`: other characters are skipped, padding may be missing.

    What cannot be decoded at all yields nothing.
    """
    try:
        return base64.b64decode(text + b"==")
    except ValueError:
        return b""
