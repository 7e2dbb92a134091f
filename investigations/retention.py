"""Deed: forget old events that no investigation speaks of, in batches that hold no lock for long."""

from datetime import datetime, timedelta

from django.db import transaction

from events.models import Event

BATCH = 5_000


def purge(*, now: datetime, keep: timedelta) -> int:
    """Delete events older than ``keep`` that linking has considered, that are linked to nothing and bear no comment.

    Returns:
        How many were deleted.
    """
    old = Event.objects.filter(timestamp__lt=now - keep, received_at__lt=now - keep, linked_at__isnull=False)
    unspoken = old.filter(links__isnull=True, comments__isnull=True).order_by("timestamp")
    purged = 0
    while True:
        with transaction.atomic():
            batch = list(
                unspoken.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)[:BATCH]
            )
            Event.objects.filter(pk__in=batch).delete()
        purged += len(batch)
        if len(batch) < BATCH:
            return purged
