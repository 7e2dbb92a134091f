"""Deeds about backfills: read a span of the past beside what is new, in slices, with a cursor of its own."""

import time
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from connectors import breakers
from connectors.base import Page
from connectors.choices import BackfillState
from connectors.errors import Misconfigured, RateLimited, SourceUnavailable
from connectors.leases import lease
from connectors.models import Backfill, Connector
from connectors.pipeline import digest, open_source
from connectors.polling import decoded, keep_gaps
from connectors.windows import Windowed
from rcaplatform.kit.doorbell import ring
from rcaplatform.kit.errors import Conflict, DomainError, Invalid

log = structlog.get_logger(__name__)
BACKFILL_TASK = "connectors.backfill"
LONGEST = timedelta(days=400)
# A slice ends after so many seconds, so that other backfills and retries have their turn.
SLICE = 20
UNFINISHED = (BackfillState.PENDING, BackfillState.RUNNING)


@transaction.atomic
def ask(*, connector: Connector, start: datetime, end: datetime, actor: User, now: datetime) -> Backfill:
    """Have the time from ``start`` to ``end`` read by workers, in the background.

    Raises:
        Misconfigured: the connector's source cannot be asked for a span of time.
        Invalid: the span ends before it begins, in the future, or is longer than 400 days.
    """
    if not isinstance(open_source(connector, now), Windowed):
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
    ring(BACKFILL_TASK, str(backfill.pk))
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


def work(*, backfill_id: UUID) -> bool:
    """Read a slice; return whether there is more to read at once. Two workers never read one backfill."""
    with lease(backfill_id) as held:
        running = Backfill.objects.filter(pk=backfill_id, state__in=UNFINISHED)
        if not held or not running.update(state=BackfillState.RUNNING):
            return False
        backfill = Backfill.objects.select_related("connector__origin").get(pk=backfill_id)
        if not Connector.objects.running().filter(pk=backfill.connector_id).exists():
            return False
        try:
            breakers.Gate(backfill.connector).call(lambda: _read(backfill))
        except (SourceUnavailable, RateLimited) as problem:  # a sweep rings again
            Backfill.objects.filter(pk=backfill_id).update(error=problem.message[:500])
            return False
        except Exception as problem:
            said = problem.message if isinstance(problem, DomainError) else f"{type(problem).__name__}: {problem}"
            Backfill.objects.filter(pk=backfill_id).update(state=BackfillState.FAILED, error=said[:500])
            log.exception("backfill.failed", connector=backfill.connector.name)
            return False
        return Backfill.objects.filter(pk=backfill_id, state=BackfillState.RUNNING).exists()


def sweep() -> None:
    """Ring for every backfill that has not ended: one that waits for its source, or whose worker died."""
    for pk in Backfill.objects.filter(state__in=UNFINISHED).values_list("pk", flat=True):
        ring(BACKFILL_TASK, str(pk))


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
    kept = held.update(reached=backfill.reached, stored=backfill.stored, dead=backfill.dead, error="")
    if not kept:
        transaction.set_rollback(True)
    return bool(kept)
