"""Questions: how many investigations there were, where, and how long they took. Aggregates; they never write."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import Aggregate, Avg, Count, DurationField, ExpressionWrapper, F, FloatField, Max, Min, Q
from django.db.models.functions import Extract

from events.analytics import numbered
from investigations.choices import CauseCategory, ImpactSeverity
from investigations.querysets import ACTIVE, InvestigationQuerySet

MOST_COMPONENTS, MOST_RECURRENCES = 100, 10


class Quantiles(Aggregate):
    """The median, and what nine in ten do not pass."""

    function = "percentile_cont"
    template = "%(function)s(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = ArrayField(FloatField())


def timeline(
    investigations: InvestigationQuerySet, *, start: datetime, end: datetime, edges: Sequence[datetime]
) -> list[dict[str, int]]:
    """Return how many were opened (detected) and how many resolved in each bucket; none is left out."""
    buckets = [{"opened": 0, "resolved": 0} for _ in edges]
    for name, column in (("opened", "detected_at"), ("resolved", "resolved_at")):
        within = investigations.filter(**{f"{column}__range": (start, end)})
        for number, count in within.order_by().values_list(numbered(column, edges)).annotate(count=Count("*")):
            buckets[number - 1][name] = count
    return buckets


def by_severity(investigations: InvestigationQuerySet) -> list[dict[str, Any]]:
    """Return for each impact severity, worst first, how many there are and how many are still worked on."""
    grouped = investigations.order_by().values(severity=F("impact_severity"))
    found = {row["severity"]: row for row in grouped.annotate(investigations=Count("*"), active=_active())}
    nothing = {"investigations": 0, "active": 0}
    return [found.get(severity, {"severity": severity, **nothing}) for severity in ImpactSeverity.values]


def time_to_resolve(investigations: InvestigationQuerySet) -> dict[str, Any]:
    """Return how many minutes passed from detection to the end: for all, and for each impact severity, worst first."""
    ended = investigations.filter(resolved_at__isnull=False).order_by()
    measures = {"count": Count("*"), "mean": Avg(_took()), "quantiles": Quantiles(_took())}
    found = {row.pop("severity"): row for row in ended.values(severity=F("impact_severity")).annotate(**measures)}
    severities = [{"severity": name, **_minutes(found.get(name, {}))} for name in ImpactSeverity.values]
    return {"overall": _minutes(ended.aggregate(**measures)), "severities": severities}


def by_component(investigations: InvestigationQuerySet) -> tuple[list[dict[str, Any]], bool]:
    """Return for each service and component how many there are, how many are worked on, and the minutes they took.

    Returns:
        At most 100, those with the most first, and whether there are more.
    """
    grouped = investigations.values(service=F("service_affected"), component=F("component_affected"))
    measured = grouped.annotate(
        count=Count("resolved_at"), investigations=Count("*"), active=_active(), mean=Avg(_took()),
        quantiles=Quantiles(_took()),
    ).order_by("-investigations", "service", "component")  # fmt: skip
    rows = list(measured[: MOST_COMPONENTS + 1])
    shown = ("service", "component", "investigations", "active")
    return [{**{name: row[name] for name in shown}, **_minutes(row)} for row in rows[:MOST_COMPONENTS]], len(
        rows
    ) > MOST_COMPONENTS


def by_cause(investigations: InvestigationQuerySet) -> list[dict[str, Any]]:
    """Return for each kind of cause how many it explains, in how many services, and the minutes they took.

    Those with the most come first; an empty ``cause`` stands for those of which none was named yet.
    """
    services = Count("service_affected", distinct=True, filter=~Q(service_affected=""))
    grouped = investigations.order_by().values(cause=F("cause_category"))
    rows = grouped.annotate(
        count=Count("resolved_at"), investigations=Count("*"), services=services, mean=Avg(_took()),
        quantiles=Quantiles(_took()),
    ).order_by("-investigations", "cause")  # fmt: skip
    shown = ("cause", "investigations", "services")
    return [{**{name: row[name] for name in shown}, **_minutes(row)} for row in rows]


def recurring(investigations: InvestigationQuerySet) -> list[dict[str, Any]]:
    """Return the kinds of cause that struck one service more than once: how often, first and last; at most 10."""
    named = investigations.exclude(Q(cause_category__in=("", CauseCategory.UNKNOWN)) | Q(service_affected=""))
    grouped = named.order_by().values(cause=F("cause_category"), service=F("service_affected"))
    counted = grouped.annotate(investigations=Count("*"), first=Min("detected_at"), last=Max("detected_at"))
    again = counted.filter(investigations__gt=1).order_by("-investigations", "-last", "service", "cause")
    return list(again[:MOST_RECURRENCES])


def _active() -> Count:
    return Count("pk", filter=Q(status__in=ACTIVE))


def _took() -> Any:
    """Return an expression: the minutes from detection to the end, null for what goes on."""
    gap = ExpressionWrapper(F("resolved_at") - F("detected_at"), output_field=DurationField())
    return ExpressionWrapper(Extract(gap, "epoch") / 60.0, output_field=FloatField())


def _minutes(row: dict[str, Any]) -> dict[str, Any]:
    median, ninth = row.get("quantiles") or (None, None)
    measured = {"mean_minutes": row.get("mean"), "median_minutes": median, "p90_minutes": ninth}
    rounded = {name: None if value is None else round(value, 1) for name, value in measured.items()}
    return {"resolved": row.get("count", 0), **rounded}
