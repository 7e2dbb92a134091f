"""Decision: the timeline as a picture (SVG): how much happened when, and where the investigation's own moments lie.

Nothing that anybody wrote is in it: numbers, times and labels of ours alone.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from events.choices import Severity

WIDTH, HEIGHT = 700, 156
TOP, BOTTOM, SIDE = 36, 24, 4
BARS = 70
TICKS = 5
# Told apart by lightness as well, for whoever cannot tell the colours apart or prints in grey; worst at the bottom.
COLOURS = {
    Severity.CRITICAL: "#8f1230",
    Severity.HIGH: "#d2541b",
    Severity.MEDIUM: "#e0a526",
    Severity.LOW: "#5b8fc7",
    Severity.INFO: "#c3ccd6",
}
_INK, _SOFT, _LINE = "#1d2733", "#5d6b7a", "#d8dee5"
_LABEL, _LEAST = 62, timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of the investigation itself."""

    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """What the picture shows, from left to right."""

    start: datetime
    end: datetime

    @classmethod
    def over(cls, moments: Sequence[datetime]) -> "Span":
        """Return the span that holds all ``moments``, with some air, and never shorter than a minute."""
        first, last = min(moments), max(moments)
        air = max((last - first) / 40, _LEAST / 2)
        return cls(first - air, last + air)

    def across(self, at: datetime) -> float:
        """Return where ``at`` lies, from 0 to 1."""
        return (at - self.start) / (self.end - self.start)


def draw(events: Sequence[tuple[datetime, str]], marks: Sequence[Mark]) -> str:
    """Return the picture of ``events`` (when, and how bad), as an SVG document."""
    span = Span.over([at for at, _ in events] + [mark.at for mark in marks])
    shapes = (*_axis(span), *_bars(events, span), *_marks(marks, span))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="Noto Sans" font-size="9">'
        f"{''.join(shapes)}</svg>"
    )


def _x(span: Span, at: datetime) -> float:
    return SIDE + span.across(at) * (WIDTH - 2 * SIDE)


def _bars(events: Sequence[tuple[datetime, str]], span: Span) -> Iterator[str]:
    counts: dict[int, Counter[str]] = {}
    for at, severity in events:
        counts.setdefault(min(int(span.across(at) * BARS), BARS - 1), Counter())[severity] += 1
    tallest = max((count.total() for count in counts.values()), default=1)
    wide, room = (WIDTH - 2 * SIDE) / BARS, HEIGHT - TOP - BOTTOM
    for place, count in sorted(counts.items()):
        foot = float(HEIGHT - BOTTOM)
        for severity, colour in COLOURS.items():
            if high := count[severity] / tallest * room:
                # So that one event beside a thousand is still seen.
                high = max(high, 1.2)
                foot = max(foot - high, TOP)
                yield (
                    f'<rect x="{SIDE + place * wide + 0.6:.1f}" y="{foot:.1f}" width="{wide - 1.2:.1f}" '
                    f'height="{high:.1f}" fill="{colour}"/>'
                )
    yield f'<text x="{SIDE}" y="{TOP - 24}" fill="{_SOFT}">{tallest:,} at most in {_length(span)}</text>'


def _axis(span: Span) -> Iterator[str]:
    floor = HEIGHT - BOTTOM
    yield f'<rect x="{SIDE}" y="{floor}" width="{WIDTH - 2 * SIDE}" height="0.8" fill="{_SOFT}"/>'
    long = span.end - span.start > timedelta(days=1)
    for number in range(TICKS):
        at = span.start + (span.end - span.start) * number / (TICKS - 1)
        x, anchor = _x(span, at), ("start", "middle", "end")[(number > 0) + (number == TICKS - 1)]
        shown = at.astimezone(UTC).strftime("%d %b %H:%M" if long else "%H:%M:%S")
        yield f'<rect x="{x:.1f}" y="{TOP}" width="0.5" height="{floor - TOP}" fill="{_LINE}"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - 9}" fill="{_SOFT}" text-anchor="{anchor}">{shown}</text>'


def _marks(marks: Sequence[Mark], span: Span) -> Iterator[str]:
    taken = -float(_LABEL)
    for mark in sorted(marks, key=lambda mark: mark.at):
        x = _x(span, mark.at)
        yield (
            f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="{_INK}" '
            'stroke-width="1" stroke-dasharray="3 2"/>'
        )
        # Labels stand beside one another even where their lines do not.
        label = min(max(x - 2, taken + _LABEL), float(WIDTH - SIDE - _LABEL))
        taken = label
        yield f'<text x="{label:.1f}" y="{TOP - 8}" fill="{_INK}" font-weight="bold">{mark.label}</text>'


def _length(span: Span) -> str:
    seconds = (span.end - span.start).total_seconds() / BARS
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s" if seconds >= 1 else "a second"
