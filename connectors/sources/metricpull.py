"""Decisions: what every source of metrics that is asked shares: its steps, and how much it is asked for at once."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np

from connectors.base import Settings, option
from connectors.http import HTTPConfig, OverHTTP
from connectors.sources.metricseries import Form, Series
from connectors.sources.metricwatching import MetricWatching, aligned
from investigations.suspects.scene import Series as Observed

_INSTANCE = ("pod", "instance", "host")


@dataclass(frozen=True, kw_only=True)
class MetricConfig(HTTPConfig):
    """What every source of metrics is set by."""

    step: int = option("Seconds between two samples of a series.", default=60, at_least=10)
    history_hours: int = option("Hours of the past it learns from before it judges.", default=24, at_least=1)


class MetricPull(OverHTTP[Settings], MetricWatching[Settings]):
    """A source of metrics that is asked over HTTP at an interval.

    Attributes:
        points: how many samples of a series one request may ask for.
    """

    observable: ClassVar[bool] = True
    points: ClassVar[int] = 5_000

    @property
    @abstractmethod
    def steps(self) -> MetricConfig:
        """The settings every such source has."""

    @property
    def history(self) -> timedelta:
        """How much of the past it learns from before it judges."""
        return timedelta(hours=self.steps.history_hours)

    @property
    def step(self) -> timedelta:
        """What windows are aligned to."""
        return timedelta(seconds=self.steps.step)

    def stop(self, start: datetime, end: datetime, until: datetime | None) -> datetime:
        """Return where a window ends: as many samples later as one request may ask for."""
        return min(start + self.step * self.points, end)

    def observe(self, start: datetime, end: datetime) -> Iterator[Observed]:
        """Yield what each series of a service did."""
        for series in self.ask(aligned(start, self.step), aligned(min(end, self.now - self.settle), self.step)):
            values = [(at, value) for at, value in series.samples if not isinstance(value, tuple)]
            if series.service and values and series.form == Form.GAUGE:
                yield _observed(series, values)


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
