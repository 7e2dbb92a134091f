"""Decisions: how samples that can be read again are watched, window by window, and what was learned kept."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
import orjson

from connectors.base import Cursor, Gap, Page, Pull, Record, Settings
from connectors.sources.metricevents import draft_of
from connectors.sources.metricseries import Series
from connectors.sources.metricwatch import MOST_SERIES, Finding, Watch, together
from events.drafts import EventDraft

TOLD, LEARNED = "watch.json", "watch.npz"
# What was learned is written down so often; it is learned again from the samples when it is lost.
SAVED_EVERY = timedelta(minutes=5)


class MetricWatching(Pull[Settings]):
    """A source of samples that can be read again; each is judged by what its series did before.

    The cursor is {until: ISO 8601}. What the watch has learned is kept in the workspace, as it can be learned again:
    a worker that finds it missing or behind reads the past once more, and what it finds there again is known already.

    Attributes:
        settle: how long before now a window ends, as the newest samples may be missing.
        apart: seconds between two samples of a series that are judged, at least.
    """

    settle: ClassVar[timedelta] = timedelta(seconds=30)
    apart: ClassVar[float] = 0.0

    @property
    @abstractmethod
    def history(self) -> timedelta:
        """How much of the past it learns from before it judges."""

    @property
    @abstractmethod
    def step(self) -> timedelta:
        """What windows are aligned to; nothing: they are not."""

    @abstractmethod
    def ask(self, start: datetime, end: datetime) -> Iterable[Series]:
        """Return what each series did from ``start`` up to, and without, ``end``."""

    @abstractmethod
    def stop(self, start: datetime, end: datetime, until: datetime | None) -> datetime:
        """Return where a window that begins at ``start`` ends: at ``end`` at the latest.

        Args:
            until: up to here all was told before.
        """

    def end(self) -> datetime:
        """Return up to when samples are read."""
        return self.now - self.settle

    def is_new(self, found: Finding, start: datetime, until: datetime | None) -> bool:
        """Tell whether something found in the window that begins at ``start`` was not told before."""
        return until is None or found.at >= until.timestamp()

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield what is remarkable in the samples since the cursor."""
        until = datetime.fromisoformat(cursor["until"]) if cursor.get("until") else None
        watch = self._recall(until)
        learned = datetime.fromisoformat(watch.until) if watch.until else None
        start = learned or (until or self.now) - self.history
        start, end = aligned(start, self.step), aligned(self.end(), self.step)
        while start < end:
            stop = self.stop(start, end, until)
            findings, seen = list[Finding](), set[str]()
            for series in self.ask(start, stop):
                seen.add(series.key)
                findings += watch.look(series)
            new = [one for one in findings if self.is_new(one, start, until)]
            watch.until = stop.isoformat()
            yield Page(
                [_record(group) for group in together(new)],
                {"until": max(stop, until or stop).isoformat()},
                ignored=len(seen),
                gaps=_too_many(start, stop, len(seen)),
            )
            if learned is None or stop - learned >= SAVED_EVERY:
                self._remember(watch)
                learned = stop
            start = stop

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return findings of one service as an event."""
        return [draft_of(record.reference, record.value)]

    def _recall(self, until: datetime | None) -> Watch:
        """Return what was learned, unless it is lost, cannot be read, or is ahead of the cursor."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = orjson.loads((self.workspace / TOLD).read_bytes())
            if until and datetime.fromisoformat(told["until"]) <= until:
                with np.load(self.workspace / LEARNED) as learned:
                    return Watch.restore(told, {key: learned[key] for key in told["judges"]}, apart=self.apart)
        return Watch(apart=self.apart)

    def _remember(self, watch: Watch) -> None:
        """Write down what was learned; the numbers first, so that the text never speaks of what is not there."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        told, learned = watch.state()
        partly = self.workspace / f"partly-{LEARNED}"
        np.savez(partly, **learned)  # type: ignore[arg-type]
        partly.replace(self.workspace / LEARNED)
        _replace(self.workspace / TOLD, orjson.dumps(told))


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


def aligned(moment: datetime, step: timedelta) -> datetime:
    seconds = step.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC) if seconds else moment
