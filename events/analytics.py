"""Questions: how many events there were, of which kind and when. Aggregates of the database; they never write."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import Count, DateTimeField, F, Func, IntegerField, Max, Min, Value

from events.choices import Source
from events.drafts import LATEST
from events.querysets import EventQuerySet
from rcaplatform.kit.replica import reading


def numbered(column: str, edges: Sequence[datetime]) -> Func:
    """Return an expression: in which bucket ``column`` falls, from 1, given when each begins.

    The database looks the bucket up among the edges, so that time zones and summer time are settled in one place.
    """
    places = Value(list(edges), output_field=ArrayField(DateTimeField()))
    return Func(F(column), places, function="width_bucket", output_field=IntegerField())


def per_bucket(events: EventQuerySet, *, by: str, edges: Sequence[datetime]) -> list[dict[str, int]]:
    """Return for each bucket how many of ``events`` happened in it, by their value of ``by``; none is left out.

    The database reads its index of time once for each bucket. Asked for all at once, it would look for the bucket of
    every single event, which takes half as long again.
    """
    within = events.filter(timestamp__gte=_of_bucket("begun"), timestamp__lt=_of_bucket("over"))
    counted = within.order_by().values_list(by).annotate(count=Count("*"))
    inner, params = counted.query.sql_with_params()
    statement = (
        "SELECT number, value, count FROM unnest(%s::timestamptz[], %s::timestamptz[]) "  # noqa: S608 - as Django wrote it
        f"WITH ORDINALITY AS bucket (begun, over, number) CROSS JOIN LATERAL ({inner}) AS counted (value, count)"
    )
    buckets: list[dict[str, int]] = [{} for _ in edges]
    with reading().cursor() as cursor:
        cursor.execute(statement, [list(edges), [*edges[1:], LATEST], *params])
        for number, value, count in cursor.fetchall():
            buckets[number - 1][value] = count
    return buckets


def _of_bucket(column: str) -> Any:
    """Return an expression for a column of the bucket in the statement around."""
    return Func(template=f"bucket.{column}", output_field=DateTimeField())


def by_source(events: EventQuerySet) -> list[dict[str, Any]]:
    """Return for each source, in the order of `Source`, how many of ``events`` it told of, the first and the last."""
    told = events.order_by().values("source").annotate(events=Count("*"), first=Min("timestamp"), last=Max("timestamp"))
    found = {row["source"]: row for row in told}
    nothing = {"events": 0, "first": None, "last": None}
    return [found.get(source, {"source": source, **nothing}) for source in Source.values]
