"""Deed: keep what an OTLP client tells, all of it or nothing, so that it may send all of it again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from events.choices import OriginKind
from events.drafts import EventDraft
from events.services import origin_named, store
from rcaplatform.kit.errors import DomainError

ORIGIN = "OTLP"
BATCH = 1_000


@dataclass(slots=True)
class Kept:
    """What became of a request: events stored and known, items that were no good, and why the first of them was not."""

    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    reason: str = ""


def keep(*, told: Iterable[EventDraft | DomainError], now: datetime) -> Kept:
    """Store each event in ``told`` once, a thousand at a time, and count what was no good."""
    kept, batch = Kept(), list[EventDraft]()
    # The driver's own errors reach us unwrapped from COPY; a door knows Django's.
    with transaction.atomic(), connection.wrap_database_errors:
        for one in told:
            if isinstance(one, DomainError):
                kept.rejected += 1
                kept.reason = kept.reason or one.message
                continue
            batch.append(one)
            if len(batch) == BATCH:
                _store(batch, kept, now)
                batch.clear()
        _store(batch, kept, now)
    return kept


def _store(batch: list[EventDraft], kept: Kept, now: datetime) -> None:
    if batch:
        stored = store(drafts=batch, origin=origin_named(ORIGIN, OriginKind.API), now=now)
        kept.stored += len(stored.fresh)
        kept.duplicates += stored.duplicates
