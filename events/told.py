"""Decision: what an API client tells, read quickly where it is plain. The rules are the serializer's."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from events.drafts import LIMITS, EventDraft
from rcaplatform.kit.errors import Invalid

_TEXTS = frozenset({"source", "severity", *LIMITS})
_OBJECTS = frozenset({"data", "metadata"})
_KNOWN = _TEXTS | _OBJECTS | {"timestamp", "tags", "raw_data"}
# What a client leaves out, except the id and the time.
DEFAULTS = {"source": "manual", "event_type": "observation"}


def draft_of(values: Mapping[str, Any], *, source_id: str, now: datetime) -> EventDraft:
    """Return the draft of what was told, with what goes without saying.

    Args:
        values: valid fields, by name.
        source_id: the id of an event that was told without one.
        now: when an event occurred that was told without a time.

    Raises:
        Invalid: a value breaks a rule after all.
    """
    given = {"source_id": source_id, "timestamp": now, **DEFAULTS, **values}
    return EventDraft(**given)


def plain(told: Mapping[str, Any], *, source_id: str, now: datetime) -> EventDraft | None:
    """Return the draft of what was told when nothing about it is unusual, else None: then ask the serializer.

    It accepts less than the serializer does, and nothing that the serializer refuses or reads otherwise.
    """
    if not ("title" in told and told.keys() <= _KNOWN and all(_plain(name, value) for name, value in told.items())):
        return None
    values = dict(told)
    try:
        if "timestamp" in values:
            moment = datetime.fromisoformat(values["timestamp"])
            if moment.tzinfo is None:
                return None
            values["timestamp"] = moment.astimezone(UTC)
        return draft_of(values, source_id=source_id, now=now)
    except (Invalid, ValueError, OverflowError):
        return None


def _plain(name: str, value: Any) -> bool:
    kind = type(value)
    if name in _TEXTS:
        return kind is str and len(value) <= LIMITS.get(name, 10)
    if name in _OBJECTS:
        return kind is dict
    if name == "timestamp":
        return kind is str
    return name == "raw_data" or (kind is list and all(type(tag) is str and tag.strip() for tag in value))
