"""Decision: which commits and traces a text, or the data of an event, names. No database here."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Where the data of an event names commits and traces. What follows `reverts` was undone by the event.
COMMIT_KEYS = ("sha", "head_sha", "commit_sha", "merge_commit_sha", "commit", "after", "reverts")
TRACE_KEYS = ("trace_id",)
KEYS = (*COMMIT_KEYS, *TRACE_KEYS)
ABBREVIATION = 7  # git's own: people write as much of a hash, and two commits of one incident do not share it
MOST = 50

# Not part of a longer word, nor of a UUID.
_HASH = re.compile(r"(?<![0-9a-z-])(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{7,64}(?![0-9a-z-])")
_HEX = re.compile(r"[0-9a-f]{7,64}")
_TRACE = re.compile(r"[0-9a-z.:_-]{8,100}")
_TRACE_LENGTHS = range(16, 33)


def named_in(*texts: str) -> frozenset[str]:
    """Return the commits and traces that ``texts`` name: at most 50, commits by their first seven characters.

    A number alone is no hash: it may count anything.
    """
    found: set[str] = set()
    for text in texts:
        for match in _HASH.finditer(text.lower()):
            found.add(_canonical(match[0]))
            if len(found) >= MOST:
                return frozenset(found)
    return frozenset(found)


def told_by(values: Iterable[Any]) -> frozenset[str]:
    """Return the commits and traces that an event's data names, as `named_in` writes them.

    Args:
        values: what the data holds under each of `KEYS`, in their order; None where it holds nothing.
    """
    return frozenset(text if key in TRACE_KEYS else text[:ABBREVIATION] for key, text in _told(values))


def in_full(data: Mapping[str, Any]) -> list[str]:
    """Return the commits and traces that an event's data names, as it names them, in lower case."""
    return list(dict.fromkeys(text for _, text in _told(map(data.get, KEYS))))


def _told(values: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for key, value in zip(KEYS, values, strict=True):
        if value and isinstance(value, str | int):
            text = str(value).strip().lower()
            if (_TRACE if key in TRACE_KEYS else _HEX).fullmatch(text) and text.strip("0"):
                yield key, text


def _canonical(text: str) -> str:
    return text if len(text) in _TRACE_LENGTHS else text[:ABBREVIATION]
