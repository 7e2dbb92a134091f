"""Decision: fields of files that others wrote, with an error that says where they are wrong."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

LARGEST = 256 * 1024 * 1024  # bytes of one file
LONGEST = 4_000  # characters of a text
MOST_ATTRIBUTES = 60


class BadBundle(ValueError):
    """A file of an incident cannot be read. Says which, and which field of it."""


def read_text(path: Path) -> str:
    """Return what a file says."""
    if path.stat().st_size > LARGEST:
        raise BadBundle(f"{path.name}: larger than {LARGEST // 1024 // 1024} MiB.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise BadBundle(f"{path.name}: not UTF-8 (byte {problem.start}).") from problem


def read_json(path: Path) -> Any:
    """Return what a JSON file holds."""
    try:
        return json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as problem:
        raise BadBundle(f"{path.name}: not JSON: {problem}.") from problem


def records(path: Path, *, under: tuple[str, ...] = ()) -> list["Record"]:
    """Return the objects of a JSON list; a list may also stand under one of these names."""
    body = read_json(path)
    if isinstance(body, dict):
        body = next((body[name] for name in under if isinstance(body.get(name), list)), body)
    if not isinstance(body, list):
        raise BadBundle(f"{path.name}: a list is expected.")
    return [Record(path.name, place, one) for place, one in enumerate(body, start=1)]


class Record:
    """One object of a file, read field by field."""

    def __init__(self, file: str, place: int, body: Any) -> None:
        self.where = f"{file}, record {place}"
        if not isinstance(body, Mapping):
            raise BadBundle(f"{self.where}: an object is expected.")
        self.body = body

    def text(self, *names: str, required: bool = False) -> str:
        """Return the first of these fields that is there, as text."""
        for name in names:
            value = self.body.get(name)
            if isinstance(value, str | int | float) and value != "":
                return str(value)[:LONGEST]
            if value is not None and not isinstance(value, str):
                raise BadBundle(f"{self.where}: {name} is no text.")
        if required:
            raise BadBundle(f"{self.where}: {names[0]} is missing.")
        return ""

    def long_text(self, name: str, most: int = 400_000) -> str:
        """Return a text that may be long or null."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, str):
            raise BadBundle(f"{self.where}: {name} is no text.")
        return (value or "")[:most]

    def time(self, *names: str) -> float:
        """Return a moment in Unix seconds."""
        for name in names:
            if self.body.get(name) not in (None, ""):
                try:
                    return moment(self.body[name])
                except (ValueError, OverflowError) as problem:
                    raise BadBundle(f"{self.where}: {name} is no time: {self.body[name]!r:.60}.") from problem
        raise BadBundle(f"{self.where}: {names[0]} is missing.")

    def number(self, name: str) -> float:
        """Return a number."""
        try:
            value = float(self.body[name])
        except KeyError:
            raise BadBundle(f"{self.where}: {name} is missing.") from None
        except (TypeError, ValueError):
            raise BadBundle(f"{self.where}: {name} is no number: {self.body[name]!r:.60}.") from None
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; a single text counts as one, null as none."""
        value = self.body.get(name)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise BadBundle(f"{self.where}: {name} is no list of texts.")
        return tuple(value)

    def names(self, name: str) -> tuple[str, ...]:
        """Return a list of names; what is no list (a count, null) names nothing."""
        value = self.body.get(name)
        return tuple(str(one) for one in value) if isinstance(value, list) else ()

    def attributes(self, known: frozenset[str]) -> dict[str, str]:
        """Return what else it says, flat, as text."""
        found: dict[str, str] = {}
        for name, value in self.body.items():
            if name in known or value is None or len(found) >= MOST_ATTRIBUTES:
                continue
            if isinstance(value, Mapping):
                found.update({str(key): str(one)[:LONGEST] for key, one in list(value.items())[:MOST_ATTRIBUTES]})
            else:
                found[str(name)] = str(value)[:LONGEST]
        return found


def moment(value: Any) -> float:
    """Return a moment in Unix seconds: ISO 8601, or seconds, milliseconds, microseconds or nanoseconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _scaled(float(value))
    return _parsed(str(value))


@lru_cache(maxsize=100_000)
def _parsed(text: str) -> float:
    try:
        return _scaled(float(text))
    except ValueError:
        told = datetime.fromisoformat(text.strip())
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


def _scaled(value: float) -> float:
    if not isfinite(value):
        raise ValueError("no time")
    for limit, unit in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3)):
        if abs(value) >= limit:
            return value / unit
    return value
