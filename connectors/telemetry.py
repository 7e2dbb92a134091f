"""Deed: keep what an OTLP client tells, all of it or nothing, so that it may send all of it again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from events.calls import Calls
from events.choices import OriginKind
from events.drafts import EventDraft
from events.services import Stored, origin_named, store
from events.topology import count_calls
from rcaplatform.kit.errors import DomainError

ORIGIN = "OTLP"
BATCH = 1_000


@dataclass(slots=True)
class Kept:
    """What became of a request: what of it was kept, items that were no good, and why the first of them was not."""

    stored: int = 0
    rejected: int = 0
    reason: str = ""

    def add(self, stored: Stored) -> None:
        """Count a batch in."""
        self.stored += len(stored.fresh)

    def reject(self, problem: DomainError, *, number: int = 1) -> None:
        """Count items that were no good."""
        self.rejected += number
        self.reason = self.reason or problem.message


def keep(
    *, told: Iterable[EventDraft | DomainError], now: datetime, reference: str = "", calls: Sequence[Calls] = ()
) -> Kept:
    """Store each event in ``told`` once, a thousand at a time, and count what was no good.

    Args:
        calls: between services; counted once for each ``reference``, which identifies them when they are sent again.
    """
    kept, batch, origin = Kept(), list[EventDraft](), origin_named(ORIGIN, OriginKind.API)
    with transaction.atomic():
        for one in told:
            if isinstance(one, DomainError):
                kept.reject(one)
                continue
            batch.append(one)
            if len(batch) == BATCH:
                kept.add(store(drafts=batch, origin=origin, now=now))
                batch.clear()
        if batch:
            kept.add(store(drafts=batch, origin=origin, now=now))
        if calls:
            count_calls(told={reference: calls}, origin=origin)
    return kept
