"""Tokens: RS256 with the key's id in the header. Made with simplejwt, read here; a signature is checked once."""

import hashlib
import time
from dataclasses import dataclass
from functools import cache
from typing import Any, Self
from uuid import UUID

import jwt
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.tokens import AccessToken as PlainAccessToken
from rest_framework_simplejwt.tokens import RefreshToken as PlainRefreshToken
from rest_framework_simplejwt.tokens import Token

from accounts import keys
from accounts.models import User
from rcaplatform.kit.errors import DomainError
from rcaplatform.kit.ids import uuid7
from rcaplatform.kit.memory import Recent

ACCESS, REFRESH = "access", "refresh"
VERIFIED = 10_000  # tokens a process remembers: some 6 MB


class BadToken(DomainError):
    """The token opens nothing: sign in again."""

    status, code = 401, "bad_token"


class Backend(TokenBackend):
    """Signs with `accounts.keys`, which are read when first needed."""

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
    def for_user(cls, user: User, family: str = "") -> Self:  # type: ignore[override]
        """Return a new token of ``user``: of the sign-in ``family``, or of a new one."""
        token = cls()
        token["sub"], token["role"] = str(user.pk), user.role
        token["gen"], token["sid"] = user.token_generation, family or uuid7().hex
        return token


class AccessToken(_Ours, PlainAccessToken):
    """Opens the API until it expires."""


class RefreshToken(_Ours, PlainRefreshToken):  # type: ignore[misc]  # only the list of simplejwt, unused here, objects
    """Gives a new pair, once."""

    access_token_class = AccessToken


@dataclass(frozen=True, slots=True)
class Claims:
    """What a genuine token says.

    Attributes:
        kind: `ACCESS` or `REFRESH`.
        person: whose it is.
        jti: its own id.
        family: the id of the sign-in it comes from; its own where it names none.
        generation: of the person's tokens when it was made.
        expires: Unix time.
    """

    kind: str
    person: UUID
    jti: str
    family: str
    generation: int
    expires: int


_verified: Recent[bytes, Claims] = Recent(VERIFIED)


def read(text: str, kind: str = "") -> Claims:
    """Return what a token says that we signed and that has not expired; whether it was revoked is another question.

    Args:
        text: the token.
        kind: the kind it must be of; empty for any.

    Raises:
        BadToken: it is not ours, has expired, or is of another kind.
    """
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    claims = _verified.get(digest)
    if claims is None:
        claims = _checked(text)
        _verified.put(digest, claims)
    if claims.expires <= time.time():
        raise BadToken("The token has expired.")
    if kind and claims.kind != kind:
        raise BadToken(f"This is no {kind} token.")
    return claims


def _checked(text: str) -> Claims:
    try:
        key = keys.verifying()[jwt.get_unverified_header(text).get("kid", "")]
        said = jwt.decode(text, key, algorithms=["RS256"], options={"require": ["exp", "sub", "jti"]})
        jti = str(said["jti"])
        return Claims(
            kind=str(said["token_type"]),
            person=UUID(said["sub"]),
            jti=jti,
            family=str(said.get("sid", jti)),
            generation=int(said.get("gen", 0)),  # a token of the release before says neither
            expires=int(said["exp"]),
        )
    except jwt.ExpiredSignatureError as problem:
        raise BadToken("The token has expired.") from problem
    except (jwt.InvalidTokenError, KeyError, ValueError) as problem:
        raise BadToken("This is no token of ours.") from problem
