"""Decisions about senders that sign nothing: does a call carry the secret it was given, and is it one seen before.

No database here.
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from connectors.base import option, secret
from connectors.errors import Forged, Misconfigured
from connectors.http import HTTPConfig
from connectors.signing import require_one

AGAIN = 300


def require_secret(headers: Mapping[str, str], expected: str, *, header: str = "Authorization") -> None:
    """Return when ``header`` carries the ``expected`` secret: by itself, after a scheme, or as in HTTP Basic.

    With Basic the secret is the password, or ``user:password``.

    Raises:
        Forged: it does not.
        Misconfigured: there is no secret, so anybody would know it.
    """
    if not expected:
        raise Misconfigured("This connector has no secret, so it takes no deliveries.")
    require_one(_carried(headers.get(header.lower(), "")), expected, header=header)


def _carried(value: str) -> Iterator[str]:
    yield value
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "basic":
        yield rest.strip()
        return
    try:
        pair = b64decode(rest.strip(), validate=True).decode()
    except ValueError:
        return
    yield pair
    yield pair.partition(":")[2]


def require_fresh(stamp: str, now: datetime, *, header: str) -> None:
    """Return when ``stamp``, a Unix time, is within five minutes of ``now``; call it once the signature is checked.

    Raises:
        Forged: it is not: somebody may play an old delivery again.
    """
    if not (stamp.isascii() and stamp.isdecimal() and abs(now.timestamp() - int(stamp[:12])) <= AGAIN):
        raise Forged(f"{header} is no time within five minutes of now.")


def key_of(body: bytes) -> str:
    """Return a key for a delivery whose sender gives it none: the same body is the same delivery."""
    return blake2b(body, digest_size=20).hexdigest()


def key_now(body: bytes, now: datetime) -> str:
    """Return a key for a delivery that may say the same again and mean it: the same body within five minutes."""
    return f"{key_of(body)}-{int(now.timestamp()) // AGAIN * AGAIN}"


@dataclass(frozen=True, kw_only=True)
class HookConfig(HTTPConfig):
    """What a source is set by that calls us, is polled, or both."""

    url: str = option("Address to poll, such as https://host.example. Empty: it is not polled.", default="")
    secret: str = secret("The secret its deliveries carry. Empty: it takes none.", default="")

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        if self.url:
            return super().wrong()
        return {} if self.secret else {"url": "Give an address to poll, a secret for its deliveries, or both."}
