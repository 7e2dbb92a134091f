"""What sources of log lines share: their settings, and how a record of theirs becomes an event. No I/O."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from connectors.base import ConnectorConfig, Record, Source, option
from connectors.errors import BadRecord
from connectors.sources.logfolding import BURST, NEW, Folding, Told, burst_draft, marked, new_line
from events.choices import Severity
from events.drafts import EARLIEST, EventDraft

FOLDING = "folding"
_WORST_FIRST = list(Severity)


@dataclass(frozen=True, kw_only=True)
class LogConfig(ConnectorConfig):
    """What of a log becomes events."""

    min_severity: str = option(
        "Least severity that becomes an event; lesser lines are counted.", default="medium", choices=Severity.values
    )
    fold_after: int = option(
        "Lines a minute that say the same of one service, beyond which the rest of that minute is one burst; "
        "0 keeps each by itself.",
        default=20,
        at_least=0,
    )


Settings = TypeVar("Settings", bound=LogConfig)


class LogSource(Source[Settings]):
    """A source of log lines. Its cursor holds, beside its own, what a `Folding` goes on with."""

    @abstractmethod
    def understood(self, record: Record) -> Told:
        """Return the line in ``record``. Pure.

        Raises:
            BadRecord: it is none.
        """

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the line or the burst as an event, or nothing when it is below the least severity."""
        if record.kind == BURST:
            return [burst_draft(self._mapping(record))]
        if record.kind == NEW:
            self._mapping(record)
            line, template = new_line(record)
            return [marked(draft, template) for draft in self._events(line)]
        return self._events(record)

    def is_wanted(self, severity: Severity) -> bool:
        """Tell whether lines of this severity become events."""
        return severity in self._wanted

    def folding(self, cursor: Mapping[str, Any]) -> Folding:
        """Return what folds the pages of a poll that goes on from ``cursor``."""
        return Folding(
            cursor.get(FOLDING, {}), now=self.now, after=self.config.fold_after, understood=self._worth_an_event
        )

    def folded(self, records: Iterable[Record]) -> list[Record]:
        """Return what came in one delivery, folded by itself: nothing is remembered from one to the next."""
        folding = self.folding({})
        return [*folding.fold(records), *folding.everything()]

    def _events(self, record: Record) -> list[EventDraft]:
        told = self._worth_an_event(record)
        return [told.draft()] if told else []

    def _worth_an_event(self, record: Record) -> Told | None:
        told = record.value if isinstance(record.value, Told) else self.understood(record)
        return told if told.line.severity in self._wanted else None

    def _mapping(self, record: Record) -> Mapping[str, Any]:
        if not isinstance(record.value, dict):
            raise BadRecord("What is kept of this burst or line is not an object.")
        return record.value

    @cached_property
    def _wanted(self) -> frozenset[Severity]:
        return frozenset(_WORST_FIRST[: _WORST_FIRST.index(Severity(self.config.min_severity)) + 1])


def nanoseconds(moment: datetime) -> int:
    """Return a time as servers of logs count it: in nanoseconds since 1970."""
    return int((moment - EARLIEST) / timedelta(microseconds=1)) * 1_000


def moment_of(told: int | str) -> datetime:
    """Return the time that nanoseconds since 1970 tell.

    Raises:
        BadRecord: they tell none.
    """
    try:
        return EARLIEST + timedelta(microseconds=int(told) // 1_000)
    except (ValueError, OverflowError) as problem:
        raise BadRecord("at: this is not a time.", fields={"at": "Not a time."}) from problem
