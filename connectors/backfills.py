"""Deeds about backfills: read a span of the past beside what is new, in slices, with a cursor of its own."""

import time
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from connectors import breakers
from connectors.base import Page
from connectors.choices import BackfillState
from connectors.errors import Misconfigured, RateLimited, SourceUnavailable
from connectors.models import Backfill, Connector
from connectors.pipeline import digest, open_source
from connectors.polling import decoded, keep_gaps
from connectors.windows import Windowed
from rcaplatform.kit.doorbell import ring
from rcaplatform.kit.errors import Conflict, DomainError, Invalid
from rcaplatform.kit.leases import lease

log = structlog.get_logger(__name__)
BACKFILL_TASK = "connectors.backfill"
LONGEST = timedelta(days=400)
# A slice ends after so many seconds, so that other backfills and retries have their turn.
SLICE = 20
# A bell that was not answered for so long is rung again.
LATELY = timedelta(minutes=2)
UNFINISHED = (BackfillState.PENDING, BackfillState.RUNNING)


@transaction.atomic
def ask(*, connector: Connector, start: datetime, end: datetime, actor: User, now: datetime) -> Backfill:
    """Have the time from ``start`` to ``end`` read by workers, in the background.

    Raises:
        Misconfigured: the connector's source cannot be asked for a span of time, or has nothing to be asked with.
        Invalid: the span ends before it begins, in the future, or is longer than 400 days.
    """
    source = open_source(connector, now)
    if not isinstance(source, Windowed) or not source.is_polled():
        raise Misconfigured(f"{connector.name} cannot be asked for a span of the past.")
    wrong = {}
    if start >= end:
        wrong["end"] = "Give a time after the start."
    elif end > now:
        wrong["end"] = "Give a time that has passed."
    elif end - start > LONGEST:
        wrong["start"] = f"At most {LONGEST.days} days at once."
    if wrong:
        raise Invalid("; ".join(f"{name}: {said}" for name, said in wrong.items()), fields=wrong)
    backfill = Backfill.objects.create(connector=connector, start=start, end=end, reached=start, created_by=actor)
    audit.record(actor=actor, verb="backfill", target=connector, change={"span": [str(start), str(end)]})
    _ring(backfill.pk, now)
    return backfill


@transaction.atomic
def cancel(*, backfill: Backfill, actor: User) -> None:
    """Stop a backfill at its next page; what it has stored stays.

    Raises:
        Conflict: it has ended already.
    """
    unfinished = Backfill.objects.filter(pk=backfill.pk, state__in=UNFINISHED)
    if not unfinished.update(state=BackfillState.CANCELLED):
        raise Conflict("This backfill has ended already.")
    audit.record(actor=actor, verb="cancel_backfill", target=backfill.connector)


def work(*, backfill_id: UUID, rung_at: datetime) -> None:
    """Read a slice, and ring for the next one. Two workers never read one backfill, and of its bells one counts."""
    with lease(backfill_id) as held:
        running = Backfill.objects.filter(pk=backfill_id, state__in=UNFINISHED, rung_at=rung_at)
        if not held or not running.update(state=BackfillState.RUNNING):
            return
        backfill = Backfill.objects.select_related("connector__origin").get(pk=backfill_id)
        if not Connector.objects.running().filter(pk=backfill.connector_id).exists():
            return
        try:
            breakers.Gate(backfill.connector).call(lambda: _read(backfill))
        except (SourceUnavailable, RateLimited) as problem:  # a sweep rings again
            Backfill.objects.filter(pk=backfill_id).update(error=problem.message[:500])
        except Exception as problem:
            said = problem.message if isinstance(problem, DomainError) else f"{type(problem).__name__}: {problem}"
            Backfill.objects.filter(pk=backfill_id).update(state=BackfillState.FAILED, error=said[:500])
            log.exception("backfill.failed", connector=backfill.connector.name)
        else:
            if Backfill.objects.filter(pk=backfill_id, state=BackfillState.RUNNING).exists():
                _ring(backfill_id, timezone.now())


def sweep(now: datetime) -> None:
    """Ring for every backfill that nobody rang for lately: one that waits for its source, or whose worker died."""
    late = Q(rung_at=None) | Q(rung_at__lt=now - LATELY)
    for pk in Backfill.objects.filter(late, state__in=UNFINISHED).values_list("pk", flat=True):
        _ring(pk, now)


def _ring(backfill_id: UUID, now: datetime) -> None:
    Backfill.objects.filter(pk=backfill_id).update(rung_at=now)
    ring(BACKFILL_TASK, str(backfill_id), now.isoformat())


def _read(backfill: Backfill) -> None:
    now = timezone.now()
    source = open_source(backfill.connector, now)
    if not isinstance(source, Windowed):
        raise Misconfigured(f"{backfill.connector.name} cannot be asked for a span of the past any more.")
    ends = time.monotonic() + SLICE
    for page in source.read_between(backfill.reached, backfill.end):
        if not _keep(backfill, source, page, now):
            return
        if time.monotonic() > ends:
            return
    Backfill.objects.filter(pk=backfill.pk, state=BackfillState.RUNNING).update(state=BackfillState.DONE, error="")


@transaction.atomic
def _keep(backfill: Backfill, source: Windowed, page: Page, now: datetime) -> bool:  # type: ignore[type-arg]
    """Store a page and move the cursor, unless the backfill was cancelled meanwhile."""
    outcomes = digest(connector=backfill.connector, source=source, records=page.records, now=now)
    keep_gaps(backfill.connector, page)
    backfill.reached = datetime.fromisoformat(page.cursor["until"])
    backfill.stored += sum(outcome.stored for outcome in outcomes)
    backfill.dead += decoded(outcomes).count(False)
    held = Backfill.objects.filter(pk=backfill.pk, state=BackfillState.RUNNING)
    on = Connector.objects.running().unheld().filter(pk=backfill.connector_id).exists()
    kept = on and held.update(reached=backfill.reached, stored=backfill.stored, dead=backfill.dead, error="")
    if not kept:
        transaction.set_rollback(True)
        return False
    told = decoded(outcomes)
    return not breakers.watch_for_poison(connector=backfill.connector, outcomes=told, now=timezone.now())
