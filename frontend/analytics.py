"""Questions: what the page of analytics shows, with the links that lead to what was counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse

from accounts.models import User
from events import analytics as of_events
from events.choices import Severity, Source
from events.models import Event
from frontend.charts import Column, Columns, Series, columns, share
from frontend.days import Days
from investigations import analytics as of_investigations
from investigations import verdicts
from investigations.calibration import report
from investigations.choices import CauseCategory, ImpactSeverity, SuspectKind
from investigations.models import Investigation, Link
from rcaplatform.kit.answers import kept
from rcaplatform.kit.buckets import Bucket, edges
from rcaplatform.kit.spans import duration

SHOWN = 10
EVENTS_SETTLE = 60.0
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tile:
    """One number that matters, what it counts, and where it leads."""

    label: str
    value: str
    note: str
    href: str = ""


def overview(user: User, days: Days) -> dict[str, Any]:
    """Return everything the page shows of what ``user`` may see in some days."""
    asked = ("analytics page", user.role, days.first, days.last)
    about = ("investigations", "investigation")
    cases = kept((*asked, "cases"), about=about, make=lambda: _cases(user, days))
    told = kept((*asked, "events"), about=("events",), settles=EVENTS_SETTLE, make=lambda: _told(user, days))
    parts = _parts(days)
    return {
        "tiles": _tiles(cases, told, days),
        "flow": _flow(cases["timeline"], parts, days),
        "stream": _stream(told["buckets"], parts, days),
        "severities": _severities(cases, days),
        "components": _components(cases["components"], days),
        "more_components": cases["more"] or len(cases["components"]) > SHOWN,
        "causes": _causes(cases["causes"], days),
        "recurring": _recurring(cases["recurring"], days),
        "sources": _sources(told["sources"], days),
        "calibration": cases["calibration"],
        "reliability": _reliability(cases["suspects"]["results"]),
    }


def _cases(user: User, days: Days) -> dict[str, Any]:
    seen = Investigation.objects.visible_to(user)
    span = (days.start, days.end)
    detected = seen.filter(detected_at__range=span)
    components, more = of_investigations.by_component(detected)
    suggested = Link.objects.filter(event__deleted_at__isnull=True, investigation__in=detected.order_by())
    return {
        "timeline": of_investigations.timeline(seen, start=days.start, end=days.end, edges=_edges(days)),
        "severities": of_investigations.by_severity(detected),
        "took": of_investigations.time_to_resolve(seen.filter(resolved_at__range=span)),
        "components": components,
        "more": more,
        "causes": of_investigations.by_cause(detected),
        "recurring": of_investigations.recurring(detected),
        "calibration": report(suggested),
        "suspects": verdicts.report(detected.order_by()),
    }


def _told(user: User, days: Days) -> dict[str, Any]:
    events = Event.objects.visible_to(user).between(days.start, days.end)
    return {
        "buckets": of_events.per_bucket(events, by="severity", edges=_edges(days)),
        "sources": of_events.by_source(events),
    }


def _edges(days: Days) -> list[datetime]:
    return edges(days.start, days.end, days.bucket, ZoneInfo("UTC"))


def _parts(days: Days) -> list[Days]:
    begins = [edge.astimezone(UTC) for edge in _edges(days)]
    return [days.part(edge, after) for edge, after in zip(begins, [*begins[1:], None], strict=True)]


def _tiles(cases: Row, told: Row, days: Days) -> list[Tile]:
    opened, active = (sum(row[name] for row in cases["severities"]) for name in ("investigations", "active"))
    took, events = cases["took"]["overall"], sum(row["events"] for row in told["sources"])
    cases_url, events_url = reverse("investigations"), reverse("events")
    ended = f"{cases_url}{days.within('resolved')}"
    ninth = f"median; nine in ten within {minutes(took['p90_minutes'])}" if took["resolved"] else "nothing was resolved"
    return [
        Tile("Opened", f"{opened:,}", "investigations detected", f"{cases_url}{days.within('detected')}"),
        Tile("Resolved", f"{took['resolved']:,}", "investigations ended", ended),
        Tile(
            "Still active", f"{active:,}", "of those opened", f"{cases_url}{days.within('detected', status='active')}"
        ),
        Tile("Time to resolve", minutes(took["median_minutes"]), ninth, ended if took["resolved"] else ""),
        Tile("Events", f"{events:,}", "told by every source", f"{events_url}{days.moments()}"),
    ]


def _flow(buckets: Sequence[Row], parts: Sequence[Days], days: Days) -> Columns:
    series = [
        Series("opened", "Opened", [bucket["opened"] for bucket in buckets]),
        Series("resolved", "Resolved", [bucket["resolved"] for bucket in buckets]),
    ]
    base = reverse("investigations")
    places = [Column(_short(part, days), str(part), f"{base}{part.within('detected')}") for part in parts]
    return columns(series, places, stacked=False)


def _stream(buckets: Sequence[Row], parts: Sequence[Days], days: Days) -> Columns:
    series = [Series(one.value, str(one.label), [bucket.get(one.value, 0) for bucket in buckets]) for one in Severity]
    base = reverse("events")
    places = [Column(_short(part, days), str(part), f"{base}{part.moments()}") for part in parts]
    return columns(series, places, stacked=True)


def _short(part: Days, days: Days) -> str:
    return f"{part.first:%b %Y}" if days.bucket == Bucket.MONTH else f"{part.first:%-d %b}"


def _severities(cases: Row, days: Days) -> list[Row]:
    """Return a row for each impact severity: how many were opened, are active, ended, and how long that took."""
    longest = max(row["investigations"] for row in cases["severities"])
    base = reverse("investigations")
    return [
        {
            **row,
            **_times(took),
            "label": ImpactSeverity(row["severity"]).label,
            "bar": share(row["investigations"], longest),
            "href": f"{base}{days.within('detected', severity=row['severity'])}",
            "active_href": f"{base}{days.within('detected', severity=row['severity'], status='active')}",
            "resolved_href": f"{base}{days.within('resolved', severity=row['severity'])}",
        }
        for row, took in zip(cases["severities"], cases["took"]["severities"], strict=True)
    ]


def _components(rows: Sequence[Row], days: Days) -> list[Row]:
    longest = max((row["investigations"] for row in rows), default=0)
    found = []
    for row in rows[:SHOWN]:
        query = days.within("detected", **_said(service=row["service"], component=row["component"]))
        nameless = [name for name in ("service", "component") if not row[name]]
        href = reverse("investigations") + query + "".join(f"&without={name}" for name in nameless)
        found.append({**row, **_times(row), "bar": share(row["investigations"], longest), "href": href})
    return found


def _causes(rows: Sequence[Row], days: Days) -> list[Row]:
    total = sum(row["investigations"] for row in rows)
    base = reverse("investigations")
    return [
        {
            **row,
            **_times(row),
            "label": CauseCategory(row["cause"]).label if row["cause"] else "None named yet",
            "share": share(row["investigations"], total),
            "href": base
            + days.within("detected", **({"cause": row["cause"]} if row["cause"] else {"without": "cause"})),
        }
        for row in rows
    ]


def _recurring(rows: Sequence[Row], days: Days) -> list[Row]:
    return [
        {
            **row,
            "label": CauseCategory(row["cause"]).label,
            "href": reverse("investigations") + days.within("detected", cause=row["cause"], service=row["service"]),
        }
        for row in rows
    ]


def _sources(rows: Sequence[Row], days: Days) -> list[Row]:
    longest = max(row["events"] for row in rows)
    return [
        {
            **row,
            "label": Source(row["source"]).label,
            "bar": share(row["events"], longest),
            "href": reverse("events") + days.moments(source=row["source"]),
        }
        for row in rows
    ]


def _reliability(rows: Sequence[Row]) -> list[Row]:
    """Return a row for each version and kind, with the bands of scores in which there were suspects."""
    named = [{**row, "label": SuspectKind(row["kind"]).label} for row in rows]
    return [{**row, "bands": [band for band in row["bands"] if band["named"]]} for row in named]


def _said(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _times(row: Row) -> Row:
    return {name: minutes(row[f"{name}_minutes"]) for name in ("mean", "median", "p90")} | {"resolved": row["resolved"]}


def minutes(number: float | None) -> str:
    """Return a number of minutes in words; a dash where nothing was measured."""
    return "—" if number is None else duration(timedelta(minutes=number))
