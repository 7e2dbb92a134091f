"""Deed: open an investigation with very many events, straight into the tables, to see how the timeline bears it."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.db import transaction

from accounts.models import User
from connectors.demo import bulk
from events.models import Event
from investigations import services
from investigations.choices import ImpactSeverity, LinkState, Priority
from investigations.models import Investigation
from investigations.scoring import RULE_VERSION
from rcaplatform.kit import jsonio
from rcaplatform.kit.ids import uuid7

EVENTS = 100_000
DAYS = 2
# So that its events are others than those `loadtest-data` makes of the same number.
_SEEDS_APART = 1_000_000


@transaction.atomic
def load(*, events: int, seed: int, opener: User, now: datetime) -> Investigation:
    """Store so many events of the last two days and link all of them to a new investigation.

    Raises:
        IntegrityError: the events of this seed are stored already.
    """
    start = now - timedelta(days=DAYS)
    bulk.copy_events(events=events, seed=seed + _SEEDS_APART, start=start, days=DAYS, progress=lambda _: None)
    investigation = _open(events, opener, now)
    made_up = (
        Event.objects.filter(origin__name__startswith="loadtest-").between(start, now).order_by("-timestamp", "-pk")
    )
    # A list: while rows are copied in, the connection can read none.
    bulk.copy_links(_links(list(made_up.values_list("pk", flat=True)[:events]), investigation, seed))
    return investigation


def _open(events: int, opener: User, now: datetime) -> Investigation:
    values = {
        "title": f"Stress: {events:,} events of thirty services",
        "description": "Made up by `manage.py demo --stress`, to see how the timeline bears very many events.",
        "impact_severity": ImpactSeverity.HIGH,
        "priority": Priority.P3,
        "started_at": now - timedelta(hours=26),
        "detected_at": now - timedelta(hours=25),
    }
    return services.create(values=values, actor=opener, now=now)


def _links(events: Iterable[Any], investigation: Investigation, seed: int) -> Iterator[tuple[Any, ...]]:
    random = Random(f"stress {seed}")
    reason = {"strategy": "time", "score": 0.5, "weight": 1.0, "reason": "Made up for a measurement."}
    factors, opened = jsonio.dumps([reason]), investigation.created_at
    for pk in events:
        score = round(random.uniform(0.4, 0.99), 3)
        yield (
            uuid7(),
            pk,
            investigation.pk,
            score,
            factors,
            RULE_VERSION,
            LinkState.SUGGESTED,
            False,
            None,
            None,
            opened,
        )
