"""Doors for the worker: each rings one deed, with ids in and nothing out; running one twice does no harm."""

from celery import shared_task
from django.utils import timezone

from connectors.digestion import digest_pending
from connectors.models import Connector
from connectors.polling import poll
from connectors.services import DIGEST_TASK, POLL_TASK
from rcaplatform.kit.doorbell import heard
from rcaplatform.kit.errors import DomainError


@shared_task(name="connectors.poll_due")
def poll_due() -> None:
    """Send a worker to each connector whose time has come."""
    for pk in Connector.objects.due(timezone.now()).values_list("pk", flat=True):
        poll_one.apply_async((str(pk),), expires=60)


@shared_task(name=POLL_TASK)
def poll_one(connector_id: str) -> None:
    """Poll one connector; the engine has recorded what went wrong, if anything did."""
    try:
        poll(connector=Connector.objects.select_related("origin").get(pk=connector_id), now=timezone.now())
    except (DomainError, Connector.DoesNotExist):
        return


@shared_task(name=DIGEST_TASK)
def digest() -> None:
    """Work the queue of deliveries off."""
    heard(DIGEST_TASK)
    while digest_pending(now=timezone.now()):
        pass
