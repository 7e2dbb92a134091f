"""Deeds: the only writers of the event store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from psycopg.errors import UniqueViolation

from accounts import audit
from accounts.models import User
from events.choices import OriginKind
from events.dedupe import GLOBAL, dedupe_key
from events.drafts import EventDraft
from events.fingerprints import fingerprint
from events.models import Event, Origin
from events.terms import event_keywords
from rcaplatform.kit import jsonio
from rcaplatform.kit.doorbell import ring_once
from rcaplatform.kit.errors import Conflict, Unavailable
from rcaplatform.kit.ids import uuid7_text
from rcaplatform.kit.realtime import publish

LINK_TASK = "investigations.link"
API_ORIGIN = "API"
PEOPLE_ORIGIN = "People"

# What a draft becomes, in the order of the columns of COPY. `search` is generated; the other clocks stay empty.
COLUMNS = (
    "id origin_id dedupe_key source source_id event_type title severity service component environment tags url "
    "data raw_data metadata message keywords fingerprint timestamp received_at parsed_at updated_at version"
).split()
_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
_KNOWN = "SELECT dedupe_key FROM events_event WHERE dedupe_key = ANY(%s)"
_COPY = f"COPY events_event ({_NAMES}) FROM STDIN"
# One row needs no look before it, and its entry in the trail no statement of its own: three calls of the database less.
_INSERT = (
    f"INSERT INTO events_event ({_NAMES}) VALUES ({', '.join(['%s'] * len(COLUMNS))}) "  # noqa: S608
    "ON CONFLICT (dedupe_key) DO NOTHING RETURNING id"
)
_CREATE = f"WITH done AS ({_INSERT}), noted AS ({audit.NOTE}) SELECT id FROM done"  # noqa: S608
_ID, _KEY = COLUMNS.index("id"), COLUMNS.index("dedupe_key")
ATTEMPTS = 5  # at storing a batch of which others tell at the same time
_WRITTEN = 64 * 1024  # characters handed to the database at a time, so that it works while the next ones are made
_STRINGS = attrgetter("source", "source_id", "event_type", "title", "severity", "service", "component", "environment")
_NULL = r"\N"
known_origins: dict[str, Origin] = {}

_NOT_STORED = frozenset({"content_addressed"})
# What an event is found by; when none of these changes, neither do its keywords.
_SPEAKING = frozenset("title service component environment source_id tags message data".split())

Row = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: the key of each draft in its order, and the ids of the rows that are new by key."""

    keys: list[UUID]
    fresh: dict[UUID, UUID]

    @property
    def duplicates(self) -> int:
        """How many drafts told of events that were known already, or that the batch itself tells of twice."""
        return len(self.keys) - len(self.fresh)


def origin_named(name: str, kind: OriginKind) -> Origin:
    """Return the origin called ``name``, made on first use. Origins are never deleted, so each is remembered."""
    if name in known_origins:
        return known_origins[name]
    origin, _ = Origin.objects.get_or_create(name=name, defaults={"kind": kind})
    if not connection.in_atomic_block:  # else it may yet be rolled back
        known_origins[name] = origin
    return origin


def key_of(draft: EventDraft, origin: Origin) -> UUID:
    """Return the identity of ``draft`` when ``origin`` tells of it."""
    local = origin.kind == OriginKind.CONNECTOR and not draft.content_addressed
    return dedupe_key(scope=str(origin.pk) if local else GLOBAL, source=draft.source, source_id=draft.source_id)


def store(*, drafts: Sequence[EventDraft], origin: Origin, now: datetime) -> Stored:
    """Store each event once and wake linking after commit.

    Call it inside the transaction that moves the cursor these drafts came with. A crash before commit repeats the step;
    the unique key swallows what is told twice, by this or any other process. Rows go in in the order of their keys,
    so that two batches that overlap cannot deadlock.

    Raises:
        Invalid: a draft holds what JSON cannot say.
    """
    return _store(drafts, origin, now)


def _store(drafts: Sequence[EventDraft], origin: Origin, now: datetime) -> Stored:
    keys = [key_of(draft, origin) for draft in drafts]
    keyed = dict(zip(reversed(keys), reversed(drafts), strict=True))
    if not keyed:
        return Stored([], {})
    fresh = _insert(keyed, origin, now)
    _tell(len(fresh))
    return Stored(keys, fresh)


def _tell(number: int) -> None:
    if number:
        ring_once(LINK_TASK)
        publish(topic="events", kind="stored", count=number)


def _insert(keyed: Mapping[UUID, EventDraft], origin: Origin, now: datetime) -> dict[UUID, UUID]:
    """Store what nobody has told yet, and return the id of each such event by its key.

    Somebody else may store one of them after the look at what is known. Then COPY fails as a whole, and all is looked
    at once more; each try that fails means that another batch with some of the same events was committed meanwhile.

    Raises:
        Unavailable: that happened again and again.
    """
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic(), connection.wrap_database_errors, connection.cursor() as cursor:
                cursor.execute(_KNOWN, [list(keyed)])
                known = {key for (key,) in cursor.fetchall()}
                new = [key for key in sorted(keyed) if key not in known]
                return _copy(cursor, (row(key, keyed[key], origin, now) for key in new)) if new else {}
        except IntegrityError as problem:
            if not isinstance(problem.__cause__, UniqueViolation):
                raise
    raise Unavailable("Others tell of the same events at this moment: try again in a few seconds.")


def _copy(cursor: Any, rows: Iterable[Row]) -> dict[UUID, UUID]:
    """Write rows into the table and return their ids by their keys."""
    ids = {}
    with cursor.copy(_COPY) as copy:
        lines, length = [], 0
        for values in rows:
            ids[UUID(values[_KEY])] = UUID(values[_ID])
            lines.append("\t".join([_NULL if value is None else _escaped(value) for value in values]) + "\n")
            length += len(lines[-1])
            if length > _WRITTEN:
                copy.write("".join(lines))
                lines, length = [], 0
        copy.write("".join(lines))
    return ids


def _escaped(text: str) -> str:
    """Return a value as COPY reads it: what ends a value or a row there is written otherwise."""
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def row(key: UUID, draft: EventDraft, origin: Origin, now: datetime) -> Row:
    """Return an event in the order of `COLUMNS`, each value as the text PostgreSQL reads."""
    moment = now.isoformat()
    return (
        uuid7_text(),
        origin.pk.hex,
        key.hex,
        *_STRINGS(draft),
        _array(tuple(draft.tags)),
        draft.url,
        jsonio.dumps(draft.data),
        None if draft.raw_data is None else jsonio.dumps(draft.raw_data),
        jsonio.dumps(draft.metadata),
        draft.message,
        _keywords(draft),
        str(_fingerprint(draft)),
        draft.timestamp.isoformat(),
        moment,
        moment,
        moment,
        "1",
    )


@lru_cache(maxsize=1_000)
def _array(texts: tuple[str, ...]) -> str:
    """Return texts as PostgreSQL writes an array of them."""
    quoted = [text.replace("\\", r"\\").replace('"', r"\"") for text in texts]
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


def create(*, draft: EventDraft, actor: User, origin: Origin, now: datetime) -> tuple[Event, bool]:
    """Store one event told by a person or an API client, in one statement with its entry in the trail.

    Returns:
        The event, and whether it is new; False means that it was told before and stands as it was.

    Raises:
        Conflict: it was told before and then deleted.
    """
    key = key_of(draft, origin)
    stored = row(key, draft, origin, now)
    note = audit.noted(actor=actor, verb="create", kind=Event, target=str(stored[0]), at=now)
    with connection.cursor() as cursor:
        cursor.execute(_CREATE, (*stored, *note))
        found = cursor.fetchone()
    if not found:
        known = Event.objects.select_related("origin").get(dedupe_key=key)
        if known.deleted_at:
            raise Conflict(f"This was told before and then deleted: POST /events/{known.pk}/restore brings it back.")
        return known, False
    _tell(1)
    return _event(found[0], key, draft, origin, now), True


@transaction.atomic
def take(*, drafts: Sequence[EventDraft], actor: User, origin: Origin, now: datetime) -> Stored:
    """Store events that an API client tells in one call; the trail gets one entry for them all."""
    stored = _store(drafts, origin, now)
    if stored.fresh:
        audit.record(actor=actor, verb="create events", target=origin, change={"events": [0, len(stored.fresh)]})
    return stored


def _event(pk: UUID, key: UUID, draft: EventDraft, origin: Origin, now: datetime) -> Event:
    """Return the event that a draft has just become, without reading it back."""
    told = {field.name: getattr(draft, field.name) for field in fields(draft) if field.name not in _NOT_STORED}
    clocks = dict.fromkeys(("received_at", "parsed_at", "updated_at"), now)
    return Event(id=pk, dedupe_key=key, origin=origin, **{**told, "tags": list(draft.tags)}, **clocks)


@transaction.atomic
def edit(*, event: Event, changes: dict[str, Any], actor: User, now: datetime) -> Event:
    """Change fields of an event.

    Raises:
        Conflict: somebody else changed it since ``event`` was read.
    """
    before = {name: getattr(event, name) for name in changes}
    for name, value in changes.items():
        setattr(event, name, value)
    found_by = {"keywords": _keywords(event)} if _SPEAKING & changes.keys() else {}
    changed = Event.objects.filter(pk=event.pk, version=event.version).update(
        **changes,
        **found_by,
        fingerprint=_fingerprint(event),
        version=F("version") + 1,
        updated_at=now,
        linked_at=None,
    )
    if not changed:
        raise Conflict("Somebody else changed this event first.")
    event.refresh_from_db()
    difference = {name: [_plain(before[name]), _plain(value)] for name, value in changes.items()}
    audit.record(actor=actor, verb="edit", target=event, change=difference)
    ring_once(LINK_TASK)
    publish(topic="events", kind="edited", id=event.pk)
    return event


@transaction.atomic
def delete(*, event: Event, actor: User, now: datetime) -> None:
    """Hide an event; `restore` brings it back. A source that tells of it again does not."""
    if Event.objects.alive().filter(pk=event.pk).update(deleted_at=now, updated_at=now):
        audit.record(actor=actor, verb="delete", target=event)
        publish(topic="events", kind="deleted", id=event.pk)


@transaction.atomic
def restore(*, event: Event, actor: User, now: datetime) -> None:
    """Bring a deleted event back, and have linking consider it: what is deleted leaves its queue unconsidered."""
    if Event.objects.deleted().filter(pk=event.pk).update(deleted_at=None, updated_at=now, linked_at=None):
        audit.record(actor=actor, verb="restore", target=event)
        ring_once(LINK_TASK)
        publish(topic="events", kind="restored", id=event.pk)


def seen(*, event: Event, now: datetime) -> None:
    """Start the third clock: a person looks at this event for the first time."""
    Event.objects.filter(pk=event.pk, first_seen_at__isnull=True).update(first_seen_at=now)


def found_by(draft: EventDraft) -> dict[str, Any]:
    """Return the columns of an event that are worked out from what it says."""
    return {"keywords": _keywords(draft), "fingerprint": _fingerprint(draft)}


def _keywords(told: EventDraft | Event) -> str:
    return event_keywords(
        title=told.title,
        service=told.service,
        component=told.component,
        environment=told.environment,
        source_id=told.source_id,
        tags=told.tags,
        message=told.message,
        data=told.data,
    )


def _fingerprint(told: EventDraft | Event) -> int:
    return fingerprint(source=told.source, service=told.service, event_type=told.event_type, title=told.title)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
