"""Decision: what an incident of the demo is made of, and how its sources would tell of it. No database here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from investigations.choices import Stance, Verdict


@dataclass(frozen=True, slots=True)
class Told:
    """What one source tells; ``at`` is relative to the detection of the incident, ``door`` is one of `DOORS`."""

    at: timedelta
    door: str
    kind: str
    severity: str
    service: str
    title: str
    message: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Guess:
    """A hypothesis; its evidence is the title of an event, what it says, and why."""

    statement: str
    verdict: Verdict
    evidence: tuple[tuple[str, Stance, str], ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """What people found out, and how long after its detection the incident was over."""

    after: timedelta
    findings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plot:
    """One incident: what happened, and what people made of it.

    Attributes:
        key: begins the ids of what its sources tell.
        ago: how long before the present it was detected.
        onset: when it began, relative to its detection.
        values: fields of its investigation.
        causes: titles of the events that people named its cause.
    """

    key: str
    ago: timedelta
    onset: timedelta
    values: Mapping[str, Any]
    told: tuple[Told, ...]
    notes: tuple[str, ...]
    guesses: tuple[Guess, ...]
    causes: tuple[str, ...] = ()
    ending: Ending | None = None


# The connector that each tells through: its kind, and its settings beside the secret.
_FIELDS = {"id": "id", "key": "id", "type": "type", "title": "title", "time": "at", "severity": "severity"}
DOORS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "shop-alerts": ("alertmanager", {}),
    **{
        f"shop-{name}": ("webhook", {"source": source, "environment": "production", "fields": _FIELDS, "items": "told"})
        for name, source in (("flags", "ci"), ("errors", "logs"), ("monitor", "metrics"), ("tracing", "traces"))
    },
}


def body(door: str, told: Iterable[tuple[str, Told]], detected: datetime) -> dict[str, Any]:
    """Return one call of a door's sender, that tells all of ``told``: pairs of an id and what happened."""
    if DOORS[door][0] == "alertmanager":
        return {"version": "4", "status": "firing", "alerts": [_alert(told_id, one, detected) for told_id, one in told]}
    return {"told": [_event(told_id, one, detected) for told_id, one in told]}


def _alert(told_id: str, told: Told, detected: datetime) -> dict[str, Any]:
    labels = {"alertname": told.title, "service": told.service, "severity": told.severity, "environment": "production"}
    return {
        "status": "firing",
        "fingerprint": told_id,
        "startsAt": (detected + told.at).isoformat(),
        "labels": labels | dict(told.more),
        "annotations": {"summary": told.message},
    }


def _event(told_id: str, told: Told, detected: datetime) -> dict[str, Any]:
    return {
        "id": told_id,
        "at": (detected + told.at).isoformat(),
        "type": told.kind,
        "severity": told.severity,
        "service": told.service,
        "title": told.title,
        "message": told.message,
        **told.more,
    }
