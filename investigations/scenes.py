"""Questions of linking: what it looks at in events and in investigations, read with no more than it needs."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, OuterRef, QuerySet, Subquery, TextField
from django.db.models.fields.json import KeyTextTransform

from events.choices import Source
from events.references import KEYS, named_in, told_by
from events.terms import vocabulary
from investigations.candidates import Lineup
from investigations.models import Investigation, Link
from investigations.scoring import Clue, Scene
from rcaplatform.kit import jsonio

log = structlog.get_logger(__name__)
GRACE = timedelta(hours=6)
VOUCHED = 50  # so many of the events that people vouched for last give an investigation their commits and traces
_COLUMNS = ("id", "timestamp", "deleted_at", "service", "component", "keywords", "source", "source_id", "title")
_TOLD = tuple(KeyTextTransform(key, "data") for key in KEYS)


class Sight(NamedTuple):
    """An event as linking reads it; `told` is what its data holds under each of `events.references.KEYS`."""

    id: UUID
    timestamp: datetime
    deleted_at: datetime | None
    service: str
    component: str
    keywords: str
    source: str
    source_id: str
    title: str
    told: tuple[str | None, ...]

    @property
    def clue(self) -> Clue:
        """What linking looks at in the event."""
        return Clue(
            timestamp=self.timestamp,
            source=self.source,
            service=self.service,
            component=self.component,
            words=vocabulary(self.keywords),
            references=_references(self.source, self.source_id, self.title, self.told),
        )


def sights(events: QuerySet[Any], *, chunk: int = 0) -> Iterable[Sight]:
    """Return events as linking reads them; all at once, or ``chunk`` by chunk."""
    rows = events.values_list(*_COLUMNS, *_TOLD)
    split = len(_COLUMNS)
    return (Sight._make((*row[:split], row[split:])) for row in (rows.iterator(chunk_size=chunk) if chunk else rows))


def scenes(investigations: QuerySet[Any]) -> dict[UUID, Scene]:
    """Return what linking looks at in each investigation, in one query.

    One that cannot be read is left out and logged, so that it keeps no event from any other.
    """
    told = Func(
        F("event__source"),
        F("event__source_id"),
        F("event__title"),
        *(KeyTextTransform(key, "event__data") for key in KEYS),
        template="ARRAY[%(expressions)s]::text[]",
        output_field=ArrayField(TextField()),
    )
    vouched = Link.objects.vouched().filter(investigation=OuterRef("pk")).order_by("-decided_at")
    rows = investigations.annotate(vouched=ArraySubquery(vouched.values(told=told)[:VOUCHED])).defer("search")
    return dict(_readable(rows))


class Caseload:
    """What events are judged against: every investigation they could belong to, read again when one changed.

    Keep one for a run over the queue. Reading whether something changed costs a fraction of reading and indexing all.
    """

    def __init__(self) -> None:
        self._state: list[Any] = []
        self._lineup: Lineup[UUID] = Lineup({})

    def lineup(self, now: datetime) -> Lineup[UUID]:
        """Return the scenes as they are now."""
        present = Investigation.objects.linkable(now, GRACE)
        vouched = Link.objects.vouched().filter(investigation=OuterRef("pk")).order_by("-decided_at")
        last = Subquery(vouched.values("decided_at")[:1])
        state = list(present.order_by("pk").values_list("pk", "version", last))
        if state != self._state:
            self._lineup, self._state = Lineup(scenes(present)), state
        return self._lineup


def _readable(investigations: Iterable[Investigation]) -> Iterator[tuple[UUID, Scene]]:
    for investigation in investigations:
        try:
            yield investigation.pk, _scene(investigation)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            log.exception("linking.unreadable", investigation=str(investigation.pk))


def _scene(investigation: Investigation) -> Scene:
    texts = (investigation.title, investigation.description, *investigation.tags)
    vouched: list[list[Any]] = investigation.vouched  # type: ignore[attr-defined]
    told = (_references(source, source_id, title, values) for source, source_id, title, *values in vouched)
    return Scene(
        onset=investigation.started_at or investigation.detected_at,
        detected=investigation.detected_at,
        ended=investigation.resolved_at,
        service=investigation.service_affected,
        component=investigation.component_affected,
        words=vocabulary(*texts),
        references=named_in(*texts, jsonio.dumps(investigation.metadata)).union(*told),
    )


def _references(source: str, source_id: str, title: str, told: Iterable[Any]) -> frozenset[str]:
    """Return the commits and traces an event names; a commit's own hash is its id."""
    return told_by(told) | named_in(title, source_id if source == Source.GIT else "")
