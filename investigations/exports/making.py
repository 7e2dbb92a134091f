"""Deeds about exports that take long: ask for one, have a worker make it, keep it for a while, forget it.

The rows are the queue; a doorbell only says that there is work. A worker that dies leaves a row that nobody touches any
more, and another begins anew. Whoever cancels an export deletes its row, and the worker stops at its next touch.
"""

import time
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts import audit, switches
from accounts.models import Feature, User
from investigations.choices import ExportState
from investigations.exports.document import write
from investigations.exports.gathering import events_of
from investigations.models import Export, Investigation
from rcaplatform.kit.doorbell import ring_once
from rcaplatform.kit.errors import Busy, DomainError

log = structlog.get_logger(__name__)
EXPORT_TASK = "investigations.make_exports"
# A row that was not touched for so long is nobody's any more.
ABANDONED = timedelta(minutes=2)
ATTEMPTS = 3  # at one export: what killed three workers is not given to a fourth
MOST_WAITING, MOST_WAITING_EACH = 100, 5
_OURS = "It failed by a mistake of ours: the log of the worker tells which."
TOUCH = 1  # seconds between two words of the worker


class Stopped(Exception):
    """Nobody wants this export any more, or another worker has it."""


@transaction.atomic
def ask(*, investigation: Investigation, written_in: str, redact: bool = False, actor: User, now: datetime) -> Export:
    """Have an export made in the background; one that the same person waits for already is given again.

    Args:
        redact: blank e-mail addresses, IP addresses and what looks like a secret.

    Raises:
        Busy: too many wait, of everybody's or of this person's.
        SwitchedOff: an operator switched exports off.
    """
    switches.require(Feature.EXPORTS)
    # Holds off the same person's other tab.
    User.objects.select_for_update(no_key=True).only("pk").get(pk=actor.pk)
    waiting = Export.objects.unfinished()
    mine = waiting.filter(created_by=actor)
    same: Export | None = mine.filter(investigation=investigation, written_in=written_in, redact=redact).first()
    if same:
        return same
    if mine.count() >= MOST_WAITING_EACH or waiting.count() >= MOST_WAITING:
        raise Busy("Too many exports are waiting: come back when one is ready.", seconds=30)
    made = Export(
        investigation=investigation,
        written_in=written_in,
        redact=redact,
        events=events_of(investigation),
        created_by=actor,
        created_at=now,
        touched_at=now,
    )
    made.save(force_insert=True)
    change = {"format": [None, written_in], "redact": [None, redact]}
    audit.record(actor=actor, verb="export", target=investigation, change=change)
    ring_once(EXPORT_TASK)
    return made


@transaction.atomic
def delete(*, export: Export, actor: User, now: datetime) -> None:
    """Cancel an export that is not ready; forget one that is."""
    if Export.objects.filter(pk=export.pk).delete()[0]:
        told = {"format": export.written_in, "redact": export.redact, "state": export.state}
        change = {name: [value, None] for name, value in told.items()}
        audit.record(actor=actor, verb="delete export", target=export.investigation, change=change)


def make_next(*, now: datetime) -> bool:
    """Make the export that has waited longest, or whose worker died.

    Returns:
        Whether there was one.
    """
    export = _take(now)
    if export is None:
        return False
    try:
        Worker(export).make()
    except Stopped:
        log.info("export.stopped", export=str(export.pk))
    except Exception as problem:
        log.exception("export.failed", export=str(export.pk))
        said = problem.message if isinstance(problem, DomainError) else _OURS
        _fail(Export.objects.filter(pk=export.pk, attempts=export.attempts), said, timezone.now())
    return True


@transaction.atomic
def _take(now: datetime) -> Export | None:
    """Take a row from the queue: from now on it is this worker's, by the number of its attempt."""
    free = Q(state=ExportState.PENDING) | Q(state=ExportState.RUNNING, touched_at__lt=now - ABANDONED)
    queue = Export.objects.unfinished().filter(free).order_by("id").select_for_update(skip_locked=True, of=("self",))
    found: Export | None = queue.first()
    if found is None:
        return None
    row = Export.objects.filter(pk=found.pk)
    if found.attempts >= ATTEMPTS:
        _fail(row, "The worker that made it died, again and again.", now)
        return _take(now)
    row.update(state=ExportState.RUNNING, attempts=F("attempts") + 1, touched_at=now, progress=0)
    found.attempts += 1
    return found


def _fail(row: QuerySet[Export], said: str, now: datetime) -> None:
    row.update(state=ExportState.FAILED, error=said[:500], finished_at=now)


class Worker:
    """Makes one export, and says how far it is."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self._row = Export.objects.filter(pk=export.pk, attempts=export.attempts, state=ExportState.RUNNING)
        self._told = 0.0

    def make(self) -> None:
        """Make it and keep the file.

        Raises:
            Stopped: nobody wants it any more.
            DomainError: it cannot be made.
        """
        investigation = Investigation.objects.alive().filter(pk=self.export.investigation_id).first()
        if investigation is None:
            raise Stopped
        document = write(
            investigation=investigation,
            written_in=self.export.written_in,
            now=timezone.now(),
            events=self.export.events,
            said=self.say,
            redact=self.export.redact,
        )
        size = len(document.content)
        if size > settings.EXPORT_STORE_BYTES:
            raise DomainError(f"The file has {size:,} bytes: more than may be kept.")
        self._keep(document.content, timezone.now())

    def say(self, progress: int) -> None:
        """Tell how far it is in percent, at most once a second.

        Raises:
            Stopped: nobody wants it any more.
        """
        if time.monotonic() - self._told < TOUCH:
            return
        self._told = time.monotonic()
        if not self._row.update(progress=progress, touched_at=timezone.now()):
            raise Stopped

    @transaction.atomic
    def _keep(self, content: bytes, now: datetime) -> None:
        done = {"state": ExportState.DONE, "progress": 100, "content": content, "size": len(content)}
        if not self._row.update(**done, redacted=self.export.redact, finished_at=now, touched_at=now):
            raise Stopped
        _make_room()


def _make_room() -> None:
    """Forget the oldest files until all that are kept fit into the store."""
    kept = Export.objects.filter(state=ExportState.DONE)
    # One worker at a time, so that two do not both leave the other's room out of account.
    rows = list(kept.order_by("-id").select_for_update().values_list("pk", "size"))
    total = 0
    for number, (_, size) in enumerate(rows):
        total += size
        if total > settings.EXPORT_STORE_BYTES:
            Export.objects.filter(pk__in=[pk for pk, _ in rows[max(number, 1) :]]).delete()
            return


def purge(*, now: datetime) -> int:
    """Forget exports whose time has passed, finished or not.

    Returns:
        How many.
    """
    return Export.objects.filter(created_at__lt=now - settings.EXPORT_KEPT).delete()[0]
