"""The key pair that signs tokens: from the environment, or made once by a single node. Read when first used."""

import base64
import hashlib
from functools import cache
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from jwt.algorithms import RSAAlgorithm

from rcaplatform.kit.keyfiles import create_once

BITS = 2048


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
    """Return the key's thumbprint (RFC 7638): the SHA-256 of its required members in order, base64url."""
    required = {name: _jwk()[name] for name in ("e", "kty", "n")}
    return base64.urlsafe_b64encode(hashlib.sha256(orjson.dumps(required)).digest()).rstrip(b"=").decode()


def published() -> dict[str, Any]:
    """Return the key set (RFC 7517) by which others verify this installation's tokens."""
    public = {name: _jwk()[name] for name in ("kty", "n", "e")}
    return {"keys": [{**public, "use": "sig", "alg": "RS256", "kid": key_id()}]}


def _jwk() -> dict[str, Any]:
    return RSAAlgorithm.to_jwk(public_key(), as_dict=True)


def _generate() -> str:
    key = generate_private_key(public_exponent=65537, key_size=BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
