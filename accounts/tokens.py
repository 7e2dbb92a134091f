"""Tokens: RS256 with the key's id in the header and the person's role among the claims."""

from functools import cache
from typing import Any, Self

import jwt
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken as PlainAccessToken
from rest_framework_simplejwt.tokens import RefreshToken as PlainRefreshToken
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.tokens import UntypedToken as PlainUntypedToken
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts import keys
from accounts.models import User


class Backend(TokenBackend):
    """Signs and verifies with `accounts.keys`, which are read when first needed."""

    @property
    def prepared_signing_key(self) -> Any:
        """The private key."""
        return keys.private_key()

    @property
    def prepared_verifying_key(self) -> Any:
        """The public key."""
        return keys.public_key()

    def encode(self, payload: dict[str, Any]) -> str:
        """Sign, and name the key."""
        return jwt.encode(payload, keys.private_key(), algorithm=self.algorithm, headers={"kid": keys.key_id()})


@cache
def backend() -> Backend:
    """Return the one backend of this process."""
    return Backend("RS256")


class _Ours(Token):
    @property
    def token_backend(self) -> TokenBackend:
        return backend()

    @classmethod
    def for_user(cls, user: User) -> Self:  # type: ignore[override]
        """Return a new token of ``user``."""
        token = cls()
        token["sub"], token["role"] = str(user.pk), user.role
        return token


class AccessToken(_Ours, PlainAccessToken):
    """Opens the API until it expires."""


class UntypedToken(_Ours, PlainUntypedToken):
    """Any token of ours, where its kind does not matter."""


class RefreshToken(_Ours, PlainRefreshToken):
    """Gives a new pair, once."""

    access_token_class = AccessToken

    @classmethod
    def for_user(cls, user: User) -> Self:  # type: ignore[override]
        """Return a new token of ``user``, entered among those handed out by its id; its text is not kept."""
        token = super().for_user(user)
        expires = datetime_from_epoch(token["exp"])
        OutstandingToken.objects.create(user=user, jti=token["jti"], created_at=token.current_time, expires_at=expires)
        return token
