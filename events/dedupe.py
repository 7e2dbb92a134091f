"""Decision: when two testimonies are one event. No database here."""

from hashlib import blake2b
from uuid import UUID

GLOBAL = ""


def dedupe_key(*, scope: str, source: str, source_id: str) -> UUID:
    """Return the key that is equal for two testimonies of one event and for no others.

    Args:
        scope: where ``source_id`` is unique: the id of a connector's origin for ids that a system hands out itself
            (build 42), or `GLOBAL` for ids that mean the same everywhere (a commit hash, an API client's own ids).
        source: one of `Source`.
        source_id: the external id.

    Each part is hashed with its length before it, so that no two different triples read the same.
    """
    encoded = [part.encode(errors="surrogatepass") for part in (scope, source, source_id)]
    told = b"".join([len(part).to_bytes(4, "big") + part for part in encoded])
    return UUID(bytes=blake2b(told, digest_size=16).digest())


def replay_id(*, client: str, key: str, index: int) -> str:
    """Return the id of what a client told without one: the same when it repeats the call under its key."""
    return str(dedupe_key(scope=client, source=key, source_id=str(index)))
