"""Where hours, days, weeks and months begin, wherever one is and whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rcaplatform.kit.buckets import MOST_BUCKETS, Bucket, TooManyBuckets, edges


def begun(start: str, end: str, bucket: str, zone: str) -> list[str]:
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    return [edge.isoformat() for edge in edges(first, last, Bucket(bucket), ZoneInfo(zone))]


def test_a_day_that_loses_an_hour_begins_and_ends_at_midnight() -> None:
    assert begun("2026-03-28T05:00", "2026-03-30T05:00", "day", "Europe/Zurich") == [
        "2026-03-28T00:00:00+01:00",
        "2026-03-29T00:00:00+01:00",
        "2026-03-30T00:00:00+02:00",
    ]


def test_the_hour_that_comes_twice_is_two_buckets() -> None:
    assert begun("2026-10-25T00:10", "2026-10-25T02:00", "hour", "Europe/Zurich") == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T03:00:00+01:00",
    ]


def test_a_day_without_midnight_begins_when_the_clock_passes_it() -> None:
    assert begun("2018-11-03T12:00", "2018-11-05T12:00", "day", "America/Sao_Paulo") == [
        "2018-11-03T00:00:00-03:00",
        "2018-11-04T01:00:00-02:00",
        "2018-11-05T00:00:00-02:00",
    ]


def test_a_day_that_was_left_out_is_no_bucket() -> None:
    days = begun("2011-12-29T12:00", "2012-01-01T00:00", "day", "Pacific/Apia")
    assert days == ["2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00"]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    assert begun("2026-03-01T00:00", "2026-03-09T00:00", "week", "UTC") == [
        "2026-02-23T00:00:00+00:00",
        "2026-03-02T00:00:00+00:00",
        "2026-03-09T00:00:00+00:00",
    ]
    assert begun("2026-01-31T20:00", "2026-03-05T00:00", "month", "Asia/Kathmandu") == [
        "2026-02-01T00:00:00+05:45",
        "2026-03-01T00:00:00+05:45",
    ]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran"])
@pytest.mark.parametrize("bucket", list(Bucket))
def test_every_moment_is_in_one_bucket(bucket: Bucket, zone: str) -> None:
    start = datetime(2026, 1, 17, 13, 47, tzinfo=UTC)
    end = start + timedelta(days=60)
    found = edges(start, end, bucket, ZoneInfo(zone))
    instants = [edge.astimezone(UTC) for edge in found]
    assert instants[0] <= start < instants[1]
    assert instants[-1] <= end
    assert instants == sorted(set(instants))


def test_there_are_never_too_many() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    longest = edges(start, start + timedelta(hours=MOST_BUCKETS - 1), Bucket.HOUR, ZoneInfo("UTC"))
    assert len(longest) == MOST_BUCKETS
    with pytest.raises(TooManyBuckets, match=r"2,000"):
        edges(start, start + timedelta(hours=MOST_BUCKETS + 1), Bucket.HOUR, ZoneInfo("UTC"))
