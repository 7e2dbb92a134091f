"""Questions: when a source did not tell everything, as far as that bears on one investigation."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q

from connectors.choices import DeadLetterState
from connectors.models import Connector, DeadLetter, Gap
from investigations.models import Investigation

BEFORE, AFTER = timedelta(hours=6), timedelta(hours=1)
MOST = 50


@dataclass(frozen=True, slots=True)
class Silence:
    """A span of time of which a connector may have told nothing.

    Attributes:
        dead_letters: how many things it told meanwhile could not be read.
    """

    name: str
    start: datetime
    end: datetime
    reason: str
    dead_letters: int = 0

    @property
    def words(self) -> str:
        """Who and when, in short."""
        return f"{self.name} {self.start:%H:%M} to {self.end:%H:%M}"


def silences(investigation: Investigation, now: datetime) -> list[Silence]:
    """Return when which source was silent around an investigation, oldest first, at most 50."""
    since = (investigation.started_at or investigation.detected_at) - BEFORE
    until = min((investigation.resolved_at or now) + AFTER, now)
    gaps = Gap.objects.filter(start__lt=until, end__gt=since).select_related("connector").order_by("start")[:MOST]
    found = [(gap.connector_id, gap.connector.name, gap.start, gap.end, gap.reason) for gap in gaps]
    failing = Connector.objects.filter(Q(failures__gt=0) | Q(blind_since__isnull=False), enabled=True)
    for one in failing.only("name", "last_success_at", "blind_since", "last_error", "created_at")[:MOST]:
        start = one.blind_since or one.last_success_at or one.created_at
        if start < until:
            found.append((one.pk, one.name, max(start, since), until, one.last_error or "Nothing is heard of it."))
    dead = _dead_letters({pk for pk, *_ in found}, since, until)
    spans = [Silence(name, start, end, reason, dead.get(pk, 0)) for pk, name, start, end, reason in found]
    return sorted(spans, key=lambda one: one.start)[:MOST]


def _dead_letters(connectors: set[UUID], since: datetime, until: datetime) -> dict[UUID, int]:
    if not connectors:
        return {}
    opened = DeadLetter.objects.filter(
        connector__in=connectors, state=DeadLetterState.OPEN, created_at__gte=since, created_at__lt=until
    )
    return dict(opened.order_by().values_list("connector").annotate(Count("id")))
