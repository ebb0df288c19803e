"""The token with which Git LFS logs in over HTTP.

Source: `lib/gitlab/lfs_token.rb`.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import datetime

from internal_api.access.values import Actor

ALGORITHM = "HS256"
NOT_BEFORE_LEEWAY_S = 5


class LfsToken:
    """Makes and verifies the tokens of one actor: a user or a deploy key.

    Args:
        actor: Whose user or deploy key is known.
        db_key_base: The secret of the instance that keys are derived from.
    """

    def __init__(self, actor: Actor, db_key_base: str) -> None:
        if actor.deploy_key:
            self.username = f"lfs+deploy-key-{actor.deploy_key.id}"
            owner = f"deploy_key-{actor.deploy_key.id}"
        elif actor.user:
            self.username = actor.user.username
            owner = f"user-{actor.user.id}"
        else:
            raise ValueError("nobody has no LFS token")
        self._key = hmac.digest(db_key_base.encode(), owner.encode(), hashlib.sha256)

    def token(self, now: datetime, expires_in: int) -> str:
        """A new token, good for `expires_in` seconds."""
        import jwt  # noqa: PLC0415 - only this route signs

        issued_at = int(now.timestamp())
        claims = {
            "data": {"actor": self.username},
            "jti": str(uuid.uuid4()),
            "iat": issued_at,
            "nbf": issued_at - NOT_BEFORE_LEEWAY_S,
            "exp": issued_at + expires_in,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def is_valid(self, token: str, now: datetime) -> bool:
        """Whether the token was made for this actor and is good at this time."""
        import jwt  # noqa: PLC0415

        try:
            claims = jwt.decode(
                token,
                self._key,
                [ALGORITHM],
                # By the clock of the service, below.
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return False
        is_current = claims["nbf"] <= now.timestamp() < claims["exp"]
        return bool(is_current and claims["data"] == {"actor": self.username})
