"""Decisions about the values in OTLP messages: attributes as JSON of bounded size, times, resources. No I/O."""

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage

from connectors.errors import BadRecord
from connectors.sources.stacktraces import bounded
from events.drafts import EARLIEST, LATEST, LIMITS

MAX_ITEMS = 128
MAX_NESTING = 6
MAX_KEY = 200
MAX_BYTES = 1_000
# What the attributes of one item may take up, in characters; each value counts a little more than its own.
MAX_CHARACTERS = 64_000
_OVERHEAD = 16
_LATEST_NANOS = int((LATEST - EARLIEST).total_seconds()) * 10**9
# What an SDK calls a service whose owner gave it no name.
_NAMELESS = "unknown_service"


def attributes(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    """Return attributes as JSON can keep them: at most 128 a level, 6 levels, about 64,000 characters in all.

    Of two with one name the last counts. A long text loses its middle, and what does not fit any more is left out.
    """
    return _mapping(pairs, _Room(), 0)


class _Room:
    """How many characters may still be kept."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_CHARACTERS

    def text(self, text: str) -> str:
        kept = bounded(text)[: max(self.left, 0)]
        self.left -= len(kept)
        return kept


def _mapping(pairs: Sequence[KeyValue], room: _Room, nesting: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs[:MAX_ITEMS]:
        if room.left <= 0:
            break
        found[room.text(pair.key[:MAX_KEY])] = _plain(pair.value, room, nesting)
    return found


def _listing(values: Sequence[AnyValue], room: _Room, nesting: int) -> list[Any]:
    found = []
    for value in values[:MAX_ITEMS]:
        if room.left <= 0:
            break
        found.append(_plain(value, room, nesting))
    return found


def _plain(value: AnyValue, room: _Room, nesting: int) -> Any:
    room.left -= _OVERHEAD
    found: Any = None
    match value.WhichOneof("value"):
        case "string_value":
            found = room.text(value.string_value)
        case "int_value":
            found = value.int_value
        case "bool_value":
            found = value.bool_value
        case "double_value":
            found = value.double_value if math.isfinite(value.double_value) else str(value.double_value)
        case "bytes_value":
            found = room.text(b64encode(value.bytes_value[:MAX_BYTES]).decode())
        case "array_value" | "kvlist_value" if nesting >= MAX_NESTING:
            found = "…"
        case "array_value":
            found = _listing(value.array_value.values, room, nesting + 1)
        case "kvlist_value":
            found = _mapping(value.kvlist_value.values, room, nesting + 1)
    return found


def json_attributes(pairs: Any) -> dict[str, Any]:
    """Return attributes of OTLP in JSON, within the bounds of `attributes`; what is no attribute is left out."""
    return _json_mapping(pairs, _Room(), 0)


def _json_mapping(pairs: Any, room: _Room, nesting: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs[:MAX_ITEMS] if isinstance(pairs, list) else ():
        if room.left <= 0:
            break
        if isinstance(pair, dict) and isinstance(pair.get("key"), str):
            found[room.text(pair["key"][:MAX_KEY])] = _json_plain(pair.get("value"), room, nesting)
    return found


def _json_plain(value: Any, room: _Room, nesting: int) -> Any:
    room.left -= _OVERHEAD
    (name, given), *_ = value.items() if isinstance(value, dict) and value else [("", None)]
    inner = given.get("values") if isinstance(given, dict) else None
    found: Any = None
    match name, given:
        case "stringValue", str():
            found = room.text(given)
        case "intValue", int() | str():
            found = _whole(given)
        case ("boolValue", bool()) | ("doubleValue", float() | int() | str()):
            found = given
        case "bytesValue", str():
            found = room.text(given[: MAX_BYTES * 4 // 3])
        case (("arrayValue" | "kvlistValue"), _) if nesting >= MAX_NESTING:
            found = "…"
        case "arrayValue", _ if isinstance(inner, list):
            found = [_json_plain(item, room, nesting + 1) for item in inner[:MAX_ITEMS] if room.left > 0]
        case "kvlistValue", _:
            found = _json_mapping(inner, room, nesting + 1)
    return found


def _whole(given: int | str) -> int | None:
    """Return a 64-bit integer, which JSON may write as text."""
    try:
        found = int(given) if len(str(given)) <= 20 else None
    except ValueError:
        return None
    return found if found is not None and abs(found) < 2**63 else None


def value_of(value: AnyValue) -> Any:
    """Return one value, within the bounds of `attributes`."""
    return _plain(value, _Room(), 0)


def moment(nanoseconds: int) -> datetime:
    """Return a Unix time in nanoseconds as UTC, to the microsecond.

    Raises:
        BadRecord: it is 0, which says that there is none, or later than the year 2199.
    """
    if not 0 < nanoseconds < _LATEST_NANOS:
        said = "later than the year 2199" if nanoseconds else "missing"
        raise BadRecord(f"A time is {said}.")
    return EARLIEST + timedelta(microseconds=nanoseconds // 1_000)


def short(found: Mapping[str, Any], limit: int, *names: str) -> str:
    """Return the first of the named attributes that says something, as text of at most ``limit`` characters."""
    values = (found.get(name) for name in names)
    return next((str(value)[:limit] for value in values if isinstance(value, str | int) and value != ""), "")


@dataclass(frozen=True, slots=True)
class Resource:
    """Who tells: a service in an environment, and all its attributes."""

    service: str
    environment: str
    attributes: dict[str, Any]

    @classmethod
    def of(cls, message: ResourceMessage) -> "Resource":
        """Read a resource; a name that an SDK made up for a nameless service is none."""
        return cls.named(attributes(message.attributes))

    @classmethod
    def named(cls, found: dict[str, Any]) -> "Resource":
        """Return the resource that has the attributes ``found``."""
        if short(found, MAX_KEY, "service.name").startswith(_NAMELESS):
            del found["service.name"]
        return cls(
            service=short(found, LIMITS["service"], "service.name"),
            environment=short(
                found, LIMITS["environment"], "deployment.environment.name", "deployment.environment", "environment"
            ),
            attributes=found,
        )
