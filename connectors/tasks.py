"""Doors for the worker: each rings one deed, with ids in and nothing out; running one twice does no harm."""

from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accounts.models import Feature, User
from accounts.notifications.delivery import deliver_due
from accounts.notifications.services import TASK as NOTIFY_TASK
from accounts.switches import is_on
from connectors import backfills, deadletters, notices, retention, surveying
from connectors.backfills import BACKFILL_TASK
from connectors.deadletters import RETRY_TASK
from connectors.digestion import work_off
from connectors.languagemodel import ask_model
from connectors.messengers import SENDERS
from connectors.models import Connector
from connectors.polling import POLL_SECONDS, poll
from connectors.reception import DIGEST_TASK
from connectors.schedules import POLL_TASK
from investigations.assistant.drafting import DRAFT_TASK, write_next
from investigations.services import SURVEY_TASK
from rcaplatform.kit.doorbell import heard, ring_once
from rcaplatform.kit.errors import DomainError

# A poll ends itself; these end one that is stuck between two pages, the second one without a word in its state.
SOFT_SECONDS, HARD_SECONDS = POLL_SECONDS + 20 * 60, POLL_SECONDS + 30 * 60


# After a failure, a rate limit or a rest a poll is due before its schedule rings.
WATCH_SECONDS, OVERDUE = 15, timedelta(seconds=2)


@shared_task(name=POLL_TASK, soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def poll_one(connector_id: str) -> None:
    """Poll one connector if it still is due: bells rung while it was polled come late. What goes wrong is recorded."""
    now = timezone.now()
    connector = Connector.objects.due(now).select_related("origin").filter(pk=connector_id).first()
    if connector:
        with suppress(DomainError):
            poll(connector=connector, now=now)


@shared_task(name=SURVEY_TASK, soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def survey() -> None:
    """Ask the sources about investigations that were opened lately."""
    heard(SURVEY_TASK)
    while is_on(Feature.SURVEYS) and surveying.work(now=timezone.now()):
        pass


@shared_task(name=DIGEST_TASK)
def digest() -> None:
    """Work the queue of deliveries off."""
    work_off()


@shared_task(name=RETRY_TASK)
def retry_dead_letters(actor_id: str, *letters: str) -> None:
    """Try dead letters again; those that a task which died has dealt with are skipped."""
    actor = User.objects.filter(pk=actor_id).first() if actor_id else None
    deadletters.retry_many(letters=[UUID(letter) for letter in letters], actor=actor, now=timezone.now())


@shared_task(name=BACKFILL_TASK)
def backfill(backfill_id: str, rung_at: str) -> None:
    """Read a slice of a backfill, and ring for the next one: others have their turn in between."""
    backfills.work(backfill_id=UUID(backfill_id), rung_at=datetime.fromisoformat(rung_at))


@shared_task(name="connectors.watch")
def watch() -> None:
    """Look for sources that fell silent, for polls that are overdue, and for backfills left behind."""
    now = timezone.now()
    notices.look_for_silence(now)
    for pk in Connector.objects.due(now - OVERDUE).values_list("pk", flat=True):
        poll_one.apply_async((str(pk),), expires=WATCH_SECONDS)
    backfills.sweep(now)


@shared_task(name=NOTIFY_TASK)
def send_notifications() -> None:
    """Send what people are due to be told, until nothing is."""
    heard(NOTIFY_TASK)
    while is_on(Feature.NOTIFICATIONS) and deliver_due(senders=SENDERS, now=timezone.now()):
        pass


@shared_task(name=DRAFT_TASK)
def write_drafts() -> None:
    """Have the assistant write one draft, and ring for the next: each may take minutes."""
    heard(DRAFT_TASK)
    if is_on(Feature.ASSISTANT) and write_next(model=ask_model, now=timezone.now()):
        ring_once(DRAFT_TASK)


@shared_task(name="connectors.purge")
def purge() -> None:
    """Forget deliveries and dead letters that are done with."""
    if settings.DELIVERY_RETENTION_DAYS:
        retention.purge(now=timezone.now(), keep=timedelta(days=settings.DELIVERY_RETENTION_DAYS))


@shared_task(name="connectors.purge_samples")
def purge_samples() -> None:
    """Forget pushed samples that nothing is learned from any more."""
    retention.purge_samples(now=timezone.now())
