"""Deeds about dead letters: try again, edit, rehearse, discard, one or many, and hand them out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.models import User
from connectors.base import Record, Source
from connectors.choices import DeadLetterState, Stage
from connectors.digestion import settle, unpack
from connectors.models import DeadLetter
from connectors.pipeline import Failure, Outcome, digest, open_source
from events.drafts import EventDraft
from rcaplatform.kit.doorbell import ring
from rcaplatform.kit.errors import Conflict, DomainError, TooLarge

RETRY_TASK = "connectors.retry_dead_letters"
MAX_EDITED = 5 * 1024 * 1024
# Letters that one task tries again: a task that dies with its worker starts over with what is still open.
BATCH = 200
DISCARD_BATCH = 1_000
# Letters that one call gives up; who has more calls again.
MOST_DISCARDED = 10_000


@dataclass(slots=True)
class Replay:
    """What became of many letters that were tried again."""

    replayed: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Discarding:
    """How many letters were given up, and how many of those chosen are still open."""

    discarded: int
    left: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a letter would become: events, or the reason why it still cannot."""

    drafts: list[EventDraft]
    failure: Failure | None


@transaction.atomic
def retry(*, dead_letter: DeadLetter, actor: User | None, now: datetime) -> DeadLetter:
    """Try an item again, as after a mended decoder: it becomes events, or keeps its place with the newest error.

    Raises:
        Conflict: it was retried or discarded meanwhile.
        Misconfigured: the connector cannot be opened.
    """
    letter = _opened(dead_letter)
    source = open_source(letter.connector, now)
    letter.attempts += 1
    outcomes, failure = _tried(letter, source, now)
    if failure:
        letter.stage, letter.error, letter.message = failure.stage, failure.error, failure.message
    else:
        letter.state, letter.resolved_at = DeadLetterState.REPLAYED, now
        if letter.delivery:
            settle(letter.delivery, outcomes, now)
            letter.delivery.save(update_fields=["state", "digested_at", "stored", "duplicates"])
    letter.save(update_fields=["attempts", "stage", "error", "message", "state", "resolved_at"])
    audit.record(actor=actor, verb="retry", target=letter, change={"state": [DeadLetterState.OPEN, letter.state]})
    return letter


def retry_many(*, letters: Iterable[UUID], actor: User | None, now: datetime) -> Replay:
    """Try letters again, each by itself; those settled meanwhile are skipped."""
    replay = Replay()
    for pk in letters:
        try:
            letter = retry(dead_letter=DeadLetter(pk=pk), actor=actor, now=now)
        except (DeadLetter.DoesNotExist, DomainError):
            replay.skipped += 1
        else:
            replay.replayed += letter.state == DeadLetterState.REPLAYED
            replay.failed += letter.state == DeadLetterState.OPEN
    return replay


@transaction.atomic
def retry_soon(*, letters: QuerySet[DeadLetter], actor: User | None) -> int:
    """Have workers try the open ones of ``letters`` again, in the background and in batches; return how many."""
    chosen = [str(pk) for pk in letters.filter(state=DeadLetterState.OPEN).order_by("id").values_list("pk", flat=True)]
    for first in range(0, len(chosen), BATCH):
        ring(RETRY_TASK, str(actor.pk) if actor else "", *chosen[first : first + BATCH])
    return len(chosen)


@transaction.atomic
def edit(*, dead_letter: DeadLetter, raw: bytes, actor: User) -> DeadLetter:
    """Put ``raw`` in the place of what could not be processed, before it is tried again. What came is kept beside it.

    Raises:
        Conflict: it is settled.
        TooLarge: ``raw`` has more than 5 MiB.
    """
    if len(raw) > MAX_EDITED:
        raise TooLarge(f"An edited item may have {MAX_EDITED} bytes.")
    letter = _opened(dead_letter)
    if letter.original is None:
        letter.original = letter.raw
    letter.raw = raw
    letter.save(update_fields=["raw", "original"])
    audit.record(actor=actor, verb="edit", target=letter, change={"bytes": [len(letter.original), len(raw)]})
    return letter


def rehearse(*, dead_letter: DeadLetter, now: datetime, raw: bytes | None = None) -> Rehearsal:
    """Decode an item, or ``raw`` in its place, and store nothing.

    Raises:
        Misconfigured: the connector cannot be opened.
    """
    source = open_source(dead_letter.connector, now)
    drafts: list[EventDraft] = []
    stage = Stage.UNPACK
    try:
        for record in _records(dead_letter, source, bytes(dead_letter.raw) if raw is None else raw):
            stage = Stage.DECODE
            drafts += source.decode(record)
    except Exception as problem:
        return Rehearsal(drafts, Failure(stage, problem))
    return Rehearsal(drafts, None)


@transaction.atomic
def discard(*, dead_letter: DeadLetter, actor: User, now: datetime) -> None:
    """Give an item up; it stays on record until retention removes it.

    Raises:
        Conflict: it was retried or discarded before.
    """
    opened = DeadLetter.objects.filter(pk=dead_letter.pk, state=DeadLetterState.OPEN)
    if not opened.update(state=DeadLetterState.DISCARDED, resolved_at=now):
        raise Conflict("This dead letter is settled already.")
    audit.record(actor=actor, verb="discard", target=dead_letter)


def discard_many(*, letters: QuerySet[DeadLetter], actor: User, now: datetime) -> Discarding:
    """Give up the open ones of ``letters``, oldest first, up to 10,000; each has its entry in the trail.

    They go in batches of a thousand, each one transaction. One that is being tried again at this moment is left open.
    """
    discarded = 0
    while discarded < MOST_DISCARDED:
        number = _discard_batch(letters, actor, now)
        discarded += number
        if number < DISCARD_BATCH:
            break
    return Discarding(discarded, letters.filter(state=DeadLetterState.OPEN).count())


@transaction.atomic
def _discard_batch(letters: QuerySet[DeadLetter], actor: User, now: datetime) -> int:
    opened = letters.filter(state=DeadLetterState.OPEN).select_for_update(skip_locked=True, of=("self",))
    chosen = list(opened.order_by("id").values_list("pk", flat=True)[:DISCARD_BATCH])
    DeadLetter.objects.filter(pk__in=chosen).update(state=DeadLetterState.DISCARDED, resolved_at=now)
    change = {"state": [DeadLetterState.OPEN, DeadLetterState.DISCARDED]}
    audit.record_each(actor=actor, verb="discard", kind=DeadLetter, targets=chosen, change=change)
    return len(chosen)


def exported(letters: QuerySet[DeadLetter]) -> Iterator[bytes]:
    """Yield a line of JSON for each letter; raw bytes as text where they are UTF-8, else in hexadecimal."""
    for letter in letters.select_related("connector").order_by("id").iterator(chunk_size=200):
        raw = bytes(letter.raw)
        told: dict[str, Any] = {
            "id": letter.pk,
            "connector": letter.connector.name,
            **{name: getattr(letter, name) for name in ("stage", "reference", "kind", "error", "message", "attempts")},
            **{name: getattr(letter, name) for name in ("state", "created_at", "resolved_at")},
        }
        try:
            told["raw"] = raw.decode()
        except UnicodeDecodeError:
            told["raw_hex"] = raw.hex()
        yield orjson.dumps(told) + b"\n"


def _opened(dead_letter: DeadLetter) -> DeadLetter:
    """Lock a letter that nobody has settled.

    Raises:
        Conflict: somebody has.
    """
    locked = DeadLetter.objects.select_for_update(of=("self",)).select_related("connector__origin", "delivery")
    letter = locked.get(pk=dead_letter.pk)
    if letter.state != DeadLetterState.OPEN:
        raise Conflict(f"This dead letter is {letter.state} already.")
    return letter


@transaction.atomic
def _tried(letter: DeadLetter, source: Source[Any], now: datetime) -> tuple[list[Outcome], Failure | None]:
    """Digest a letter again, all of it or nothing."""
    try:
        records = _records(letter, source, bytes(letter.raw))
    except Exception as problem:
        return [], Failure(Stage.UNPACK, problem)
    outcomes = digest(connector=letter.connector, source=source, records=records, now=now)
    failure = next((outcome.failure for outcome in outcomes if outcome.failure), None)
    transaction.set_rollback(failure is not None)
    return outcomes, failure


def _records(letter: DeadLetter, source: Source[Any], raw: bytes) -> list[Record]:
    """Return what ``raw`` tells in the place of a letter; a whole delivery is unpacked first."""
    if letter.delivery and letter.reference == letter.delivery.key:
        return unpack(source, letter.delivery, raw)
    return [source.revive(letter.reference, letter.kind, raw)]
