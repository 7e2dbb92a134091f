"""Questions: everything that belongs to an investigation, within the bounds of an export."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.db.models import F, QuerySet

from events.models import Event
from investigations.choices import LinkState
from investigations.exports.report import Report, Row
from investigations.models import Evidence, Investigation, Link, NoteRevision, Suspect, SuspectReport

MOST_EVENTS, MOST_NOTES, MOST_COMMENTS, MOST_RELATED = 10_000, 1_000, 5_000, 1_000
MOST_HYPOTHESES, MOST_EVIDENCE, MOST_RULED_OUT = 200, 5_000, 1_000
MOST_REVISIONS, MOST_OTHERS = 5_000, 1_000
MOST_DATA = 20_000_000  # bytes of what the events have to say
_CHUNK = 100

_CASE = (
    "id title description status impact_severity priority started_at detected_at resolved_at root_cause remediation "
    "lessons_learned cause_category service_affected component_affected tags impact_domain business_impact "
    "estimated_mttr automation_potential metadata created_at updated_at version"
).split()
# What only a document needs that is to be read back, and nobody reads.
_UNREAD = ("raw_data", "message", "dedupe_key")
_EVENT = (
    "timestamp source source_id event_type title severity service component environment tags url data metadata "
    "received_at"
).split()
_HEAVY = ("data", "raw_data")
_LINK = "score factors rule_version state is_cause decided_at".split()
_NAMED = {
    "origin_name": F("event__origin__name"),
    "origin_kind": F("event__origin__kind"),
    "decided_by_name": F("decided_by__username"),
    "link_id": F("id"),
}
_RANKING = (
    "id engine_version computed_at events onset no_change_cause reasons first_failing_service blast_radius remediation "
    "problem"
).split()
_SUSPECT = "id kind name place score evidence event state decided_at".split()
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
    whole: bool = False,
) -> Report:
    """Return the model that an export of ``investigation`` is written from.

    Args:
        investigation: what to write down.
        now: when.
        most_events: how many to tell of; None is `MOST_EVENTS`.
        said: is told, from time to time, how many events are read.
        whole: also what nobody reads but who makes the investigation again from the document: raw data, the revisions
            of notes, and the events that are not linked but spoken of.
    """
    left_out: dict[str, int] = {}
    columns = (*_EVENT, *_UNREAD) if whole else _EVENT
    comments = (
        investigation.comments.standing()
        .order_by("id")
        .values("id", "event", "note", "body", "created_at", author_name=F("author__username"))
    )
    related = investigation.related.alive().order_by("-detected_at", "-id").values("id", "title", "status")
    report = Report(
        made_at=now,
        investigation=_case(investigation),
        events=_events(investigation, MOST_EVENTS if most_events is None else most_events, left_out, said, columns),
        notes=_notes(investigation, left_out, whole=whole),
        comments=_bounded("comments", comments, MOST_COMMENTS, left_out),
        hypotheses=_hypotheses(investigation, left_out),
        ruled_out=_ruled_out(investigation, left_out, columns if whole else ("timestamp", "title")),
        suspects=_suspects(investigation),
        related=_bounded("related investigations", related, MOST_RELATED, left_out),
        left_out=left_out,
    )
    if whole:
        report.other_events.extend(_others(report, columns, left_out))
    return report


def _case(investigation: Investigation) -> Row:
    people = {f"{name}_name": F(f"{name}__username") for name in ("created_by", "assigned_to", "updated_by")}
    return Investigation.objects.filter(pk=investigation.pk).values(*_CASE, **people).get()


def _events(
    investigation: Investigation,
    most: int,
    left_out: dict[str, int],
    said: Callable[[int], None],
    columns: Sequence[str],
) -> list[Row]:
    """Return the linked events in the order of time; of too many, those that carry most weight."""
    links = Link.objects.standing().filter(investigation=investigation)
    chosen = links.order_by(*_BY_WEIGHT).values("pk")[:most]  # keys alone: the rows are wide
    ordered = Link.objects.filter(pk__in=chosen).order_by(*_BY_WEIGHT)
    rows = ordered.values("event_id", *_LINK, **_NAMED, **{name: F(f"event__{name}") for name in columns})
    kept: list[Row] = []
    spent = 0
    for row in rows.iterator(chunk_size=_CHUNK):
        if len(kept) % _CHUNK == 0:
            said(len(kept))
        spent += sum(len(orjson.dumps(row.get(name))) for name in _HEAVY)
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
        .values(
            *("id", "statement", "verdict", "created_at", "updated_at", "version"),
            author_name=F("author__username"),
            updated_by_name=F("updated_by__username"),
        )
    )
    told = {name: F(f"event__{name}") for name in ("timestamp", "title")}
    weighed = (
        Evidence.objects.standing()
        .filter(hypothesis__investigation=investigation)
        .order_by("id")
        .values(
            *("id", "hypothesis", "event", "stance", "why", "created_at", "updated_at", "version"),
            author_name=F("author__username"),
            **told,
        )
    )
    evidence: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in _bounded("pieces of evidence", weighed, MOST_EVIDENCE, left_out):
        evidence[row["hypothesis"]].append(row)
    kept = _bounded("hypotheses", supposed, MOST_HYPOTHESES, left_out)
    return [{**row, "evidence": evidence[row["id"]]} for row in kept]


def _ruled_out(investigation: Investigation, left_out: dict[str, int], columns: Sequence[str]) -> list[Row]:
    """Return the links that people rejected, so that nobody follows them again."""
    rejected = (
        Link.objects.filter(investigation=investigation, state=LinkState.REJECTED, event__deleted_at__isnull=True)
        .order_by("decided_at", "id")
        .values("event", *_LINK, **_NAMED, **{name: F(f"event__{name}") for name in columns})
    )
    return _bounded("rejected links", rejected, MOST_RULED_OUT, left_out)


def _notes(investigation: Investigation, left_out: dict[str, int], *, whole: bool) -> list[Row]:
    """Return what people wrote down; the whole of it is each note as it stood after each save."""
    alive = (
        investigation.notes.alive()
        .order_by("id")
        .values("id", "body", "created_at", "updated_at", "version", author_name=F("author__username"))
    )
    notes = _bounded("notes", alive, MOST_NOTES, left_out)
    if not whole:
        return notes
    saved = (
        NoteRevision.objects.filter(note__in=[note["id"] for note in notes])
        .order_by("-id")
        .values("id", "note", "number", "body", "created_at", author_name=F("author__username"))
    )
    revisions: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in _bounded("revisions of notes", saved, MOST_REVISIONS, left_out):
        revisions[row["note"]].insert(0, {name: value for name, value in row.items() if name != "note"})
    return [{**note, "revisions": revisions[note["id"]]} for note in notes]


def _suspects(investigation: Investigation) -> Row | None:
    """Return the newest ranking of probable causes, with what people made of each."""
    reports = SuspectReport.objects.filter(investigation=investigation).order_by("-id")
    report = reports.values(*_RANKING, computed_by_name=F("computed_by__username")).first()
    if report is None:
        return None
    suspects = Suspect.objects.filter(report=report["id"]).order_by("kind", "place")
    people = {"decided_by_name": F("decided_by__username"), "title": F("event__title")}
    return {**report, "suspects": list(suspects.values(*_SUSPECT, **people))}


def _others(report: Report, columns: Sequence[str], left_out: dict[str, int]) -> list[Row]:
    """Return the events that are spoken of without being linked."""
    spoken: set[Any] = {comment["event"] for comment in report.comments}
    spoken |= {piece["event"] for one in report.hypotheses for piece in one["evidence"]}
    spoken |= {suspect["event"] for suspect in (report.suspects or {}).get("suspects", ())}
    spoken -= {None, *(row["id"] for row in report.events), *(row["event"] for row in report.ruled_out)}
    named = {"origin_name": F("origin__name"), "origin_kind": F("origin__kind")}
    rows = Event.objects.alive().filter(pk__in=spoken).order_by("timestamp", "id").values("id", *columns, **named)
    return _bounded("events that are not linked", rows, MOST_OTHERS, left_out)


def _bounded(kind: str, rows: QuerySet[Any, Any], most: int, left_out: dict[str, int]) -> list[Row]:
    kept = list(rows[:most])
    if len(kept) == most:
        _leave_out(kind, rows.count() - most, left_out)
    return kept


def _leave_out(kind: str, number: int, left_out: dict[str, int]) -> None:
    if number > 0:
        left_out[kind] = number
