"""Decisions: what an event's own numbers look like drawn: a metric beside what is usual, a trace as bars. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

WIDTH, HEIGHT = 400.0, 120.0
MOST_SAMPLES, MOST_SPANS, MOST_CHARTS = 500, 50, 4
_HEADROOM = 0.08


@dataclass(frozen=True, slots=True)
class Chart:
    """One series as it looked, in a box of `WIDTH` by `HEIGHT`.

    Attributes:
        line: its points as SVG takes them.
        band: top and height of what is usual; None where that is not known.
        at: where the finding is, across.
        words: what the picture says, for those who do not see it.
    """

    name: str
    unit: str
    line: str
    band: tuple[float, float] | None
    at: float
    peak: tuple[float, float]
    least: str
    most: str
    begins: datetime
    ends: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One span of a waterfall, in percent of the whole trace; ``critical``: the others waited for it."""

    name: str
    service: str
    start: float
    width: float
    took: str
    failed: bool
    chosen: bool
    critical: bool
    depth: int


def charts(data: Any) -> list[Chart]:
    """Return what the findings of a metric event look like, at most four."""
    findings = data.get("findings") if isinstance(data, dict) else None
    told = findings if isinstance(findings, list) else []
    drawn = (_chart(finding) for finding in told[:MOST_CHARTS] if isinstance(finding, dict))
    return [chart for chart in drawn if chart]


def _chart(finding: Mapping[str, Any]) -> Chart | None:
    samples = _samples(finding.get("samples"))
    if len(samples) < 2:
        return None
    low, high, value = (_real(finding.get(name)) for name in ("low", "high", "value"))
    begins, ends = samples[0][0], samples[-1][0]
    values = [number for number in (*(v for _, v in samples), low, high) if number is not None]
    floor, ceiling = min(values), max(values)
    margin = ((ceiling - floor) or 1.0) * _HEADROOM
    floor, ceiling = floor - margin, ceiling + margin

    def x(time: float) -> float:
        return round((time - begins) / ((ends - begins) or 1.0) * WIDTH, 1)

    def y(number: float) -> float:
        return round((1 - (number - floor) / (ceiling - floor)) * HEIGHT, 1)

    known = low is not None and high is not None
    band = (y(high), max(round(y(low) - y(high), 1), 1.0)) if low is not None and high is not None else None
    unit = str(finding.get("unit") or "")
    usual = f", usually {short(low)} to {short(high)}" if known and low is not None and high is not None else ""
    when, what = samples[-1] if value is None else (_real(finding.get("at")) or ends, value)
    return Chart(
        name=str(finding.get("shown") or finding.get("metric") or "Metric"),
        unit=unit,
        line=" ".join(f"{x(time)},{y(number)}" for time, number in samples),
        band=band,
        at=min(max(x(when), 0.0), WIDTH),
        peak=(min(max(x(when), 0.0), WIDTH), min(max(y(what), 0.0), HEIGHT)),
        least=short(floor + margin),
        most=short(ceiling - margin),
        begins=datetime.fromtimestamp(begins, UTC),
        ends=datetime.fromtimestamp(ends, UTC),
        words=f"{short(what)} {unit}".strip() + usual,
    )


def _samples(told: Any) -> list[tuple[float, float]]:
    pairs = told[-MOST_SAMPLES:] if isinstance(told, list) else []
    read = ((_real(pair[0]), _real(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) == 2)
    return sorted((at, value) for at, value in read if at is not None and value is not None and 0 <= at < 4e9)


def waterfall(spans: Iterable[tuple[datetime, str, str, Any]], chosen: str) -> list[Bar]:
    """Return the spans of one trace that are known, as bars, first begun first.

    Args:
        spans: when each began, its service, its title, and the data of its event.
        chosen: the id of the span that is looked at.
    """
    known = [span for one in spans if (span := _span(*one))]
    known = sorted(known, key=lambda span: span.start)[:MOST_SPANS]
    if not known:
        return []
    begins = known[0].start
    whole = max(max(span.start + span.took for span in known) - begins, 1e-6)
    below = _depths(known)
    critical = _critical(known)
    return [
        Bar(
            name=span.name,
            service=span.service,
            start=round((span.start - begins) / whole * 100, 2),
            width=max(round(span.took / whole * 100, 2), 0.5),
            took=f"{span.took / 1000:.2f} s" if span.took >= 1000 else f"{span.took:.0f} ms",
            failed=span.failed,
            chosen=span.id == chosen,
            critical=span.id in critical,
            depth=below[span.id],
        )
        for span in known
    ]


@dataclass(frozen=True, slots=True)
class _Known:
    id: str
    parent: str
    service: str
    name: str
    start: float
    took: float
    failed: bool


def _span(at: datetime, service: str, title: str, data: Any) -> _Known | None:
    took = _real(data.get("duration_ms")) if isinstance(data, dict) else None
    if took is None or took < 0 or not data.get("span_id"):
        return None
    failed = bool(data.get("exception")) or "error" in str(data.get("status", "")).lower()
    name = str(data.get("name") or title)
    return _Known(
        str(data["span_id"]), str(data.get("parent_span_id", "")), service, name, at.timestamp() * 1000, took, failed
    )


def _depths(spans: Sequence[_Known]) -> dict[str, int]:
    parents = {span.id: span.parent for span in spans}
    found = {}
    for span in spans:
        depth, above = 0, span.parent
        while above in parents and depth < MOST_SPANS:
            depth, above = depth + 1, parents[above]
        found[span.id] = depth
    return found


def _critical(spans: Sequence[_Known]) -> set[str]:
    """Return the spans that made the first one take as long as it did: from each, the one below that ended last."""
    path, here = set[str](), spans[0]
    while here.id not in path:
        path.add(here.id)
        below = [span for span in spans if span.parent == here.id]
        here = max(below, key=lambda span: span.start + span.took, default=here)
    return path


def _real(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and isfinite(value) else None


def short(value: float) -> str:
    """Return a number with three digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
