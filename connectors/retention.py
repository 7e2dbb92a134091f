"""Deed: forget what was sent and is done with; what still waits for a worker or an operator is kept, however old."""

from datetime import datetime, timedelta

from django.db.models import F, Sum, Window

from connectors.backfills import UNFINISHED
from connectors.choices import DeadLetterState, DeliveryState
from connectors.models import Backfill, Connector, DeadLetter, Delivery, Gap, PushedSamples, PushedSeries, Transition
from connectors.sources.pushedmetrics import HISTORY_HOURS, PushedMetrics
from rcaplatform.kit.batches import delete_in_batches

BATCH = 500  # a delivery may hold 25 MB
# Samples of one sender that are kept to learn from: two a minute of a thousand series, for a day.
MOST_SAMPLES = 3_000_000


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


def purge_samples(*, now: datetime) -> int:
    """Delete pushed samples that are judged and past what is learned from, and series that nobody told of as long.

    Returns:
        How many requests of samples were deleted.
    """
    deleted = 0
    for connector in Connector.objects.filter(kind=PushedMetrics.kind, cursor__has_key="until"):
        judged = datetime.fromisoformat(connector.cursor["until"])
        old = now - timedelta(hours=connector.config.get("history_hours", HISTORY_HOURS))
        samples = PushedSamples.objects.filter(connector=connector, received_at__lt=judged)
        so_far = Window(Sum("number"), order_by=F("received_at").desc())
        beyond = samples.annotate(so_far=so_far).filter(so_far__gt=MOST_SAMPLES).order_by("-received_at")
        newest = beyond.values_list("received_at", flat=True).first()
        past = samples.filter(received_at__lte=max(old, newest or old))
        deleted += delete_in_batches(past.order_by("received_at"), size=BATCH)
        unheard = PushedSeries.objects.filter(connector=connector, told_at__lt=old)
        delete_in_batches(unheard.order_by("id"), size=BATCH)
    return deleted
