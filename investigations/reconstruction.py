"""Questions: what is known of an incident, read from the stored events around it as the suspects engine looks at it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

from events.choices import Source
from events.models import Dependency, Event
from investigations import testimony
from investigations.models import Investigation
from investigations.suspects.scene import Alert, Call, Scene, Window
from investigations.testimony import NOTICE, Told

# How far back changes and telemetry are looked for, and for how long after somebody noticed: it is the beginning that
# tells the cause, and an answer that changes with every new line could not be discussed.
CHANGES, TELEMETRY, AFTER = timedelta(days=3), timedelta(hours=6), timedelta(minutes=30)
MOST_CHANGES, MOST_TOLD = 2_000, 40_000
CHUNK = 2_000
Rows = TypeVar("Rows", bound=QuerySet[Any])


class Reconstruction(NamedTuple):
    """A scene, how many events it was read from, the event of each change by its commit, and which sources told."""

    scene: Scene = Scene(alert=Alert(fired_at=0.0))
    events: int = 0
    changes: Mapping[str, UUID] = MappingProxyType({})
    sources: tuple[dict[str, Any], ...] = ()


def reconstruct(investigation: Investigation, now: datetime) -> Reconstruction:
    """Return what is known of an incident: every event around it, linked or not, up to half an hour after detection.

    Where the metadata of the investigation name an ``environment``, events of others are left out. They may also name
    the ``metric`` of the alert and a ``baseline`` (from, to, in Unix seconds), a time known to be free of faults.
    """
    detected, noted = investigation.detected_at, investigation.metadata
    onset, end = investigation.started_at or detected, min(now, detected + AFTER)
    alive = of_environment(Event.objects.alive(), investigation)
    known = of_environment(Dependency.objects.within(onset - TELEMETRY, end), investigation)
    kinds = Q(event_type__startswith="deployment") | Q(event_type__contains="flag") | Q(event_type=NOTICE)
    changes = alive.filter(Q(source=Source.GIT) | kinds).between(onset - CHANGES, end)
    telling = alive.filter(source__in=[Source.LOGS, Source.METRICS, Source.TRACES]).between(onset - TELEMETRY, end)
    told, said = _read(changes, MOST_CHANGES), _read(telling, MOST_TOLD)
    surveys = list(investigation.surveys.all())
    asked = [one for survey in surveys for one in survey.series]
    spans = {(one.trace_id, one.span_id): one for survey in surveys for one in (Call(**span) for span in survey.spans)}
    for event in said:
        if event.source == Source.TRACES:
            spans.setdefault(((one := testimony.call(event)).trace_id, one.span_id or str(event.id)), one)
    commits = [one for one in told if one.source == Source.GIT and one.event_type in {"commit", "merge"}]
    deploys = [one for one in told if one.ships]
    text = f"{investigation.title}\n{investigation.description}"
    metric = noted.get("metric")
    scene = Scene(
        alert=Alert(
            fired_at=detected.timestamp(),
            service=investigation.service_affected,
            metric=metric if isinstance(metric, str) else "",
            text=text,
        ),
        series=testimony.series((event for event in said if event.source == Source.METRICS), asked),
        lines=tuple(line for event in said if event.source == Source.LOGS for line in testimony.lines(event)),
        spans=tuple(spans.values()),
        commits=tuple(testimony.commit(event) for event in commits),
        deploys=tuple(testimony.deploy(event) for event in deploys),
        flips=tuple(testimony.flip(event) for event in told if "flag" in event.event_type),
        notices=tuple(testimony.notice(event) for event in told if event.event_type == NOTICE),
        calls=frozenset((edge.caller, edge.callee) for edge in known.edges()),
        baseline=_window(noted.get("baseline")),
    )
    named = {one.sha: one.id for one in deploys} | {one.source_id: one.id for one in commits}
    sources = [{"source": one.source, "said": one.said, "failed": one.failed} for one in surveys]
    return Reconstruction(scene, len(told) + len(said), named, tuple(sources))


def of_environment(rows: Rows, investigation: Investigation) -> Rows:
    """Leave out what is of another environment than the one that the metadata of an investigation name, if any."""
    place = investigation.metadata.get("environment")
    return rows.filter(environment__in=[place, ""]) if isinstance(place, str) and place else rows


def _read(events: Any, most: int) -> list[Told]:
    rows = events.order_by("-timestamp").values_list(*Told._fields)[:most]
    return [Told._make(row) for row in rows.iterator(chunk_size=CHUNK)]


def _window(told: Any) -> Window | None:
    """Return the window that metadata name; None where they name none that can be read."""
    ends = [told.get("from"), told.get("to")] if isinstance(told, dict) else []
    numbers = [float(one) for one in ends if isinstance(one, int | float)]
    return Window(*numbers) if len(numbers) == 2 and numbers[0] < numbers[1] else None
