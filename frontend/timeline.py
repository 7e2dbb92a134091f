"""Decisions about the timeline: the rows between its events, and how far from detection each lies. No database here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from rcaplatform.kit.spans import duration, offset

GAP = timedelta(minutes=10)
AROUND = (("1 s", 1), ("10 s", 10), ("1 min", 60), ("10 min", 600), ("1 h", 3_600))


@dataclass(frozen=True, slots=True)
class Day:
    """The events below happened on ``day`` (UTC)."""

    day: date
    kind: str = "day"


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing happened for ``length``, in words."""

    length: str
    kind: str = "gap"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of the investigation itself, such as its detection."""

    label: str
    at: datetime
    kind: str = "mark"


@dataclass(frozen=True, slots=True)
class Moment:
    """One linked event, and how far from detection it lies."""

    link: Any
    at: datetime
    offset: str
    delta: str = ""
    kind: str = "event"


@dataclass(frozen=True, slots=True)
class Span:
    """Some time around an event, its ends as addresses have them."""

    label: str
    since: str
    until: str


Row = Day | Gap | Mark | Moment


def rows(links: Sequence[Any], *, marks: Sequence[Mark], detected_at: datetime, newest_first: bool) -> list[Row]:
    """Return what the timeline shows, top to bottom.

    Args:
        links: links with their events, in the order they are shown.
        marks: moments of the investigation that fall among these events; others must be left out.
        detected_at: what offsets count from.
        newest_first: the order of ``links``.
    """
    moments: list[Moment | Mark] = []
    above: datetime | None = None
    for link in links:
        at = link.event.timestamp
        moments.append(Moment(link, at, offset(at - detected_at), delta(at - above) if above else ""))
        above = at
    # Of one instant, the mark came first: it stands on the older side.
    together = [*moments, *marks] if newest_first else [*marks, *moments]
    entries = sorted(together, key=lambda entry: entry.at, reverse=newest_first)
    shown: list[Row] = []
    previous: datetime | None = None
    for entry in entries:
        if previous is None or entry.at.date() != previous.date():
            shown.append(Day(entry.at.date()))
        if previous is not None and abs(entry.at - previous) >= GAP:
            shown.append(Gap(duration(abs(entry.at - previous))))
        shown.append(entry)
        previous = entry.at
    return shown


def among(marks: Sequence[Mark], *, beyond: datetime | None, upto: datetime | None, newest_first: bool) -> list[Mark]:
    """Return the marks that fall on one page of the timeline; each falls on one page only.

    Args:
        marks: every mark of the investigation.
        beyond: when the last event of the page before happened; None on the first page.
        upto: when the last event of this page happened; None on the last page.
        newest_first: whether pages go back in time.
    """
    if newest_first:
        return [mark for mark in marks if (not beyond or mark.at < beyond) and (not upto or mark.at >= upto)]
    return [mark for mark in marks if (not beyond or mark.at > beyond) and (not upto or mark.at <= upto)]


def around(at: datetime) -> list[Span]:
    """Return spans of time around a moment, from a second to an hour each way; none that leaves the calendar."""
    found = []
    for label, seconds in AROUND:
        reach = timedelta(seconds=seconds)
        try:
            ends = (at - reach, at + reach)
        except OverflowError:
            continue
        since, until = (end.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") for end in ends)
        found.append(Span(label, since, until))
    return found


def delta(distance: timedelta) -> str:
    """Return how long after the row above one lies: "+4.2s", "-12m03s"; to the tenth of a second below a minute."""
    seconds = distance.total_seconds()
    return f"{seconds:+.1f}s" if abs(seconds) < 60 else offset(distance)[1:]
