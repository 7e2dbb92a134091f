"""The key pair that signs tokens: from the environment, or made once by a single node. Read when first used."""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from jwt.algorithms import RSAAlgorithm

from rcaplatform.kit.keyfiles import create_once

BITS = 2048
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


@cache
def private_key() -> RSAPrivateKey:
    """Return the key that signs.

    Raises:
        ImproperlyConfigured: ``JWT_PRIVATE_KEY`` holds no RSA private key of 2048 bits or more.
    """
    path = settings.DATA_DIR / "keys" / "jwt-private.pem"
    text = settings.JWT_PRIVATE_KEY or create_once(path, _generate, variable="JWT_PRIVATE_KEY")
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError) as problem:
        raise ImproperlyConfigured("JWT_PRIVATE_KEY must be an RSA private key in PEM without a password") from problem
    if not isinstance(key, RSAPrivateKey) or key.key_size < BITS:
        raise ImproperlyConfigured(f"JWT_PRIVATE_KEY must be an RSA key of {BITS} bits or more")
    return key


@cache
def public_key() -> RSAPublicKey:
    """Return the key that verifies."""
    return private_key().public_key()


@cache
def key_id() -> str:
    """Return the id of the key that signs."""
    return _thumbprint(public_key())


@cache
def verifying() -> Mapping[str, RSAPublicKey]:
    """Return by id each key whose tokens are good: the one that signs and those that did before.

    Raises:
        ImproperlyConfigured: ``JWT_RETIRED_KEYS`` holds something else than RSA public keys.
    """
    try:
        retired = [load_pem_public_key(text.encode()) for text in _PEM.findall(settings.JWT_RETIRED_KEYS)]
    except ValueError as problem:
        raise ImproperlyConfigured("JWT_RETIRED_KEYS must be public keys in PEM, one after the other") from problem
    ours = [public_key(), *(key for key in retired if isinstance(key, RSAPublicKey))]
    if len(ours) <= settings.JWT_RETIRED_KEYS.count("BEGIN"):
        raise ImproperlyConfigured("JWT_RETIRED_KEYS must be RSA public keys in PEM, one after the other")
    return {_thumbprint(key): key for key in ours}


def published() -> dict[str, Any]:
    """Return the key set (RFC 7517) by which others verify this installation's tokens."""
    public = {kid: _jwk(key) for kid, key in verifying().items()}
    return {"keys": [{**jwk, "use": "sig", "alg": "RS256", "kid": kid} for kid, jwk in public.items()]}


def _thumbprint(key: RSAPublicKey) -> str:
    """Return a key's thumbprint (RFC 7638): the SHA-256 of its required members in order, base64url."""
    jwk = _jwk(key)
    required = {name: jwk[name] for name in ("e", "kty", "n")}
    return base64.urlsafe_b64encode(hashlib.sha256(orjson.dumps(required)).digest()).rstrip(b"=").decode()


def _jwk(key: RSAPublicKey) -> dict[str, str]:
    jwk = RSAAlgorithm.to_jwk(key, as_dict=True)
    return {name: jwk[name] for name in ("kty", "n", "e")}


def _generate() -> str:
    key = generate_private_key(public_exponent=65537, key_size=BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
