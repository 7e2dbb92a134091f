"""Decisions about deliveries: is a signature the sender's, and is a header fit to be kept. No database here."""

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256

from connectors.errors import Forged
from rcaplatform.kit.errors import Invalid

MAX_HEADER = 100


def hmac_hex(secret: str, signed: bytes) -> str:
    """Return the HMAC-SHA256 of ``signed`` in hexadecimal."""
    return hmac.new(secret.encode(), signed, sha256).hexdigest()


def require_one(given: Iterable[str], expected: str, *, header: str) -> None:
    """Return when one of the signatures or tokens ``given`` is the ``expected`` one, in time that tells nothing.

    Raises:
        Forged: none is.
    """
    right = False
    for one in given:
        right |= hmac.compare_digest(one.encode(errors="replace"), expected.encode())
    if not right:
        raise Forged(f"{header} is not what this connector's secret makes it.")


def plain_header(headers: Mapping[str, str], name: str) -> str:
    """Return a header that identifies something.

    Raises:
        Invalid: it is missing, longer than 100 characters or no plain text.
    """
    value = headers.get(name.lower(), "")
    if not value or len(value) > MAX_HEADER or not (value.isascii() and value.isprintable()):
        message = f"Give 1 to {MAX_HEADER} printable ASCII characters."
        raise Invalid(f"{name}: {message}", fields={name: message})
    return value
