"""Decision: what a signature of Standard Webhooks is, of a delivery and of what we send. No database here."""

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from connectors.credentials import require_fresh
from connectors.errors import Misconfigured
from connectors.signing import plain_header, require_one

PREFIX = "whsec_"


def standard_webhook(headers: Mapping[str, str], body: bytes, secret: str, *, now: datetime) -> str:
    """Check a delivery's signature and age, and return its id: the same when it is sent again.

    Args:
        secret: the key in base64 after ``whsec_``; any other text is the key itself.

    Raises:
        Forged: it is not signed with this secret, or was over five minutes ago.
        Invalid: its id is missing or no plain text.
        Misconfigured: the secret is empty or no base64.
    """
    identity, stamp = plain_header(headers, "webhook-id"), headers.get("webhook-timestamp", "")
    expected = signature(secret, identity, stamp, body)
    require_one(headers.get("webhook-signature", "").split(" "), expected, header="webhook-signature")
    require_fresh(stamp, now, header="webhook-timestamp")
    return identity


def signature(secret: str, identity: str, stamp: str, body: bytes) -> str:
    """Return the signature of a message with this id, Unix time and body.

    Raises:
        Misconfigured: the secret is empty or no base64.
    """
    signed = f"{identity}.{stamp}.".encode(errors="replace") + body
    return "v1," + b64encode(hmac.new(_key(secret), signed, sha256).digest()).decode()


def _key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else secret.encode()
    except binascii.Error as problem:
        raise Misconfigured("secret: What follows whsec_ is no base64.", fields={"secret": "Not base64."}) from problem
    if not key:
        raise Misconfigured("secret: This may not be empty.", fields={"secret": "This may not be empty."})
    return key
