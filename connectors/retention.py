"""Deed: forget what was sent and is done with; what still waits for a worker or an operator is kept, however old."""

from datetime import datetime, timedelta

from connectors.backfills import UNFINISHED
from connectors.choices import DeadLetterState, DeliveryState
from connectors.models import Backfill, DeadLetter, Delivery, Gap, Transition
from rcaplatform.kit.batches import delete_in_batches

BATCH = 500  # a delivery may hold 25 MB


def purge(*, now: datetime, keep: timedelta) -> int:
    """Delete what is done with for longer than ``keep``: settled dead letters, deliveries digested without one, gaps,
    the history of breakers, and backfills that ended.

    Returns:
        How many were deleted.
    """
    old = now - keep
    settled = DeadLetter.objects.exclude(state=DeadLetterState.OPEN).filter(resolved_at__lt=old)
    done = Delivery.objects.exclude(state=DeliveryState.PENDING).filter(digested_at__lt=old)
    unneeded = done.filter(dead_letters__isnull=True)
    gaps, moves = Gap.objects.filter(end__lt=old), Transition.objects.filter(at__lt=old)
    ended = Backfill.objects.exclude(state__in=UNFINISHED).filter(created_at__lt=old)
    past = (settled, unneeded, gaps, moves, ended)
    return sum(delete_in_batches(rows.order_by("id"), size=BATCH) for rows in past)
