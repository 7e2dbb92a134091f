"""Decisions about other people's JSON: how to read it without trusting its shape. No database here."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from math import isfinite
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

    def real(self, name: str) -> float | None:
        """Return a finite number, also one that is written as text."""
        found = self[name].value
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            return None
        try:
            number = float(found)
        except (ValueError, OverflowError):
            return None
        return number if isfinite(number) else None

    def mapping(self, name: str, limit: int = 100) -> dict[str, str]:
        """Return the texts and numbers of an object by their names, as texts, at most ``limit`` of them."""
        found = self[name].value
        pairs = list(found.items())[:limit] if isinstance(found, dict) else []
        return {key[:200]: str(value)[:1_000] for key, value in pairs if isinstance(value, str | int | float)}

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

    def time(self, *names: str, per_second: int = 1) -> datetime:
        """Return the first time among ``names``, in UTC: ISO 8601 with an offset, or a Unix time.

        Args:
            per_second: the unit of a Unix time: 1,000 for milliseconds, 1,000,000,000 for nanoseconds.

        Raises:
            BadRecord: none can be read.
        """
        for name in names:
            if moment := _moment(self[name].value, per_second):
                return moment
        raise self._missing("a time", *names)

    def time_or_none(self, *names: str, per_second: int = 1) -> datetime | None:
        """Return the first time among ``names``, or nothing."""
        found = (_moment(self[name].value, per_second) for name in names)
        return next((moment for moment in found if moment), None)

    def _path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _missing(self, what: str, *names: str) -> BadRecord:
        paths = " or ".join(self._path_of(name) for name in names)
        return BadRecord(f"{paths} is not {what}.", fields={paths: f"Not {what}."})


def _moment(value: Any, per_second: int) -> datetime | None:
    try:
        if isinstance(value, str) and not value.isdecimal():
            parsed = datetime.fromisoformat(value)
            return parsed.astimezone(UTC) if parsed.tzinfo else None
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            whole, rest = divmod(int(value), per_second) if per_second > 1 else (float(value), 0)
            return datetime.fromtimestamp(whole, UTC) + timedelta(microseconds=rest * 1_000_000 // per_second)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def fit(name: str, text: str) -> str:
    """Return as much of ``text`` as an event's field called ``name`` takes; ids are for `bounded_id`."""
    return text[: LIMITS[name]]


def bounded_id(text: str) -> str:
    """Return ``text`` when an event can carry it as its id, else its beginning and a digest of it all."""
    limit = LIMITS["source_id"]
    if len(text) <= limit:
        return text
    digest = blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()
    return f"{text[: limit - len(digest) - 1]}~{digest}"
