"""Questions: what is different about an incident's window, read from the events in it and in its baseline."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform, KeyTransform

from events.choices import Source
from events.models import Event
from investigations.differences import Differences, Sample, attributes, compare, stands_for
from investigations.models import Investigation, SuspectReport
from investigations.reconstruction import of_environment

WINDOW, BASELINE = timedelta(minutes=30), timedelta(hours=2)
LONGEST = timedelta(days=2)
MOST = 5_000  # events read of a window, nearest to where the two meet first
SOURCES = (Source.LOGS, Source.TRACES, Source.METRICS, Source.ALERTS)
_COLUMNS = ("service", "component", "event_type", "severity", "tags", "title")
_NAMES = ("service", "component", "type", "severity", "tag", "says")


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when: the start belongs to it, the end does not."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which windows were compared, what differs, and whether all of their events were read."""

    window: Span
    baseline: Span
    differences: Differences
    complete: bool


def onset_of(investigation: Investigation) -> datetime:
    """Return when it began: as people say, as the newest ranking measured, or else when it was noticed."""
    if investigation.started_at:
        return investigation.started_at
    reports = SuspectReport.objects.filter(investigation=investigation).order_by("-id")
    measured = reports.values_list("onset", flat=True).first()
    return min(measured or investigation.detected_at, investigation.detected_at)


def usual_spans(onset: datetime, length: timedelta = WINDOW) -> tuple[Span, Span]:
    """Return the time from onset on, and the two hours before it."""
    return Span(onset, onset + length), Span(onset - BASELINE, onset)


def compared(investigation: Investigation, window: Span, baseline: Span) -> Comparison:
    """Return what is different in ``window``, in two queries; every event counts, linked or not."""
    first, whole = _read(investigation, window, "timestamp")
    second, also = _read(investigation, baseline, "-timestamp")
    return Comparison(window, baseline, compare(first, second), whole and also)


def _read(investigation: Investigation, span: Span, order: str) -> tuple[dict[str, Sample], bool]:
    within = Event.objects.alive().filter(timestamp__gte=span.start, timestamp__lt=span.end, source__in=SOURCES)
    rows = _rows(of_environment(within, investigation).order_by(order))
    found: defaultdict[str, Sample] = defaultdict(Sample)
    read = 0
    for source, count, exception, *rest in rows[: MOST + 1].iterator(chunk_size=1_000):
        read += 1
        if read <= MOST:
            columns = dict(zip(_NAMES, rest, strict=False)) | {"exception": exception}
            found[source].add(attributes(columns, rest[len(_NAMES) :]), stands_for(count))
    return dict(found), read <= MOST


def _rows(events: QuerySet[Any]) -> Any:
    """Return the little that is compared: data may hold a trace or a thousand samples."""
    exception = KeyTextTransform("type", KeyTransform("exception", "data"))
    return events.values_list(
        "source",
        KeyTransform("count", "data"),
        exception,
        *_COLUMNS,
        KeyTransform("attributes", "data"),
        KeyTransform("resource", "data"),
    )
