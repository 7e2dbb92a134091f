"""Decisions: what every source of metrics that is asked shares: its steps, and how much it is asked for at once."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from connectors.base import Settings, option
from connectors.http import HTTPConfig, OverHTTP
from connectors.sources.metricwatching import MetricWatching


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
