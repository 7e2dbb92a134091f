"""Questions: how many events there were, of which kind and when. Aggregates of the database; they never write."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import Count, DateTimeField, F, Func, IntegerField, Max, Min, Value

from events.choices import Source
from events.querysets import EventQuerySet


def numbered(column: str, edges: Sequence[datetime]) -> Func:
    """Return an expression: in which bucket ``column`` falls, from 1, given when each begins.

    The database looks the bucket up among the edges, so that time zones and summer time are settled in one place.
    """
    places = Value(list(edges), output_field=ArrayField(DateTimeField()))
    return Func(F(column), places, function="width_bucket", output_field=IntegerField())


def per_bucket(events: EventQuerySet, *, by: str, edges: Sequence[datetime]) -> list[dict[str, int]]:
    """Return for each bucket how many of ``events`` happened in it, by their value of ``by``; none is left out."""
    counted = events.order_by().values_list(by, numbered("timestamp", edges)).annotate(count=Count("*"))
    buckets: list[dict[str, int]] = [{} for _ in edges]
    for value, number, count in counted:
        buckets[number - 1][value] = count
    return buckets


def by_source(events: EventQuerySet) -> list[dict[str, Any]]:
    """Return for each source, in the order of `Source`, how many of ``events`` it told of, the first and the last."""
    told = events.order_by().values("source").annotate(events=Count("*"), first=Min("timestamp"), last=Max("timestamp"))
    found = {row["source"]: row for row in told}
    nothing = {"events": 0, "first": None, "last": None}
    return [found.get(source, {"source": source, **nothing}) for source in Source.values]
