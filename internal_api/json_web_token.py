"""JSON web tokens that clients sign with a secret that both sides know.

Source: `lib/json_web_token/hmac_token.rb`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from jwt import PyJWS

# A client repeats its token on every call within a second.
REMEMBERED_TOKENS = 1024

Claims = Mapping[str, Any]


class TokenError(ValueError):
    """A token that is refused: one line that says why; of its content only claims."""


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
        clock: Gives the time in seconds since the epoch.
        leeway_s: How far the clocks may differ, in seconds.
        starts: The claims that a token is not good before.
        audience: What `aud`, if any, must be or contain; None takes every one.
    """

    def __init__(  # noqa: PLR0913 - each is named where it is made
        self,
        keys: tuple[bytes, ...],
        issuer: str,
        clock: Callable[[], float],
        *,
        leeway_s: int,
        starts: tuple[str, ...],
        audience: str | None,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._leeway_s = leeway_s
        self._starts = starts
        self._audience = audience
        # What a token says never changes; its age is checked every time.
        self._read = lru_cache(REMEMBERED_TOKENS)(self._verify_signature)

    def verify(self, token: str) -> Claims:
        """The claims of a token.

        Raises:
            TokenError: It is refused.
        """
        try:
            signed = self._read(token)
        except TokenError:
            raise
        except (ValueError, OverflowError, RecursionError) as error:
            raise TokenError("JWT: its claims cannot be read") from error
        now = self._clock()
        if now < signed.start:
            raise TokenError(f"JWT: not valid for another {signed.start - now:.0f} s")
        if now >= signed.end:
            raise TokenError(f"JWT: expired {now - signed.end:.0f} s ago")
        return signed.claims

    def _verify_signature(self, token: str) -> _Signed:
        """Read a token; only `iss` is mandatory.

        Raises:
            ValueError: It is none of the issuer's, or signed with another key; a
                `TokenError` where there is more to say.
        """
        # Loaded with the first token: the server is up before.
        from jwt import PyJWTError  # noqa: PLC0415

        for key in self._keys:
            try:
                payload = _jws().decode(token, key, algorithms=["HS256"])
            except PyJWTError as error:
                problem = str(error)
                continue
            break
        else:
            raise TokenError(f"JWT: {problem}")
        claims = msgspec.json.decode(payload)
        if not isinstance(claims, dict):
            raise TokenError("JWT: its claims are no object")
        if (issuer := claims.get("iss")) != self._issuer:
            raise TokenError(f"JWT: iss is {issuer!r}, expected {self._issuer!r}")
        if self._audience and "aud" in claims:
            audience = claims["aud"]
            named = audience if isinstance(audience, list) else [audience]
            if self._audience not in named:
                raise TokenError(f"JWT: aud is {audience!r}, not {self._audience!r}")
        starts = [_seconds(claims[name]) for name in self._starts if name in claims]
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
        OverflowError: It is a larger one than any time.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a time is a number")  # noqa: TRY004 - the token is bad
    return float(value)
