"""Secrets at rest: sealed with Fernet (AES-128-CBC and HMAC-SHA-256), opened only where they are used."""

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from rcaplatform.kit.errors import Unavailable


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.SEALING_KEYS])


def seal(secrets: dict[str, str]) -> bytes:
    """Return ``secrets`` as bytes that only this installation's keys can open; the newest key seals."""
    return _box().encrypt(orjson.dumps(secrets)) if secrets else b""


def unseal(sealed: bytes | memoryview) -> dict[str, str]:
    """Return the secrets sealed before.

    Raises:
        Unavailable: none of ``SEALING_KEYS`` opens them.
    """
    if not sealed:
        return {}
    try:
        opened: dict[str, str] = orjson.loads(_box().decrypt(bytes(sealed)))
    except InvalidToken as problem:
        raise Unavailable(
            "No key in SEALING_KEYS opens this secret: it was sealed by another installation."
        ) from problem
    return opened
