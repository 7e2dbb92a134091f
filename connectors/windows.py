"""Decision: how a span of time is read in bounded windows, halved where a source tells no more at once. No I/O."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from connectors.base import Cursor, Gap, Page, Pull, Record, Settings
from rcaplatform.kit.errors import DomainError


class Overfull(DomainError):
    """The source told as much as it tells at once, and there may be more: ask for less.

    Attributes:
        records: what it did tell; asked for, and perhaps fetched, only where less cannot be asked for.
    """

    def __init__(self, message: str, records: Iterable[Record] = ()) -> None:
        super().__init__(message)
        self.records = records


@dataclass(frozen=True, slots=True)
class Window:
    """What was read of the time from ``start`` up to, and without, ``end``."""

    start: datetime
    end: datetime
    records: list[Record]
    gaps: tuple[Gap, ...] = ()


Fetch = Callable[[datetime, datetime], Iterable[Record]]


def sweep(start: datetime, end: datetime, fetch: Fetch, *, span: timedelta, floor: timedelta) -> Iterator[Window]:
    """Read from ``start`` to ``end`` in windows of at most ``span``.

    Where ``fetch`` raises `Overfull` the window is halved, and grows again afterwards. At ``floor`` what was told is
    taken, with a gap that says what is missing.
    """
    step = span
    while start < end:
        stop = min(start + step, end)
        gaps: tuple[Gap, ...] = ()
        try:
            records = list(fetch(start, stop))
        except Overfull as full:
            if stop - start > floor:
                step = max((stop - start) / 2, floor)
                continue
            records, gaps = list(full.records), (Gap(start, stop, full.message),)
        yield Window(start, stop, records, gaps)
        start, step = stop, min(step * 2, span)


class Windowed(Pull[Settings]):
    """A source that is asked for what happened between two times. The cursor is {until: ISO 8601}.

    Attributes:
        span: the longest window asked for at once.
        floor: the shortest; what does not fit into it is a gap.
        overlap: how much before the cursor is read again, as it may come late; what is known is stored once.
        settle: how long before now a window ends, where a source needs time to tell everything.
        history: how far back the first poll looks.
    """

    span: ClassVar[timedelta] = timedelta(hours=1)
    floor: ClassVar[timedelta] = timedelta(seconds=1)
    overlap: ClassVar[timedelta] = timedelta(minutes=2)
    settle: ClassVar[timedelta] = timedelta()
    history: ClassVar[timedelta] = timedelta(days=1)

    @abstractmethod
    def fetch(self, start: datetime, end: datetime) -> Iterable[Record]:
        """Return what happened from ``start`` up to, and without, ``end``.

        Raises:
            Overfull: there may be more than was told.
        """

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield what is new, window by window."""
        if not cursor.get("until"):
            yield from self.read_between(self.now - self.history, self.now - self.settle)
            return
        until = datetime.fromisoformat(cursor["until"])
        for page in self.read_between(until - self.overlap, self.now - self.settle):
            behind = datetime.fromisoformat(page.cursor["until"]) < until
            yield replace(page, cursor=cursor) if behind else page

    def read_between(self, start: datetime, end: datetime) -> Iterator[Page]:
        """Yield what happened from ``start`` up to, and without, ``end``, window by window."""
        for window in sweep(start, end, self.fetch, span=self.span, floor=self.floor):
            yield Page(window.records, {"until": window.end.isoformat()}, gaps=window.gaps)
