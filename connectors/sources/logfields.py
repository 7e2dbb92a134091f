"""Decisions about keys and values of a log line: which object it holds, what its keys are called, what time it tells.

Keys are compared by canonical name: lower-case, without ``_-./: `` and spaces, nested keys joined. ``trace_id``,
``traceId``, ``trace.id`` and ``{"trace": {"id": …}}`` are all ``traceid``. What stands further up wins. No I/O.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from connectors.errors import BadRecord

MAX_DEPTH = 3
MAX_NAME = 100
# Where container runtimes put the line itself.
WRAPPER = "log"
# Containers whose contents count as if they stood outside.
TRANSPARENT = set(
    "fields attributes resource context contextmap mdc extra labels data properties jsonpayload attr dd kubernetes "
    "record metadata ctx".split()
)
# Texts that stand for nothing.
NOTHING = {"", "-", "none", "null", "nil", "undefined", "false"}

_SEPARATORS = str.maketrans("", "", "_-./: ")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_TEXT = re.compile(r"\d{9,19}(?:\.\d{1,9})?")
_SCALES = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))
_EARLIEST_SECONDS = 10**8
_ZONE_WORD = re.compile(r"\s*(?:UTC|GMT)$")
_DATE_LENGTH, _TIME_LENGTH = 10, 40


def canonical(key: str) -> str:
    """Return the name a key is compared by."""
    return _canonical(key[:MAX_NAME])


@lru_cache(maxsize=4_096)
def _canonical(key: str) -> str:
    return key.lower().translate(_SEPARATORS)


def read_object(raw: bytes) -> dict[str, Any]:
    """Return the object a line holds. Byte order marks, NULs around it and broken UTF-8 are forgiven.

    Raises:
        BadRecord: it is not JSON, or JSON but no object.
    """
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = _read_leniently(raw)
    if not isinstance(found, dict):
        raise BadRecord(f"A line must be a JSON object; this is {_KINDS.get(type(found), 'a number')}.")
    return found


_KINDS: dict[type, str] = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def _read_leniently(raw: bytes) -> Any:
    text = raw.decode(errors="replace").strip("\ufeff\x00 \t\r\n")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadRecord(f"This line is not JSON: {problem}") from problem


def unwrapped(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take a line out of the envelope a container runtime puts it in, when the line is an object itself."""
    inner = fields.get(WRAPPER)
    if not isinstance(inner, str) or not inner.startswith("{"):
        return fields
    try:
        found = orjson.loads(inner)
    except orjson.JSONDecodeError:
        return fields
    return {**{key: value for key, value in fields.items() if key != WRAPPER}, **found}


def flatten(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by canonical name, nested ones too; of two with one name the one further up."""
    flat: dict[str, Any] = {}
    level: list[tuple[str, Mapping[str, Any]]] = [("", fields)]
    for _ in range(MAX_DEPTH):
        deeper: list[tuple[str, Mapping[str, Any]]] = []
        for prefix, holder in level:
            for key, value in holder.items():
                name = prefix + canonical(key)
                flat.setdefault(name, value)
                if isinstance(value, dict):
                    deeper.append(("" if name in TRANSPARENT else name, value))
        level = deeper
    return flat


def moment_of(value: Any) -> datetime | None:
    """Read ISO 8601, or a Unix time in s, ms, µs or ns told apart by its size."""
    try:
        if isinstance(value, str):
            return _epoch(value) if _EPOCH_TEXT.fullmatch(value) else _iso(value)
        return _epoch(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None


def _epoch(value: str | float) -> datetime | None:
    number = (float(value) if "." in value else int(value)) if isinstance(value, str) else value
    if not number >= _EARLIEST_SECONDS:
        return None
    scale = next((scale for limit, scale in _SCALES if number < limit), None)
    if scale is None:
        return None
    if isinstance(number, int):
        return _EPOCH + timedelta(microseconds=number * 10**6 // scale)
    return _EPOCH + timedelta(seconds=number / scale)


def _iso(text: str) -> datetime | None:
    if not _DATE_LENGTH < len(text) <= _TIME_LENGTH:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = datetime.fromisoformat(
            _ZONE_WORD.sub("", text.strip()).replace("/", "-").replace(" +", "+").replace(" -", "-")
        )
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
