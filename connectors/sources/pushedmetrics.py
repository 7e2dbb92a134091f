"""Source: metrics that are told over OTLP, watched for anomalies."""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

import orjson

from connectors.base import ConnectorConfig, Cursor, Page, option
from connectors.sources.metricseries import Form, Series, Value
from connectors.sources.metricwatch import Finding
from connectors.sources.metricwatching import MetricWatching

# A watch that has lost what it learned reads the past by the hour: so much fits into memory.
SPAN = timedelta(hours=1)
HISTORY_HOURS = 24


class Shelf(Protocol):
    """Where what was told is kept until it is read; times are those at which it came in."""

    def settled(self) -> datetime:
        """Return up to when all that came in is there to be read."""

    def holds(self, start: datetime, end: datetime) -> bool:
        """Tell whether anything came in from ``start`` up to, and without, ``end``."""

    def series(self, start: datetime, end: datetime) -> Iterable[Series]:
        """Return what came in from ``start`` up to, and without, ``end``, each series in the order of its samples."""


@dataclass(frozen=True, kw_only=True)
class PushedMetricsConfig(ConnectorConfig):
    """What the owner sets."""

    sender: str = option("Whose metrics: USER/KEY for what comes with an API key, USER for a token.")
    history_hours: int = option("Hours of the past it learns from before it judges.", default=HISTORY_HOURS, at_least=1)


class PushedMetrics(MetricWatching[PushedMetricsConfig]):
    """Judges what one sender tells of its metrics at `/otlp/v1/metrics`. Made when a sender tells the first of them.

    It is read as metrics that are asked for are, from where the door keeps what came in: in the order in which it came,
    so that what a sender tells late, after it could not reach us, is judged too. A sample older than the newest one
    judged of its series is not, and one that follows within 30 seconds only when it is bad by itself.
    """

    kind, label, Config = "otlp", "OpenTelemetry metrics (OTLP)", PushedMetricsConfig
    settle: ClassVar[timedelta] = timedelta(seconds=10)
    apart: ClassVar[float] = 30.0
    shelf: Shelf

    @property
    def history(self) -> timedelta:
        """How much of the past it learns from before it judges."""
        return timedelta(hours=self.config.history_hours)

    @property
    def step(self) -> timedelta:
        """What windows are aligned to: nothing."""
        return timedelta()

    def check(self) -> None:
        """Return: what is told is here already."""

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield what is remarkable since the cursor, if anything was told since."""
        until = datetime.fromisoformat(cursor["until"]) if cursor.get("until") else self.now - self.history
        if self.shelf.holds(until, self.end()):
            yield from super().read(cursor)

    def ask(self, start: datetime, end: datetime) -> Iterable[Series]:
        """Return what came in."""
        return self.shelf.series(start, end)

    def end(self) -> datetime:
        """Return up to when everything that was told can be read."""
        return min(super().end(), self.shelf.settled())

    def stop(self, start: datetime, end: datetime, until: datetime | None) -> datetime:
        """Return where a window ends: never beyond what was read before, if it begins there."""
        stop = min(start + SPAN, end)
        return min(stop, until) if until and start < until else stop

    def is_new(self, found: Finding, start: datetime, until: datetime | None) -> bool:
        """Tell whether the window came in later than what was read before; the samples may be older."""
        return until is None or start >= until


def identity(series: Series) -> dict[str, Any]:
    """Return what a series is, apart from its samples, as JSON."""
    return {"metric": series.metric, "labels": dict(series.labels), "form": str(series.form), "unit": series.unit}


def packed(told: Iterable[Series]) -> bytes:
    """Return samples as they are kept: (series, since, time, value) each, in the order told."""
    return zlib.compress(orjson.dumps([(one.key, one.since, at, value) for one in told for at, value in one.samples]))


def unpacked(bodies: Iterable[bytes], known: Mapping[str, Mapping[str, Any]]) -> Iterator[Series]:
    """Yield what was packed, by series, each in the order of its samples; one that counts anew stands by itself.

    Args:
        known: what a series is, by its key; samples of others are left out.
    """
    found: defaultdict[str, list[tuple[float, float, Value]]] = defaultdict(list)
    for body in bodies:
        for key, since, at, value in orjson.loads(zlib.decompress(body)):
            if key in known:
                found[key].append((at, since, tuple(value) if isinstance(value, list) else value))
    for key, samples in found.items():
        samples.sort(key=lambda sample: sample[:2])
        yield from _parted(known[key], samples)


def _parted(told: Mapping[str, Any], samples: list[tuple[float, float, Value]]) -> Iterator[Series]:
    """Yield the samples of one series; a new one begins where counting did."""
    first = 0
    for place in range(1, len(samples) + 1):
        if place == len(samples) or samples[place][1] != samples[first][1]:
            yield Series(
                metric=told["metric"],
                labels=told["labels"],
                samples=[(at, value) for at, _, value in samples[first:place]],
                form=Form(told["form"]),
                unit=told["unit"],
                since=samples[first][1],
            )
            first = place
