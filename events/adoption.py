"""Deeds: take events from a document that somebody brings, as told by that document and by nobody else.

An event of the document that is known here is that event: by its id, or by an identity that means the same everywhere.
Every other one is stored, under an origin of the kind "import" that names who said so in the document. A document
cannot speak for a connector: an id that only means something to one of these is kept within the imports.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.choices import OriginKind
from events.dedupe import GLOBAL, dedupe_key
from events.drafts import EventDraft
from events.models import Event, Origin
from events.services import found_by
from rcaplatform.kit.ids import uuid7
from rcaplatform.kit.realtime import publish

PREFIX = "Import: "
BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event of a document: what is said, and who said so there."""

    id: UUID
    draft: EventDraft
    origin: str
    dedupe_key: UUID

    @property
    def everywhere(self) -> UUID:
        """The key of an id that means the same everywhere."""
        return dedupe_key(scope=GLOBAL, source=self.draft.source, source_id=self.draft.source_id)

    @property
    def key(self) -> UUID:
        """The key under which it is stored here."""
        if self.dedupe_key == self.everywhere:
            return self.everywhere
        scope = f"{PREFIX}{self.dedupe_key}"
        return dedupe_key(scope=scope, source=self.draft.source, source_id=self.draft.source_id)


@dataclass(frozen=True, slots=True)
class Adopted:
    """The ids that the events of a document have here, by their ids in it; and how many of them are new."""

    ids: Mapping[UUID, UUID]
    new: int


def adopt(*, told: Sequence[Told], now: datetime) -> Adopted:
    """Find or store the events of a document. Call it inside the transaction that stores what speaks of them.

    What is new counts as considered by linking: who brings an investigation brings its links as well.
    """
    ids: dict[UUID, UUID] = {}
    taken: set[UUID] = set()
    for start in range(0, len(told), BATCH):
        known, used = _known(told[start : start + BATCH])
        ids |= known
        taken |= used
    origins = _origins({one.origin for one in told if one.id not in ids})
    new = [one for one in told if one.id not in ids]
    stored: dict[UUID, Event] = {}
    for one in new:
        event = stored.setdefault(one.key, _event(one, origins[one.origin], one.id in taken, now))
        ids[one.id] = event.pk
    Event.objects.bulk_create(stored.values(), batch_size=BATCH)
    if stored:
        publish(topic="events", kind="stored", count=len(stored))
    return Adopted(ids, len(stored))


def _known(batch: Iterable[Told]) -> tuple[dict[UUID, UUID], set[UUID]]:
    """Return which of a batch are known, and which of its ids are those of other events."""
    by_id = {one.id: one for one in batch}
    keys = {key for one in by_id.values() for key in (one.key, one.dedupe_key)}
    wanted = ("id", "dedupe_key", "source", "source_id")
    same_id = {row[0]: row for row in Event.objects.filter(pk__in=by_id).values_list(*wanted)}
    same_key = {row[1]: row for row in Event.objects.filter(dedupe_key__in=keys).values_list(*wanted)}
    known = {}
    for one in by_id.values():
        said = (one.draft.source, one.draft.source_id)
        rows = (same_id.get(one.id), same_key.get(one.dedupe_key), same_key.get(one.key))
        if found := next((row for row in rows if row and row[2:] == said), None):
            known[one.id] = found[0]
    return known, set(same_id) - set(known)


def _origins(names: Iterable[str]) -> dict[str, Origin]:
    """Return an origin for each name in the document, such as "Import: shop logs"."""
    wanted = {name: f"{PREFIX}{name.removeprefix(PREFIX)}"[:100] for name in names}
    Origin.objects.bulk_create(
        [Origin(name=name, kind=OriginKind.IMPORT) for name in set(wanted.values())], ignore_conflicts=True
    )
    # A connector may be called like that as well: nothing is told in its name.
    found = {one.name: one for one in Origin.objects.filter(name__in=wanted.values(), kind=OriginKind.IMPORT)}
    for called in set(wanted.values()) - set(found):
        found[called] = Origin.objects.create(name=f"{PREFIX}{uuid7()}", kind=OriginKind.IMPORT)
    return {name: found[called] for name, called in wanted.items()}


def _event(told: Told, origin: Origin, id_taken: bool, now: datetime) -> Event:
    draft = told.draft
    return Event(
        id=uuid7() if id_taken else told.id,
        origin=origin,
        dedupe_key=told.key,
        source=draft.source,
        source_id=draft.source_id,
        event_type=draft.event_type,
        title=draft.title,
        severity=draft.severity,
        service=draft.service,
        component=draft.component,
        environment=draft.environment,
        tags=list(draft.tags),
        url=draft.url,
        data=draft.data,
        raw_data=draft.raw_data,
        metadata=draft.metadata,
        message=draft.message,
        timestamp=draft.timestamp,
        received_at=now,
        parsed_at=now,
        linked_at=now,
        **found_by(draft),
    )
