"""Deed: forget what was sent and is done with; what still waits for a worker or an operator is kept, however old."""

from datetime import datetime, timedelta

from connectors.choices import DeadLetterState, DeliveryState
from connectors.models import DeadLetter, Delivery
from rcaplatform.kit.batches import delete_in_batches

BATCH = 500  # a delivery may hold 25 MB


def purge(*, now: datetime, keep: timedelta) -> int:
    """Delete dead letters settled longer ago than ``keep``, then deliveries digested before that without a dead letter.

    Returns:
        How many were deleted.
    """
    old = now - keep
    settled = DeadLetter.objects.exclude(state=DeadLetterState.OPEN).filter(resolved_at__lt=old)
    done = Delivery.objects.exclude(state=DeliveryState.PENDING).filter(digested_at__lt=old)
    unneeded = done.filter(dead_letters__isnull=True)
    return sum(delete_in_batches(rows.order_by("id"), size=BATCH) for rows in (settled, unneeded))
