"""Doors for the worker: each rings one deed, with ids in and nothing out; running one twice does no harm."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accounts.models import Feature
from accounts.switches import is_on
from investigations import linking, retention, suspicion
from investigations.assistant import drafting
from investigations.exports import making
from investigations.exports.making import EXPORT_TASK
from investigations.models import LookBack
from investigations.scenes import Caseload
from investigations.services import LOOK_BACK_TASK, SUSPECTS_TASK
from rcaplatform.kit.doorbell import heard, ring_once

LINK = "investigations.link"
EXPORTS_A_TURN = 10  # so that a task ends long before its time is up


@shared_task(name=LINK)
def link() -> None:
    """Work the linking queue off."""
    heard(LINK)
    caseload = Caseload()
    while is_on(Feature.LINKING) and linking.link_pending(now=timezone.now(), caseload=caseload):
        pass


@shared_task(name=LOOK_BACK_TASK)
def look_back() -> None:
    """Look back for each investigation that waits for it."""
    heard(LOOK_BACK_TASK)
    for investigation in LookBack.objects.investigations():
        if not is_on(Feature.LINKING):
            return
        linking.look_back(investigation=investigation, now=timezone.now())


@shared_task(name=SUSPECTS_TASK)
def rank_suspects() -> None:
    """Rank the suspects of each investigation that has no report yet."""
    heard(SUSPECTS_TASK)
    while is_on(Feature.SUSPECTS) and suspicion.compute_owed(now=timezone.now()):
        pass


@shared_task(name="investigations.purge")
def purge() -> None:
    """Forget events past their age."""
    if settings.RETENTION_DAYS:
        retention.purge(now=timezone.now(), keep=timedelta(days=settings.RETENTION_DAYS))


@shared_task(name=EXPORT_TASK)
def make_exports() -> None:
    """Make each export that waits for it."""
    heard(EXPORT_TASK)
    for _ in range(EXPORTS_A_TURN):
        if not (is_on(Feature.EXPORTS) and making.make_next(now=timezone.now())):
            return
    ring_once(EXPORT_TASK)


@shared_task(name="investigations.purge_exports")
def purge_exports() -> None:
    """Forget exports whose time has passed."""
    making.purge(now=timezone.now())


@shared_task(name="investigations.purge_drafts")
def purge_drafts() -> None:
    """Forget drafts of the assistant that nobody took."""
    drafting.purge(now=timezone.now())
