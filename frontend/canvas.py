"""Questions: what the canvas of one investigation shows. Each function asks for one pane."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import Http404, QueryDict

from accounts.models import User
from accounts.permissions import may
from events.choices import Severity, Source
from events.models import Event
from frontend import skeleton, timeline
from frontend.completeness import silences
from frontend.filters import TimelineFilter
from frontend.paging import Key, by_time
from frontend.pictures import MOST_SPANS, Bar, waterfall
from investigations.choices import LinkState, Status
from investigations.lifecycle import MOVES
from investigations.models import Comment, Investigation, Link, Note
from rcaplatform.kit.spans import duration, offset

SHOWN = 60
SHOWN_AS_TABLE = 300
CAUSES = 6
TRACE_WITHIN = timedelta(minutes=10)
# What a row of the timeline needs of an event; the payload, which may be large, is fetched for one event alone.
_ROW = (
    "id score state is_cause investigation_id event__id event__timestamp event__title event__severity event__source "
    "event__service event__event_type"
).split()


@dataclass(frozen=True, slots=True)
class Step:
    """One status of the stepper, and whether this person may move there now."""

    value: str
    label: str
    current: bool
    reachable: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """One value to filter by, and how many linked events have it."""

    value: str
    label: str
    count: int
    chosen: bool


def find(user: User, pk: str | UUID) -> Investigation:
    """Return an investigation this person may see.

    Raises:
        Http404: there is none.
    """
    people = ("created_by", "assigned_to", "updated_by")
    try:
        found: Investigation = Investigation.objects.visible_to(user).select_related(*people).get(pk=pk)
    except (Investigation.DoesNotExist, ValidationError) as problem:
        raise Http404("There is no such investigation, or it was deleted.") from problem
    return found


def header(user: User, investigation: Investigation) -> dict[str, Any]:
    """Return what stands above the panes."""
    legal = MOVES[investigation.status] if may(user, "edit", investigation) else frozenset()
    started = investigation.started_at or investigation.detected_at
    return {
        "investigation": investigation,
        "steps": [
            Step(status.value, status.label, status == investigation.status, status in legal) for status in Status
        ],
        "lasted": duration(investigation.resolved_at - started) if investigation.resolved_at else "",
        "can": {
            "edit": may(user, "edit", investigation),
            "delete": may(user, "delete", investigation),
            "link": may(user, "create", Link),
            "decide": may(user, "edit", Link),
            "note": may(user, "create", Note),
            "comment": may(user, "create", Comment),
        },
    }


def events(investigation: Investigation, query: QueryDict, now: datetime) -> dict[str, Any]:
    """Return the timeline: its filters with their counts, and one page of rows.

    Raises:
        Invalid: the cursor in ``query`` is not one.
    """
    linked = Link.objects.filter(investigation=investigation, event__deleted_at__isnull=True)
    filters = TimelineFilter(query, linked.select_related("event").only(*_ROW))
    newest_first, after = filters.newest_first, str(query.get("after", ""))
    shown = SHOWN_AS_TABLE if query.get("view") == "table" else SHOWN
    page = by_time(filters.qs, size=shown, after=after, newest_first=newest_first, prefix="event__")
    marks = timeline.among(
        _marks(investigation) if page.items else [],
        beyond=Key.parse(after).at if after else None,
        upto=page.items[-1].event.timestamp if page.next else None,
        newest_first=newest_first,
    )
    known = investigation.links.count()
    standing = skeleton.remembered(investigation, "tallies", known, lambda: _tallies(linked))
    return {
        "filters": filters,
        "rows": timeline.rows(
            page.items, marks=marks, detected_at=investigation.detected_at, newest_first=newest_first
        ),
        "page": page,
        "sources": _facets(Source, standing, query.getlist("source")),
        "severities": _facets(Severity, standing, query.getlist("severity")),
        "total": standing[""],
        "known": known,
        "silences": silences(investigation, now),
        "shown": shown,
    }


def _tallies(linked: QuerySet[Link]) -> Counter[str]:
    """Return how many standing links there are by source and by severity; under the empty text, in all."""
    standing = Counter[str]()
    found = linked.values_list("event__source", "event__severity", "state").annotate(Count("id")).order_by()
    for source, severity, state, count in found:
        if state != LinkState.REJECTED:
            standing.update({source: count, severity: count, "": count})
    return standing


def details(user: User, investigation: Investigation, chosen: str) -> dict[str, Any]:
    """Return the chosen event with its link, or where to look first when none is chosen.

    Raises:
        Http404: there is no such event.
    """
    if not chosen:
        return {"strongest": _first_looks(investigation)}
    event = find_event(user, chosen)
    link = Link.objects.filter(investigation=investigation, event=event).select_related("decided_by").first()
    remarks = Comment.objects.filter(investigation=investigation, event=event, deleted_at__isnull=True)
    return {
        "event": event,
        "link": link,
        "comments": remarks.select_related("author"),
        "offset": offset(event.timestamp - investigation.detected_at),
        "around": timeline.around(event.timestamp),
        "spans": spans_beside(event),
    }


def _first_looks(investigation: Investigation) -> list[Link]:
    """Return where to look first: what people named a cause, then the strongest link of each source, best first."""
    number = investigation.links.count()
    chosen = skeleton.remembered(investigation, "first-looks", number, lambda: _strongest(investigation))
    rows = Link.objects.filter(pk__in=chosen).select_related("event").only(*_ROW, "factors")
    return sorted(rows, key=lambda link: (not link.is_cause, -link.score))


def _strongest(investigation: Investigation) -> list[UUID]:
    """Return the ids of the links to look at first. Only keys are sorted: the rows themselves are wide."""
    standing = Link.objects.standing().filter(investigation=investigation)
    causes = standing.filter(is_cause=True).order_by("-score", "-id")[:CAUSES]
    others = standing.filter(is_cause=False).order_by("event__source", "-score", "-id").distinct("event__source")
    return [*causes.values_list("pk", flat=True), *others.values_list("pk", flat=True)]


def key(text: str) -> UUID:
    """Return the id that somebody sent.

    Raises:
        Http404: it is none, so there is nothing it names.
    """
    try:
        return UUID(text)
    except ValueError as problem:
        raise Http404("There is no such event, or it was deleted.") from problem


def find_event(user: User, pk: str | UUID) -> Event:
    """Return an event this person may see, payload and all.

    Raises:
        Http404: there is none.
    """
    try:
        found: Event = Event.objects.visible_to(user).select_related("origin").get(pk=pk)
    except (Event.DoesNotExist, ValidationError) as problem:
        raise Http404("There is no such event, or it was deleted.") from problem
    return found


def spans_beside(event: Event) -> list[Bar]:
    """Return the spans of an event's trace that are known, the event's own among them; none for other events."""
    trace, _, span = event.source_id.partition("/")
    if event.source != Source.TRACES or not span:
        return []
    near = Event.objects.alive().between(event.timestamp - TRACE_WITHIN, event.timestamp + TRACE_WITHIN)
    told = near.filter(source=Source.TRACES, source_id__startswith=f"{trace}/").order_by("timestamp", "id")
    return waterfall(told.values_list("timestamp", "service", "title", "data")[:MOST_SPANS], span)


def footer(investigation: Investigation) -> dict[str, Any]:
    """Return what stands below the panes."""
    return {"related": investigation.related.alive()}


def _marks(investigation: Investigation) -> list[timeline.Mark]:
    moments: list[tuple[str, datetime | None]] = [
        ("Onset", investigation.started_at),
        ("Detected", investigation.detected_at),
        ("Resolved", investigation.resolved_at),
    ]
    return [timeline.Mark(label, at) for label, at in moments if at]


def _facets(choices: Any, counts: Counter[str], chosen: list[str]) -> list[Facet]:
    return [
        Facet(value, label, counts[value], value in chosen)
        for value, label in choices.choices
        if counts[value] or value in chosen
    ]
