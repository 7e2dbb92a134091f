"""Doors for the worker: each rings one deed, with ids in and nothing out; running one twice does no harm."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from connectors import services
from connectors.models import Connector
from connectors.pipeline import poll
from rcaplatform.kit.errors import DomainError

OVERTAKEN = timedelta(seconds=10)
SWEEP = 2_000


@shared_task(name="connectors.poll_due")
def poll_due() -> None:
    """Send a worker to each connector whose time has come."""
    for pk in Connector.objects.due(timezone.now()).values_list("pk", flat=True):
        poll_one.apply_async((str(pk),), expires=60)


@shared_task(name="connectors.poll")
def poll_one(connector_id: str) -> None:
    """Poll one connector; the engine has recorded what went wrong, if anything did."""
    try:
        poll(connector=Connector.objects.select_related("origin").get(pk=connector_id), now=timezone.now())
    except (DomainError, Connector.DoesNotExist):
        return


@shared_task(name="connectors.digest_delivery")
def digest_delivery(delivery_id: str) -> None:
    """Digest one delivery."""
    services.digest_delivery(delivery_id=delivery_id, now=timezone.now())


@shared_task(name="connectors.digest_left_behind")
def digest_left_behind() -> None:
    """Digest what a crash or a deaf broker left behind."""
    for delivery_id in services.left_behind(now=timezone.now(), after=OVERTAKEN, limit=SWEEP):
        services.digest_delivery(delivery_id=delivery_id, now=timezone.now())
