"""Questions: everything that belongs to an investigation, within the bounds of an export."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from django.db.models import F, QuerySet

from investigations.choices import LinkState
from investigations.exports.report import Report, Row
from investigations.models import Evidence, Investigation, Link

MOST_EVENTS, MOST_NOTES, MOST_COMMENTS, MOST_RELATED = 10_000, 1_000, 5_000, 1_000
MOST_HYPOTHESES, MOST_EVIDENCE, MOST_RULED_OUT = 200, 5_000, 1_000
MOST_DATA = 20_000_000  # bytes of what the events have to say
_CHUNK = 100

_CASE = (
    "id title description status impact_severity priority started_at detected_at resolved_at root_cause remediation "
    "lessons_learned cause_category service_affected component_affected tags impact_domain business_impact "
    "estimated_mttr automation_potential metadata created_at updated_at version"
).split()
_EVENT = (
    "timestamp source source_id event_type title severity service component environment tags url data metadata "
    "received_at"
).split()
_LINK = "score factors rule_version state is_cause decided_at".split()
_BY_WEIGHT = ("-is_cause", F("decided_at").desc(nulls_last=True), "-score", "-event_id")  # people's word first


def events_of(investigation: Investigation) -> int:
    """Return how many events an export of ``investigation`` could tell of."""
    return Link.objects.standing().filter(investigation=investigation).count()


def gather(
    *,
    investigation: Investigation,
    now: datetime,
    most_events: int | None = None,
    said: Callable[[int], None] = lambda _: None,
) -> Report:
    """Return the model that an export of ``investigation`` is written from.

    Args:
        investigation: what to write down.
        now: when.
        most_events: how many to tell of; None is `MOST_EVENTS`.
        said: is told, from time to time, how many events are read.
    """
    left_out: dict[str, int] = {}
    notes = (
        investigation.notes.alive()
        .order_by("id")
        .values("id", "body", "created_at", "updated_at", "version", author_name=F("author__username"))
    )
    comments = (
        investigation.comments.standing()
        .order_by("id")
        .values("id", "event", "note", "body", "created_at", author_name=F("author__username"))
    )
    related = investigation.related.alive().order_by("-detected_at", "-id").values("id", "title", "status")
    return Report(
        made_at=now,
        investigation=_case(investigation),
        events=_events(investigation, MOST_EVENTS if most_events is None else most_events, left_out, said),
        notes=_bounded("notes", notes, MOST_NOTES, left_out),
        comments=_bounded("comments", comments, MOST_COMMENTS, left_out),
        hypotheses=_hypotheses(investigation, left_out),
        ruled_out=_ruled_out(investigation, left_out),
        related=_bounded("related investigations", related, MOST_RELATED, left_out),
        left_out=left_out,
    )


def _case(investigation: Investigation) -> Row:
    people = {f"{name}_name": F(f"{name}__username") for name in ("created_by", "assigned_to", "updated_by")}
    return Investigation.objects.filter(pk=investigation.pk).values(*_CASE, **people).get()


def _events(
    investigation: Investigation, most: int, left_out: dict[str, int], said: Callable[[int], None]
) -> list[Row]:
    """Return the linked events in the order of time; of too many, those that carry most weight."""
    links = Link.objects.standing().filter(investigation=investigation)
    chosen = links.order_by(*_BY_WEIGHT).values("pk")[:most]  # keys alone: the rows are wide
    told = {name: F(f"event__{name}") for name in _EVENT}
    named = {"origin_name": F("event__origin__name"), "decided_by_name": F("decided_by__username"), "link_id": F("id")}
    rows = Link.objects.filter(pk__in=chosen).order_by(*_BY_WEIGHT).values("event_id", *_LINK, **told, **named)
    kept: list[Row] = []
    spent = 0
    for row in rows.iterator(chunk_size=_CHUNK):
        if len(kept) % _CHUNK == 0:
            said(len(kept))
        spent += len(orjson.dumps(row["data"]))
        if spent > MOST_DATA:
            break
        kept.append({"id": row.pop("event_id"), **row})
    if len(kept) == most or spent > MOST_DATA:
        _leave_out("events", events_of(investigation) - len(kept), left_out)
    return sorted(kept, key=lambda event: (event["timestamp"], event["id"]))


def _hypotheses(investigation: Investigation, left_out: dict[str, int]) -> list[Row]:
    """Return what might have caused it, each with the evidence for and against."""
    supposed = (
        investigation.hypotheses.alive()
        .order_by("id")
        .values("id", "statement", "verdict", "created_at", "updated_at", "version", author_name=F("author__username"))
    )
    told = {name: F(f"event__{name}") for name in ("timestamp", "title")}
    weighed = (
        Evidence.objects.standing()
        .filter(hypothesis__investigation=investigation)
        .order_by("id")
        .values("id", "hypothesis", "event", "stance", "why", "created_at", author_name=F("author__username"), **told)
    )
    evidence: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in _bounded("pieces of evidence", weighed, MOST_EVIDENCE, left_out):
        evidence[row["hypothesis"]].append(row)
    kept = _bounded("hypotheses", supposed, MOST_HYPOTHESES, left_out)
    return [{**row, "evidence": evidence[row["id"]]} for row in kept]


def _ruled_out(investigation: Investigation, left_out: dict[str, int]) -> list[Row]:
    """Return the links that people rejected, so that nobody follows them again."""
    rejected = (
        Link.objects.filter(investigation=investigation, state=LinkState.REJECTED, event__deleted_at__isnull=True)
        .order_by("decided_at", "id")
        .values(
            "event",
            *_LINK,
            link_id=F("id"),
            decided_by_name=F("decided_by__username"),
            timestamp=F("event__timestamp"),
            title=F("event__title"),
        )
    )
    return _bounded("rejected links", rejected, MOST_RULED_OUT, left_out)


def _bounded(kind: str, rows: QuerySet[Any, Any], most: int, left_out: dict[str, int]) -> list[Row]:
    kept = list(rows[:most])
    if len(kept) == most:
        _leave_out(kind, rows.count() - most, left_out)
    return kept


def _leave_out(kind: str, number: int, left_out: dict[str, int]) -> None:
    if number > 0:
        left_out[kind] = number
