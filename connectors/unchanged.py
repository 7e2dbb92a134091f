"""Answers kept for a day, so that a source that has nothing new need only say so (conditional requests, RFC 9110).

The whole answer is kept, not its validator alone: the events of an answer may have been lost on their way to the
database, and a source that then says "unchanged" would never tell of them again. It is read again instead, and what is
known is stored once.
"""

import zlib
from dataclasses import dataclass
from typing import Any

import orjson

from rcaplatform.kit.memory import Script, write

SECONDS = 24 * 60 * 60
LARGEST = 256 * 1024  # bytes of a compressed answer; a larger one is asked for again
_READ = Script("return {redis.call('GET', KEYS[1])}")
_HEADERS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def conditions(self) -> dict[str, str]:
        """The headers that ask for an answer only if it is another."""
        return {asking: self.headers[name] for name, asking in _HEADERS.items() if name in self.headers}


def recall(name: str) -> Kept | None:
    """Return the answer kept under ``name``; None without one, or while Redis is away."""
    found: Any = (_READ.run([_key(name)]) or [None])[0]
    if found is None:
        return None
    about, _, content = zlib.decompress(found).partition(b"\n")
    return Kept(**orjson.loads(about), content=content)


def keep(name: str, kept: Kept) -> None:
    """Keep an answer that says how to ask whether it changed, unless it is too large."""
    if not kept.conditions:
        return
    headers = {name: value for name, value in kept.headers.items() if name != "set-cookie"}
    whole = zlib.compress(orjson.dumps({"status": kept.status, "headers": headers}) + b"\n" + kept.content, 1)
    if len(whole) <= LARGEST:
        write({_key(name): whole}, SECONDS)


def _key(name: str) -> str:
    return f"rca:answer:{name}"
