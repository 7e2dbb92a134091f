"""Decision: the event that a payload of any shape tells. No database here."""

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from connectors.errors import BadRecord
from connectors.reading import bounded_id, fit
from connectors.sources.alert_words import ACKNOWLEDGED, FIRING, RESOLVED, tags_of, weigh
from connectors.sources.payload_nodes import nodes_of
from connectors.sources.payload_words import Reading, read, titled
from connectors.sources.webhook_fields import Fields
from events.choices import Severity
from events.drafts import LIMITS, EventDraft

_TYPES = {FIRING: "alert_firing", RESOLVED: "alert_resolved", ACKNOWLEDGED: "alert_acknowledged"}
_CHANGES = frozenset({"created", "updated", "deleted", "create", "update", "delete"})
MOST_LABELS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What holds for all events of a connector: what kind of system tells, and of which service."""

    source: str
    service: str
    environment: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes the event of a payload."""

    fields: Fields
    context: Context

    def told(self, reference: str, payload: dict[str, Any]) -> EventDraft:
        """Return the event; one that names no time happened now.

        Raises:
            BadRecord: nothing says what happened.
        """
        reading = self.fields.apply(_change(payload) or read(nodes_of(payload)), payload)
        title = titled(reading.title or _untitled(reading), reading.state)
        url = reading.url if reading.url.startswith(("https://", "http://")) else ""
        return EventDraft(
            source=self.context.source,
            source_id=bounded_id(self._identity(reading, reference, payload)),
            timestamp=reading.at or self.context.now,
            event_type=self._type(reading, payload),
            severity=_severity(reading),
            title=title,
            service=fit("service", reading.service or self.context.service),
            component=fit("component", reading.component),
            environment=fit("environment", reading.environment or self.context.environment),
            url=url if len(url) <= LIMITS["url"] else "",
            tags=tags_of(reading.labels.get(name, "") for name in ("team", "owner")),
            message=reading.message,
            data={
                "status": reading.state,
                "severity": reading.said,
                "id": reading.id,
                "message": reading.message,
                "labels": dict(list(reading.labels.items())[:MOST_LABELS]),
            },
            raw_data=payload,
        )

    def _identity(self, reading: Reading, reference: str, payload: dict[str, Any]) -> str:
        """Return what names the happening: the key the owner says; else what it is about, its state and its time.

        Where it has no time of its own, the delivery it came in tells it from the next of its kind.
        """
        state = reading.state or "told"
        if key := self.fields.text("key", payload):
            return f"{key}/{state}"
        name = reading.id or blake2b(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
        when = f"{reading.at.timestamp():.3f}" if reading.at else reference
        return f"{name}/{state}/{when}"

    def _type(self, reading: Reading, payload: dict[str, Any]) -> str:
        if own := re.sub(r"[^a-z0-9]+", "_", self.fields.text("type", payload).lower()).strip("_"):
            return fit("event_type", own)
        if reading.state in _TYPES:
            return _TYPES[reading.state]
        return "notice" if reading.severity is None else "alert_firing"


def _severity(reading: Reading) -> Severity:
    """Return how bad it is; what neither says so nor is an alert that fires is a notice."""
    if reading.severity is None and reading.state != FIRING:
        return Severity.INFO
    return weigh(reading.state, reading.severity)


def _untitled(reading: Reading) -> str:
    if reading.message:
        return reading.message.partition("\n")[0]
    if reading.id:
        return f"Alert {reading.id}"
    message = "Nothing says what happened; say which field does."
    raise BadRecord(f"title: {message}", fields={"title": message})


def _change(payload: dict[str, Any]) -> Reading | None:
    """Return a reading of a payload that says that an object was created, updated or deleted, as inventories do."""
    done, model = payload.get("event"), payload.get("model")
    if not (isinstance(done, str) and isinstance(model, str) and done.rpartition(".")[2] in _CHANGES):
        return None
    reading = read(nodes_of({name: value for name, value in payload.items() if name != "event"}))
    reading.title = " ".join(filter(None, (model, reading.title, done.rpartition(".")[2])))
    reading.state, reading.severity, reading.said = "", None, ""
    return reading
