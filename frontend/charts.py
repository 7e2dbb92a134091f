"""Decisions: where the marks of a page's charts stand. Numbers in, places out; templates draw them as SVG.

Across, places are percentages, so that a chart is as wide as its page and its letters stay as large as all others;
downwards they are pixels. Colours are classes: a page may not carry styles of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT, HEAD = 168.0, 8.0
GRID, LABELS = 4, 6
LEAST = 2.0  # So that one beside a thousand is still seen.
_ROUND = (10, 15, 20, 25, 30, 40, 50, 60, 80)  # Tenths, of what a line of the grid may stand for.
_FILL = 0.78  # Of a column's place; the rest is air.


@dataclass(frozen=True, slots=True)
class Series:
    """What one colour stands for: the name of its class, its label, and a number for each column."""

    name: str
    label: str
    values: Sequence[int]

    @property
    def total(self) -> int:
        """The sum over all columns."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class Column:
    """One place on the axis: its name (in short and in full), what it says in words, and where it leads."""

    short: str
    full: str
    href: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One rectangle: x and width in percent, y and height in pixels."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Stack:
    """A column as drawn: its marks, the area around them that can be pointed at, and each label with its number."""

    column: Column
    words: str
    x: float
    width: float
    marks: tuple[Mark, ...]
    numbers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the grid: how far down, and the number it stands for."""

    y: float
    value: int


@dataclass(frozen=True, slots=True)
class Label:
    """A name on the axis: where (percent), its anchor, and whether a narrow page can do without it."""

    x: float
    text: str
    anchor: str
    spare: bool


@dataclass(frozen=True, slots=True)
class Columns:
    """A chart of columns over time."""

    series: tuple[Series, ...]
    stacks: tuple[Stack, ...]
    grid: tuple[Line, ...]
    labels: tuple[Label, ...]
    words: str
    height: float = HEIGHT

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(series.total for series in self.series)


def columns(series: Sequence[Series], places: Sequence[Column], *, stacked: bool) -> Columns:
    """Return columns over time.

    Args:
        series: at least one; the first stands at the bottom of a stack, or to the left.
        places: one for each value of a series, oldest first.
        stacked: one upon another, where a sum means something; otherwise side by side.
    """
    heights = [sum(values) if stacked else max(values) for values in _across(series, places)]
    top = ceiling(max(heights, default=0))
    stacks = tuple(
        _stack(place, number, len(places), series, top, stacked=stacked) for number, place in enumerate(places)
    )
    grid = tuple(Line(_y(top * step // GRID, top), top * step // GRID) for step in range(GRID + 1))
    return Columns(tuple(series), stacks, grid, _labels(places), _summary(series, places, heights))


def ceiling(most: int) -> int:
    """Return the least number that ``most`` does not pass and that the grid divides into round ones."""
    scale = 1
    while True:
        for tenths in _ROUND:
            step, rest = divmod(tenths * scale, 10)
            if not rest and GRID * step >= most:
                return GRID * step
        scale *= 10


def share(part: float, whole: float) -> float:
    """Return how much of ``whole`` a ``part`` is, from 0 to 1, as the bar of a row; nothing of nothing is 0."""
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else 0.0


def _across(series: Sequence[Series], places: Sequence[Column]) -> list[tuple[int, ...]]:
    found = list(zip(*(one.values for one in series), strict=True))
    if len(found) != len(places):
        raise ValueError("Each series has one value for each column.")
    return found


def _y(value: float, top: int) -> float:
    return round(HEIGHT - value / top * (HEIGHT - HEAD), 1)


def _stack(place: Column, number: int, count: int, series: Sequence[Series], top: int, *, stacked: bool) -> Stack:
    wide = 100 / count
    left, width = number * wide + wide * (1 - _FILL) / 2, wide * _FILL
    marks: list[Mark] = []
    foot = HEIGHT
    for order, one in enumerate(series):
        if not (value := one.values[number]):
            continue
        high = max(HEIGHT - _y(value, top), LEAST)
        each = width if stacked else width / len(series)
        x = left if stacked else left + order * each
        marks.append(Mark(one.name, round(x, 3), round(max(foot - high, 0.0), 1), round(each, 3), round(high, 1)))
        foot = foot - high if stacked else HEIGHT
    numbers = tuple((one.label, one.values[number]) for one in series)
    told = ", ".join(f"{value:,} {label.lower()}" for label, value in numbers if value)
    words = f"{place.full}: {told or 'nothing'}"
    return Stack(place, words, round(number * wide, 3), round(wide, 3), tuple(marks), numbers)


def _labels(places: Sequence[Column]) -> tuple[Label, ...]:
    """Return names for a few columns, evenly apart, each in the middle of its own."""
    count = len(places)
    every = max(-(-count // LABELS), 1)
    found = []
    for order, number in enumerate(range(0, count, every)):
        x = (number + 0.5) / count * 100
        anchor = "start" if x < 4 else "end" if x > 96 else "middle"
        edge = number / count * 100 if anchor == "start" else 100.0
        found.append(Label(round(x if anchor == "middle" else edge, 3), places[number].short, anchor, bool(order % 2)))
    return tuple(found)


def _summary(series: Sequence[Series], places: Sequence[Column], heights: Sequence[int]) -> str:
    totals = ", ".join(f"{one.total:,} {one.label.lower()}" for one in series)
    if not any(heights):
        return totals
    most = max(heights)
    return f"{totals}. The most, {most:,}, at {places[list(heights).index(most)].full}."
