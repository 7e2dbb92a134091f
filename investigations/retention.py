"""Deed: forget old events that no investigation speaks of, in batches that hold no lock for long."""

from datetime import datetime, timedelta

from events import topology
from events.models import Event
from rcaplatform.kit.batches import delete_in_batches

BATCH = 5_000


def purge(*, now: datetime, keep: timedelta) -> int:
    """Delete events older than ``keep`` that linking has considered, that are linked to nothing and bear no comment.

    The hours of the topology that are as old go with them.

    Returns:
        How many were deleted.
    """
    old = Event.objects.filter(timestamp__lt=now - keep, received_at__lt=now - keep, linked_at__isnull=False)
    unspoken = old.filter(links__isnull=True, comments__isnull=True).order_by("timestamp")
    return delete_in_batches(unspoken, size=BATCH) + topology.purge(before=now - keep)
