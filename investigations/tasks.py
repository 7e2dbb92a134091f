"""Doors for the worker: each rings one deed, with ids in and nothing out; running one twice does no harm."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from investigations import linking, retention
from investigations.models import Investigation
from investigations.scenes import Caseload
from rcaplatform.kit.doorbell import heard

LINK = "investigations.link"


@shared_task(name=LINK)
def link() -> None:
    """Work the linking queue off."""
    heard(LINK)
    caseload = Caseload()
    while linking.link_pending(now=timezone.now(), caseload=caseload):
        pass


@shared_task(name="investigations.link_investigation")
def link_investigation(investigation_id: str) -> None:
    """Look back for events that belong to one investigation."""
    found = Investigation.objects.alive().filter(pk=investigation_id).first()
    if found:
        linking.link_investigation(investigation=found, now=timezone.now())


@shared_task(name="investigations.purge")
def purge() -> None:
    """Forget events past their age."""
    if settings.RETENTION_DAYS:
        retention.purge(now=timezone.now(), keep=timedelta(days=settings.RETENTION_DAYS))
