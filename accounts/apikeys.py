"""Decisions about API keys: what one looks like, and by what it is found again."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from uuid import UUID

BEGINS = "rca_"
SHOWN = 12  # characters that are kept as they are, to recognise a key by


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What never changes about an API key.

    Attributes:
        expires: Unix time; None for never.
    """

    id: UUID
    user_id: UUID
    expires: float | None

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= time.time()


def new_secret() -> str:
    """Return a new key: 256 random bits, so that a plain digest of it tells nobody anything."""
    return BEGINS + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is kept of a key: its SHA-256."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
