"""Decisions: what every source of metrics that is asked shares: steps, windows, and the watch over its series."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
import orjson

from connectors.base import Cursor, Gap, Page, Record, Settings, option
from connectors.http import HTTPConfig, OverHTTP
from connectors.sources.metricevents import draft_of
from connectors.sources.metricseries import Form, Series
from connectors.sources.metricwatch import MOST_SERIES, Finding, Watch, together
from events.drafts import EventDraft
from investigations.suspects.scene import Series as Observed

TOLD, LEARNED = "watch.json", "watch.npz"
# What was learned is written down so often; it is read again from the source when it is lost.
_INSTANCE = ("pod", "instance", "host")
SAVED_EVERY = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class MetricConfig(HTTPConfig):
    """What every source of metrics is set by."""

    step: int = option("Seconds between two samples of a series.", default=60, at_least=10)
    history_hours: int = option("Hours of the past it learns from before it judges.", default=24, at_least=1)


class MetricPull(OverHTTP[Settings]):
    """A source of metrics that is asked at an interval; each sample is judged by what its series did before.

    The cursor is {until: ISO 8601}. What the watch has learned is kept in the workspace, as it can be learned again:
    a worker that finds it missing or behind reads the past once more, and what it finds there again is known already.

    Attributes:
        points: how many samples of a series one request may ask for.
        settle: how long before now a window ends, as the newest samples may be missing.
    """

    observable: ClassVar[bool] = True
    points: ClassVar[int] = 5_000
    settle: ClassVar[timedelta] = timedelta(seconds=30)

    @property
    @abstractmethod
    def steps(self) -> MetricConfig:
        """The settings every such source has."""

    @abstractmethod
    def ask(self, start: datetime, end: datetime) -> Iterable[Series]:
        """Return what each series did from ``start`` up to, and without, ``end``."""

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield what is remarkable in the samples since the cursor."""
        step = timedelta(seconds=self.steps.step)
        until = datetime.fromisoformat(cursor["until"]) if cursor.get("until") else None
        watch = self._recall(until)
        learned = datetime.fromisoformat(watch.until) if watch.until else None
        start = learned or (until or self.now) - timedelta(hours=self.steps.history_hours)
        start, end = _aligned(start, step), _aligned(self.now - self.settle, step)
        while start < end:
            stop = min(start + step * self.points, end)
            findings, seen = [], 0
            for series in self.ask(start, stop):
                seen += 1
                findings += watch.look(series)
            new = [one for one in findings if until is None or one.at >= until.timestamp()]
            watch.until = stop.isoformat()
            yield Page(
                [_record(group) for group in together(new)],
                {"until": max(stop, until or stop).isoformat()},
                ignored=seen,
                gaps=_too_many(start, stop, seen),
            )
            if learned is None or stop - learned >= SAVED_EVERY:
                self._remember(watch)
                learned = stop
            start = stop

    def observe(self, start: datetime, end: datetime) -> Iterator[Observed]:
        """Yield what each series of a service did."""
        step = timedelta(seconds=self.steps.step)
        for series in self.ask(_aligned(start, step), _aligned(min(end, self.now - self.settle), step)):
            values = [(at, value) for at, value in series.samples if not isinstance(value, tuple)]
            if series.service and values and series.form == Form.GAUGE:
                yield _observed(series, values)

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return findings of one service as an event."""
        return [draft_of(record.reference, record.value)]

    def _recall(self, until: datetime | None) -> Watch:
        """Return what was learned, unless it is lost, cannot be read, or is ahead of the cursor."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = orjson.loads((self.workspace / TOLD).read_bytes())
            if until and datetime.fromisoformat(told["until"]) <= until:
                with np.load(self.workspace / LEARNED) as learned:
                    return Watch.restore(told, {key: learned[key] for key in told["judges"]})
        return Watch()

    def _remember(self, watch: Watch) -> None:
        """Write down what was learned; the numbers first, so that the text never speaks of what is not there."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        told, learned = watch.state()
        partly = self.workspace / f"partly-{LEARNED}"
        np.savez(partly, **learned)  # type: ignore[arg-type]
        partly.replace(self.workspace / LEARNED)
        _replace(self.workspace / TOLD, orjson.dumps(told))


def _observed(series: Series, values: list[tuple[float, float]]) -> Observed:
    """Return a series as the suspects engine looks at it: the process it was measured at is no part of its name."""
    labels = {name: series.labels[name] for name in _INSTANCE if series.labels.get(name)}
    name, instance = next(iter(labels.items()), ("", ""))
    ordered = np.array(sorted(values), dtype=np.float64)
    return Observed(
        service=series.service,
        metric=replace(series, labels={key: value for key, value in series.labels.items() if key != name}).shown,
        times=ordered[:, 0],
        values=ordered[:, 1],
        instance=instance,
        version=series.labels.get("version", ""),
    )


def _replace(path: Path, content: bytes) -> None:
    partly = path.with_name(f"partly-{path.name}")
    partly.write_bytes(content)
    partly.replace(path)


def _record(group: list[Finding]) -> Record:
    return Record.of(group[0].reference, "anomaly", {"findings": [one.told() for one in group]})


def _too_many(start: datetime, stop: datetime, seen: int) -> tuple[Gap, ...]:
    if seen <= MOST_SERIES:
        return ()
    return (Gap(start, stop, f"{seen:,} series were told of; {MOST_SERIES:,} can be watched by one connector."),)


def _aligned(moment: datetime, step: timedelta) -> datetime:
    seconds = step.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)
