"""Decision: where the hours, days, weeks and months of a span of time begin, in the time zone of whoever asks."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

MOST_BUCKETS = 2_000


class Bucket(StrEnum):
    """How finely a span is divided."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


# The least each of them lasts: a day may lose an hour to summer time.
_AT_LEAST = {
    Bucket.HOUR: timedelta(hours=1),
    Bucket.DAY: timedelta(hours=23),
    Bucket.WEEK: timedelta(days=6, hours=23),
    Bucket.MONTH: timedelta(days=27, hours=23),
}
# What leads from the beginning of one well into the next, whatever summer time does.
_INTO_NEXT = {
    Bucket.DAY: timedelta(hours=36),
    Bucket.WEEK: timedelta(days=7, hours=12),
    Bucket.MONTH: timedelta(days=32),
}


class TooManyBuckets(ValueError):
    """The span is too long to be divided so finely."""


def edges(start: datetime, end: datetime, bucket: Bucket, zone: ZoneInfo) -> list[datetime]:
    """Return when each bucket from ``start`` to ``end`` (both included) begins, oldest first, in ``zone``.

    The first begins at or before ``start``. A day begins at midnight there, or when the clock first passes it; weeks
    begin on Monday. An hour has sixty minutes: in the night the clock is put back, the same hour comes twice.

    Raises:
        TooManyBuckets: there would be more than 2,000.
    """
    if (end - start) / _AT_LEAST[bucket] > MOST_BUCKETS:
        raise TooManyBuckets(f"More than {MOST_BUCKETS:,} buckets: ask for longer ones, or for a shorter span.")
    edge, found = _begin(start, bucket, zone), []
    while edge <= end:
        found.append(edge)
        edge = _following(edge, bucket, zone)
    return found


def _begin(moment: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    if bucket == Bucket.HOUR:
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return (moment - into).astimezone(zone)
    day = local.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0, fold=0)
    if bucket == Bucket.WEEK:
        day -= timedelta(days=day.weekday())
    return _clock(day.replace(day=1) if bucket == Bucket.MONTH else day, zone)


def _following(edge: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    if bucket == Bucket.HOUR:
        return (edge.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
    return _begin(edge.astimezone(UTC) + _INTO_NEXT[bucket], bucket, zone)


def _clock(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clock in ``zone`` shows or first passes ``wall``."""
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
