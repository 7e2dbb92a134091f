"""Decisions about other people's JSON: how to read it without trusting its shape. No database here."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from connectors.errors import BadRecord
from events.drafts import LIMITS

MAX_ID = 1_000


@dataclass(frozen=True, slots=True)
class Part:
    """A value somewhere in a payload. Absent or of another type, it reads as empty; `id` and `time` alone insist."""

    value: Any
    path: str = ""

    def __getitem__(self, name: str) -> "Part":
        inner = self.value.get(name) if isinstance(self.value, dict) else None
        return Part(inner, self._path_of(name))

    def each(self, name: str) -> list["Part"]:
        """Return the items of a list."""
        items = self[name].value
        if not isinstance(items, list):
            return []
        return [Part(item, f"{self._path_of(name)}[{place}]") for place, item in enumerate(items)]

    def text(self, name: str, limit: int = 1_000) -> str:
        """Return a text of at most ``limit`` characters."""
        found = self[name].value
        return found[:limit] if isinstance(found, str) else ""

    def texts(self, name: str, limit: int = 1_000) -> list[str]:
        """Return the texts in a list, at most ``limit`` of them."""
        return [item.value for item in self.each(name)[:limit] if isinstance(item.value, str)]

    def number(self, name: str) -> int | None:
        """Return a whole number."""
        found = self[name].value
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def flag(self, name: str) -> bool:
        """Tell whether the value is true, and not merely something."""
        return self[name].value is True

    def link(self, *names: str) -> str:
        """Return the first web address among ``names`` that an event can carry."""
        found = (self.text(name, LIMITS["url"] + 1) for name in names)
        return next((url for url in found if url.startswith(("https://", "http://")) and len(url) <= LIMITS["url"]), "")

    def id(self, name: str) -> str:
        """Return what identifies the thing: a number, or a text of at most 1,000 characters.

        Raises:
            BadRecord: it is absent, empty, too long or of another type.
        """
        found = self[name].value
        if isinstance(found, bool) or not isinstance(found, int | str) or not 0 < len(str(found)) <= MAX_ID:
            raise self._missing("an id", name)
        return str(found)

    def time(self, *names: str) -> datetime:
        """Return the first time among ``names``, in UTC: ISO 8601 with an offset, or Unix seconds.

        Raises:
            BadRecord: none can be read.
        """
        for name in names:
            if moment := _moment(self[name].value):
                return moment
        raise self._missing("a time", *names)

    def _path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _missing(self, what: str, *names: str) -> BadRecord:
        paths = " or ".join(self._path_of(name) for name in names)
        return BadRecord(f"{paths} is not {what}.", fields={paths: f"Not {what}."})


def _moment(value: Any) -> datetime | None:
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value)
            return parsed.astimezone(UTC) if parsed.tzinfo else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def bounded_id(text: str) -> str:
    """Return ``text`` when an event can carry it as its id, else its beginning and a digest of it all."""
    limit = LIMITS["source_id"]
    if len(text) <= limit:
        return text
    digest = blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()
    return f"{text[: limit - len(digest) - 1]}~{digest}"
