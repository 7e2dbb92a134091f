"""Questions: what is known of an incident, read from the stored events around it as the suspects engine looks at it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.db.models import Q

from events.choices import Severity, Source
from events.models import Dependency, Event
from investigations.models import Investigation
from investigations.suspects.scene import Alert, Call, Commit, Deploy, Flip, Line, Scene, Series

# How far back changes and telemetry are looked for, and for how long after somebody noticed: it is the beginning that
# tells the cause, and an answer that changes with every new line could not be discussed.
CHANGES, TELEMETRY, AFTER = timedelta(days=3), timedelta(hours=6), timedelta(minutes=30)
MOST_CHANGES, MOST_TOLD = 2_000, 20_000
MOST_FOLDED = 100  # lines that one burst counts for
LEVELS = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}


class Told(NamedTuple):
    """An event as it is read here."""

    id: UUID
    timestamp: datetime
    source: str
    event_type: str
    service: str
    source_id: str
    title: str
    message: str
    severity: str
    data: dict[str, Any]

    @property
    def at(self) -> float:
        """When, in Unix seconds."""
        return self.timestamp.timestamp()

    def text(self, *names: str) -> str:
        """Return the first of these that its data holds as text."""
        return next((value for name in names if isinstance(value := self.data.get(name), str) and value), "")


class Reconstruction(NamedTuple):
    """A scene, how many events it was read from, and the event that tells of each change by its commit."""

    scene: Scene = Scene(alert=Alert(fired_at=0.0))
    events: int = 0
    changes: Mapping[str, UUID] = MappingProxyType({})


def reconstruct(investigation: Investigation, now: datetime) -> Reconstruction:
    """Return what is known of an incident: every event around it, linked or not, up to half an hour after detection."""
    detected = investigation.detected_at
    onset, end = investigation.started_at or detected, min(now, detected + AFTER)
    alive = Event.objects.alive().order_by("-timestamp")
    changing = Q(source=Source.GIT) | Q(event_type__startswith="deployment") | Q(event_type__contains="flag")
    changes = alive.filter(changing).between(onset - CHANGES, detected)
    telling = alive.filter(source__in=[Source.LOGS, Source.METRICS, Source.TRACES])
    told = [Told._make(row) for row in changes.values_list(*Told._fields)[:MOST_CHANGES]]
    said = [Told._make(row) for row in telling.between(onset - TELEMETRY, end).values_list(*Told._fields)[:MOST_TOLD]]
    known = Dependency.objects.within(onset - TELEMETRY, end).edges()
    commits = [one for one in told if one.source == Source.GIT and one.event_type in {"commit", "merge"}]
    deploys = [one for one in told if one.event_type == "deployment" and _succeeded(one) and one.text("sha", "commit")]
    scene = Scene(
        alert=Alert(
            fired_at=detected.timestamp(),
            service=investigation.service_affected,
            text=f"{investigation.title}\n{investigation.description}",
        ),
        series=tuple(one for event in said if event.source == Source.METRICS for one in _series(event)),
        lines=tuple(line for event in said if event.source == Source.LOGS for line in _lines(event)),
        spans=tuple(_call(event) for event in said if event.source == Source.TRACES),
        commits=tuple(_commit(event) for event in commits),
        deploys=tuple(
            Deploy(at=one.at, service=one.service, sha=one.text("sha", "commit"), version=one.text("version", "ref"))
            for one in deploys
        ),
        flips=tuple(
            Flip(at=one.at, flag=one.text("flag", "key", "name") or one.title, service=one.service, change=one.title)
            for one in told
            if "flag" in one.event_type
        ),
        calls=frozenset((edge.caller, edge.callee) for edge in known),
    )
    named = {one.text("sha", "commit"): one.id for one in deploys} | {one.source_id: one.id for one in commits}
    return Reconstruction(scene, len(told) + len(said), named)


def _succeeded(event: Told) -> bool:
    return event.text("state", "conclusion", "status") in {"", "success", "succeeded", "active", "ok", "SUCCESS"}


def _commit(event: Told) -> Commit:
    files, author = event.data.get("files"), event.data.get("author")
    paths = [one.get("path") if isinstance(one, dict) else one for one in files] if isinstance(files, list) else []
    return Commit(
        sha=event.source_id,
        at=event.at,
        message=f"{event.title}\n{event.message}".strip(),
        author=str(author.get("name", "")) if isinstance(author, dict) else str(author or ""),
        files=tuple(path for path in paths if isinstance(path, str)),
        diff=event.text("diff"),
    )


def _lines(event: Told) -> Iterator[Line]:
    """Yield a log line; of a burst, as many as it stands for, spread over its time."""
    count, seconds = event.data.get("count"), event.data.get("seconds")
    times = min(count, MOST_FOLDED) if isinstance(count, int) and count > 0 else 1
    step = (seconds if isinstance(seconds, int | float) and 0 < seconds < 86_400 else 60.0) / times
    fields = event.data.get("attributes")
    attributes = {str(name): str(value) for name, value in fields.items()} if isinstance(fields, dict) else {}
    for place in range(times):
        yield Line(
            at=event.at + place * step,
            service=event.service,
            text=event.text("message", "template") or event.title,
            severity=(event.text("level") or LEVELS[Severity(event.severity)]).upper(),
            trace_id=event.text("trace_id"),
            attributes=attributes,
        )


def _series(event: Told) -> Iterator[Series]:
    """Yield the samples that an anomaly carries with it."""
    samples = event.data.get("samples")
    pairs = [one for one in samples if _is_sample(one)] if isinstance(samples, list) else []
    if pairs and event.service:
        values = np.array(pairs, dtype=np.float64)
        metric = event.text("metric", "name") or event.title
        yield Series(service=event.service, metric=metric, times=values[:, 0], values=values[:, 1])


def _is_sample(one: Any) -> bool:
    return isinstance(one, list) and len(one) == 2 and all(isinstance(number, int | float) for number in one)


def _call(event: Told) -> Call:
    trace, _, span = event.source_id.partition("/")
    took = event.data.get("duration_ms")
    return Call(
        trace_id=event.text("trace_id") or trace,
        span_id=event.text("span_id") or span,
        parent_id=event.text("parent_span_id"),
        service=event.service,
        name=event.text("name", "operation") or event.title,
        start=event.at,
        milliseconds=float(took) if isinstance(took, int | float) else 0.0,
        failed=event.event_type == "span_error",
        error=event.message if event.event_type == "span_error" else "",
    )
