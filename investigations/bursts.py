"""Questions about bursts: the events of an investigation that say the same thing with no long silence between them."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import Lag, Lead

from events.choices import Severity
from investigations.choices import LinkState
from investigations.models import Link
from investigations.querysets import STANDING, LinkQuerySet
from rcaplatform.kit.paging import order_of

SILENCE = timedelta(minutes=5)  # a longer one ends a burst
_COLUMNS = (
    "first_id fingerprint title source service component environment event_type severity count undecided is_cause "
    "first_at last_at score"
).split()
_ORDERS = {
    "-timestamp": "last_at DESC, first_id DESC",
    "timestamp": "first_at, first_id",
    "-score": "score DESC, last_at DESC, first_id DESC",
}
# Everything put into the text is a constant of this module or comes from Django's own compiler.
_FOLD = """
WITH linked AS ({linked}),
marked AS (
    SELECT *, CASE WHEN timestamp - lag(timestamp) OVER told <= %s THEN 0 ELSE 1 END AS begins
    FROM linked WINDOW told AS (PARTITION BY fingerprint ORDER BY timestamp, id)
),
numbered AS (
    SELECT *, sum(begins) OVER (PARTITION BY fingerprint ORDER BY timestamp, id ROWS UNBOUNDED PRECEDING) AS run
    FROM marked
),
bursts AS (
    SELECT (array_agg(id) FILTER (WHERE begins = 1))[1] AS first_id, min(timestamp) AS first_at,
        max(timestamp) AS last_at, max(strength) AS score, count(*) AS count,
        count(*) FILTER (WHERE standing = %s) AS undecided, bool_or(cause) AS is_cause,
        min(array_position(%s::text[], severity::text)) AS worst
    FROM numbered GROUP BY fingerprint, run
),
page AS (SELECT *, count(*) OVER () AS total FROM bursts ORDER BY {order} LIMIT %s OFFSET %s)
SELECT first_id, fingerprint, title, source, service, component, environment, event_type,
    (%s::text[])[worst] AS severity, count, undecided, is_cause, first_at, last_at, score, total
FROM page JOIN events_event ON events_event.id = first_id ORDER BY {order}
"""


def linked(events: QuerySet[Any]) -> QuerySet[Any, dict[str, Any]]:
    """Return of linked events, each annotated with its ``link``, what `fold` looks at."""
    link = {"strength": F("link__score"), "standing": F("link__state"), "cause": F("link__is_cause")}
    return events.values("id", "timestamp", "fingerprint", "severity", **link)


def fold(events: QuerySet[Any, dict[str, Any]], *, offset: int, limit: int) -> tuple[list[dict[str, Any]], int]:
    """Fold what `linked` returned into bursts, in the order of ``events``, in one statement.

    Returns:
        Up to ``limit`` bursts from ``offset`` on, and how many there are in all (0 beyond the end).
    """
    order = _ORDERS[order_of(events)[0]]
    try:
        sql, params = events.order_by().query.sql_with_params()
    except EmptyResultSet:
        return [], 0
    severities = Severity.values
    given: list[Any] = [*params, SILENCE, LinkState.SUGGESTED, severities, limit, offset, severities]
    with connection.cursor() as cursor:
        statement = _FOLD.format(linked=sql, order=order)
        cursor.execute(statement, given)
        rows = cursor.fetchall()
    return [dict(zip(_COLUMNS, row[:-1], strict=True)) for row in rows], rows[0][-1] if rows else 0


def burst_of(link: Link) -> LinkQuerySet:
    """Return the links of the burst that the event of ``link`` is part of, among those that are shown with it."""
    shown = STANDING if link.state in STANDING else (LinkState.REJECTED,)
    event = link.event
    told = Link.objects.filter(
        investigation=link.investigation_id,
        state__in=shown,
        event__fingerprint=event.fingerprint,
        event__deleted_at__isnull=True,
    )
    begins = _edge(told.filter(event__timestamp__lte=event.timestamp), forward=False) or event.timestamp
    ends = _edge(told.filter(event__timestamp__gte=event.timestamp), forward=True) or event.timestamp
    return told.filter(event__timestamp__gte=begins, event__timestamp__lte=ends)


def _edge(told: QuerySet[Link], *, forward: bool) -> datetime | None:
    """Return the time of the nearest event with no other one within reach of it, looking one way."""
    step, order = (Lead, "event__timestamp") if forward else (Lag, "-event__timestamp")
    neighbour = Window(step("event__timestamp"), order_by=["event__timestamp", "event_id"])
    apart = (
        Q(neighbour__gt=F("event__timestamp") + SILENCE)
        if forward
        else Q(neighbour__lt=F("event__timestamp") - SILENCE)
    )
    edges = told.annotate(neighbour=neighbour).filter(Q(neighbour__isnull=True) | apart).order_by(order)
    found: datetime | None = edges.values_list("event__timestamp", flat=True).first()
    return found
