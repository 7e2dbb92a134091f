"""Deed: keep the metrics that a sender tells, so that they can be judged as those that are asked for are."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.db.models.functions import Now

from accounts.models import User
from connectors.models import Connector, Gap, PushedSamples, PushedSeries
from connectors.services import connect
from connectors.shelf import storing
from connectors.sources.metricseries import Series
from connectors.sources.metricwatch import MOST_SERIES
from connectors.sources.pushedmetrics import PushedMetrics, identity, packed
from connectors.telemetry import Kept
from rcaplatform.kit.errors import Busy, Conflict, DomainError, Unavailable

INTERVAL = 30
# A series that was not told of for so long makes room for a new one: processes come and go, and their series with them.
STALE = timedelta(hours=1)
TOUCHED = timedelta(minutes=10)
# Samples of one sender that may wait to be judged. More are not taken: nothing that was taken is dropped unjudged.
MOST_WAITING = 2_000_000
RETRY_AFTER = 60
_MAX_NAME, _DIGEST = 60, 6

Points = Sequence[list[Series]]


def take(*, told: Iterable[list[Series] | DomainError], sender: str, actor: User, now: datetime) -> Kept:
    """Keep the samples of each data point in ``told``; what is sent again is kept once.

    A point of a series beyond the thousand that can be watched of one sender is counted as no good.

    Args:
        sender: who tells, as `PushedMetricsConfig.sender`; has a connector from its first point on.

    Raises:
        Busy: too much of what this sender told waits to be judged.
        Unavailable: its connector is switched off.
        Conflict: a connector of another kind has the name of its connector.
    """
    kept, points = Kept(), list[list[Series]]()
    for one in told:
        if isinstance(one, DomainError):
            kept.reject(one)
        elif one:
            points.append(one)
    if points:
        connector = _connector(sender, actor, now)
        if not connector.enabled:
            raise Unavailable(f"{connector.name} is switched off.")
        _require_room(connector)
        _keep(connector, points, kept, now)
    return kept


def _connector(sender: str, actor: User, now: datetime) -> Connector:
    """Return the connector of a sender, made at its first point."""
    ours = Connector.objects.filter(kind=PushedMetrics.kind, config__sender=sender).order_by("created_at")
    found: Connector | None = ours.first()
    if found is None:
        named: dict[str, Any] = {"name": name_for(sender), "kind": PushedMetrics.kind, "values": {"sender": sender}}
        try:
            found = connect(**named, actor=actor, now=now, interval=INTERVAL)
        except (Conflict, ValidationError, IntegrityError) as problem:
            found = ours.first()  # somebody else made it at the same moment, or
            if found is None:
                said = (
                    f"A connector of another kind is called {name_for(sender)}: connect one of the kind otlp yourself."
                )
                raise Conflict(said) from problem
    return found


def name_for(sender: str) -> str:
    """Return what the connector of a sender is called: a slug, with a digest where that says less than the sender."""
    spelled = re.sub(r"[^a-z0-9]+", "-", sender.lower()).strip("-")
    name = f"otlp-{spelled}"
    if spelled == sender.replace("/", "-", 1) and len(name) <= _MAX_NAME:
        return name
    digest = blake2b(sender.encode(errors="replace"), digest_size=_DIGEST // 2).hexdigest()
    return f"{name[: _MAX_NAME - _DIGEST - 1].rstrip('-')}-{digest}"


def _require_room(connector: Connector) -> None:
    """Refuse more while too much waits: its connector was stopped, or tells faster than it can be judged."""
    samples = PushedSamples.objects.filter(connector=connector)
    if until := connector.cursor.get("until"):
        samples = samples.filter(received_at__gte=datetime.fromisoformat(until))
    waiting = samples.aggregate(number=Sum("number"))["number"] or 0
    if waiting > MOST_WAITING:
        raise Busy(f"{waiting:,} samples of {connector.name} wait to be judged.", seconds=RETRY_AFTER)


@transaction.atomic
def _keep(connector: Connector, points: Points, kept: Kept, now: datetime) -> None:
    """Keep the points of which every series can be watched; the others are counted as no good."""
    series = {one.key: one for point in points for one in point}
    watched = _watched(connector, series, now)
    good = [point for point in points if all(one.key in watched for one in point)]
    if len(good) < len(points):
        said = f"{MOST_SERIES:,} series of a sender can be watched; this one tells of more."
        kept.reject(Conflict(said), number=len(points) - len(good))
        _show_gap(connector, said, now)
    body = packed(one for point in good for one in point)
    with storing(connector.pk):
        samples = PushedSamples(
            connector=connector,
            key=blake2b(body, digest_size=16).hexdigest(),
            received_at=Now(),
            number=sum(len(point) for point in good),
            body=body,
        )
        if good:
            PushedSamples.objects.bulk_create([samples], ignore_conflicts=True)
    kept.stored += len(good)


def _show_gap(connector: Connector, reason: str, now: datetime) -> None:
    """Show people, once an hour, that not everything is watched; the sender was told at each request."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    gap = Gap(connector=connector, start=hour, end=hour + timedelta(hours=1), reason=reason)
    Gap.objects.bulk_create([gap], ignore_conflicts=True)


def _watched(connector: Connector, series: Mapping[str, Series], now: datetime) -> set[str]:
    """Return which series can be watched, new ones noted; those not told of for long make room when there is none."""
    ours = PushedSeries.objects.filter(connector=connector)
    told_at = dict(ours.filter(key__in=series).values_list("key", "told_at"))
    known = {key for key, at in told_at.items() if at >= now - TOUCHED}
    if len(known) < len(told_at):  # only one that is held cannot be making room for others at this moment
        held = ours.select_for_update(skip_locked=True).filter(key__in=told_at.keys() - known)
        touched = dict(held.values_list("pk", "key"))
        ours.filter(pk__in=touched).update(told_at=now)
        known.update(touched.values())
    if len(known) == len(series):
        return known
    Connector.objects.select_for_update(no_key=True).get(pk=connector.pk)  # one at a time counts and adds
    known = set(ours.filter(key__in=series).values_list("key", flat=True))
    new = [one for key, one in series.items() if key not in known]
    room = MOST_SERIES - ours.count()
    if room < len(new):
        stale = ours.select_for_update(skip_locked=True).filter(told_at__lt=now - STALE).exclude(key__in=known)
        oldest = list(stale.order_by("told_at").values_list("pk", flat=True)[: len(new) - room])
        room += ours.filter(pk__in=oldest).delete()[0]
    added = [PushedSeries(connector=connector, key=one.key, told=identity(one), told_at=now) for one in new[:room]]
    PushedSeries.objects.bulk_create(added)
    return known.union(one.key for one in added)
