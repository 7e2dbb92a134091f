"""Deed: fill the store with a large installation's past, straight into the tables, as fast as they take it."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from accounts.models import User
from connectors.demo import cases, crowd
from events.choices import OriginKind, Source
from events.drafts import EventDraft
from events.models import Event, Origin
from events.services import COLUMNS, key_of, origin_named, row
from investigations.choices import LinkState
from investigations.models import Investigation, Note, NoteRevision
from investigations.scenes import scenes, sights
from investigations.scoring import RULE_VERSION, Scene, score
from investigations.services import keywords_of
from rcaplatform.kit import jsonio
from rcaplatform.kit.ids import uuid7

BATCH = 20_000
CASES_A_BATCH = 500
MOST_LINKS = 40  # an investigation
TOLD_AFTER, LINKED_AFTER = timedelta(seconds=4), timedelta(seconds=6)
_LINK_COLUMNS = (
    "id event_id investigation_id score factors rule_version state is_cause decided_by_id decided_at created_at"
).split()
Progress = Callable[[int], None]


def copy_events(*, events: int, seed: int, start: datetime, days: int, progress: Progress) -> None:
    """Store so many events as if each had been told when it happened and been considered by linking since.

    Each batch is one transaction; ``progress`` hears how many are stored after each.

    Raises:
        IntegrityError: the events of this seed are stored already.
    """
    origins = {source: origin_named(f"loadtest-{source}", OriginKind.CONNECTOR) for source in Source.values}
    story = crowd.drafts(events=events, seed=seed, start=start, days=days)
    stored = 0
    while batch := list(islice(story, BATCH)):
        with transaction.atomic():
            _copy("events_event", (*COLUMNS, "linked_at"), (_event(draft, origins[draft.source]) for draft in batch))
        stored += len(batch)
        progress(stored)


def _event(draft: EventDraft, origin: Origin) -> tuple[Any, ...]:
    stored = row(key_of(draft, origin), draft, origin, draft.timestamp + TOLD_AFTER)
    return (*stored, draft.timestamp + LINKED_AFTER)


def copy_investigations(
    *, investigations: int, seed: int, start: datetime, days: int, people: list[User], progress: Progress
) -> None:
    """Store so many investigations with their notes, and link each to events around it with real scores.

    Each batch is one transaction; ``progress`` hears how many are stored after each.
    """
    random = Random(f"people {seed}")
    story = cases.cases(investigations=investigations, seed=seed, start=start, days=days)
    stored = 0
    while batch := list(islice(story, CASES_A_BATCH)):
        with transaction.atomic():
            opened = [_investigation(case.values, random, people) for case in batch]
            Investigation.objects.bulk_create(opened)
            Investigation.objects.filter(pk__in=[case.pk for case in opened]).update(created_at=F("detected_at"))
            _write_notes(zip(opened, batch, strict=True))
            _copy_links(opened, random)
        stored += len(batch)
        progress(stored)


def _investigation(values: dict[str, Any], random: Random, people: list[User]) -> Investigation:
    opener, assignee = random.choice(people), random.choice([*people, None])
    opened = Investigation(**values, created_by=opener, updated_by=opener, assigned_to=assignee)
    opened.keywords = keywords_of(opened)
    return opened


def _write_notes(opened: Iterator[tuple[Investigation, cases.Case]]) -> None:
    notes = [
        Note(investigation=investigation, author=investigation.created_by, body=body)
        for investigation, case in opened
        for body in case.notes
    ]
    Note.objects.bulk_create(notes)
    NoteRevision.objects.bulk_create(
        NoteRevision(note=note, number=1, body=note.body, author=note.author) for note in notes
    )


def _copy_links(opened: list[Investigation], random: Random) -> None:
    known = scenes(Investigation.objects.filter(pk__in=[case.pk for case in opened]))
    links = [link for case in opened for link in _links(case, known[case.pk], random)]
    copy_links(links)


def copy_links(links: Iterable[tuple[Any, ...]]) -> None:
    """Store links; each is a row of the columns of a link, in the order of `_LINK_COLUMNS`."""
    _copy("investigations_link", _LINK_COLUMNS, links)


def _links(investigation: Investigation, scene: Scene, random: Random) -> Iterator[tuple[Any, ...]]:
    """Yield links to events of its service around it: most only suggested, some decided on by whoever opened it."""
    last = investigation.resolved_at or scene.detected + timedelta(hours=1)
    near = Event.objects.filter(service=scene.service).between(scene.onset - timedelta(hours=1), last)
    for event in sights(near.order_by("timestamp", "id")[:MOST_LINKS]):
        found = score(event.clue, scene)
        if not found.links:
            continue
        state = random.choices(list(LinkState), cum_weights=(85, 94, 99, 100))[0]
        decided = state != LinkState.SUGGESTED
        yield (
            uuid7(),
            event.id,
            investigation.pk,
            found.confidence,
            jsonio.dumps([factor.as_json() for factor in found.factors]),
            RULE_VERSION,
            state,
            state == LinkState.CONFIRMED and random.random() < 0.2,
            investigation.created_by_id if decided else None,
            investigation.detected_at if decided else None,
            investigation.detected_at,
        )


def tidy() -> None:
    """Let the planner know what is there, empty the waiting lists of the indexes, and mark what every reader may see.

    Cannot run within a transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "VACUUM (ANALYZE) events_event, investigations_investigation, investigations_link, "
            "investigations_note, investigations_noterevision"
        )


def _copy(table: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    statement = f"COPY {table} ({names}) FROM STDIN"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for values in rows:
            copy.write_row(values)
