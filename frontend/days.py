"""Decision: which days a page speaks of, as its address says; and how finely they are divided."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from rcaplatform.kit.buckets import Bucket

PRESETS, USUAL = (7, 30, 90), 30
MOST_DAYS = 3_660
_FINELY = ((45, Bucket.DAY), (200, Bucket.WEEK))
_NAMES = {Bucket.DAY: "day", Bucket.WEEK: "week", Bucket.MONTH: "month"}


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days in UTC, from the first to the last, both included."""

    first: date
    last: date

    @classmethod
    def until(cls, today: date, count: int) -> "Days":
        """Return so many days, of which ``today`` is the last."""
        return cls(today - timedelta(days=count - 1), today)

    @property
    def count(self) -> int:
        """How many they are."""
        return (self.last - self.first).days + 1

    @property
    def start(self) -> datetime:
        """Where the first begins."""
        return datetime.combine(self.first, time.min, UTC)

    @property
    def end(self) -> datetime:
        """The last moment of the last."""
        return datetime.combine(self.last, time.max, UTC)

    @property
    def bucket(self) -> Bucket:
        """How finely they are divided: into some fifty parts at most, until months are needed."""
        return next((bucket for most, bucket in _FINELY if self.count <= most), Bucket.MONTH)

    @property
    def each(self) -> str:
        """What one part is called."""
        return _NAMES[self.bucket]

    def part(self, begins: datetime, follows: datetime | None) -> "Days":
        """Return the part of these days from where a bucket begins to where the one after it does."""
        last = follows.date() - timedelta(days=1) if follows else self.last
        return Days(max(begins.date(), self.first), min(last, self.last))

    def within(self, name: str, **more: str) -> str:
        """Return a query that asks a list for these days: ``detected`` or ``resolved``, and ``more``."""
        return "?" + urlencode({f"{name}_from": self.first, f"{name}_to": self.last, **more})

    def moments(self, **more: str) -> str:
        """Return a query that asks the list of events for these days, and ``more``.

        Milliseconds are as far as an input of date and time goes.
        """
        return "?" + urlencode({"since": f"{self.first}T00:00:00", "until": f"{self.last}T23:59:59.999", **more})

    def __str__(self) -> str:
        """Return them as people write them."""
        if self.first == self.last:
            return f"{self.first:%-d %b %Y}"
        first = f"{self.first:%-d %b}" if self.first.year == self.last.year else f"{self.first:%-d %b %Y}"
        return f"{first} to {self.last:%-d %b %Y}"
