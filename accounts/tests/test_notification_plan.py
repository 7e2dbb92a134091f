"""What is usual, when something may leave, how long to wait."""

from datetime import UTC, datetime, time, timedelta

import pytest

from accounts.notifications.choices import Channel, Digest, Topic
from accounts.notifications.plan import LONGEST_WAIT, Rhythm, leaves_at, wait, wanted

NOW = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)  # 23:30 in Berlin


def test_what_is_said_of_a_channel_goes_before_what_is_usual() -> None:
    assert wanted(Topic.ASSIGNED, [("email", False), ("slack", True)]) == {Channel.INBOX, Channel.SLACK}


def test_nobody_is_told_of_every_investigation_unasked() -> None:
    assert wanted(Topic.OPENED, []) == frozenset()


@pytest.mark.parametrize(
    ("rhythm", "at"),
    [
        (Rhythm(), NOW),
        (Rhythm(Digest.HOURLY), datetime(2026, 3, 2, 23, tzinfo=UTC)),
        (Rhythm(Digest.DAILY), datetime(2026, 3, 3, 8, tzinfo=UTC)),
        (Rhythm(Digest.DAILY, time_zone="Europe/Berlin"), datetime(2026, 3, 3, 7, tzinfo=UTC)),
        (Rhythm(quiet_from=time(22), quiet_until=time(6)), datetime(2026, 3, 3, 6, tzinfo=UTC)),
        (Rhythm(quiet_from=time(6), quiet_until=time(22)), NOW),
        (
            Rhythm(quiet_from=time(23), quiet_until=time(7), time_zone="Europe/Berlin"),
            datetime(2026, 3, 3, 6, tzinfo=UTC),
        ),
        (Rhythm(Digest.HOURLY, time(23), time(5)), datetime(2026, 3, 3, 5, tzinfo=UTC)),
        (Rhythm(quiet_from=time(22), quiet_until=time(22)), NOW),
    ],
)
def test_what_happens_leaves_with_the_next_digest_and_not_in_quiet_hours(rhythm: Rhythm, at: datetime) -> None:
    assert leaves_at(rhythm, NOW) == at


def test_waits_double_up_to_an_hour() -> None:
    assert [wait(attempts) for attempts in (1, 2, 3)] == [timedelta(seconds=30 * 2**n) for n in range(3)]
    assert wait(60) == LONGEST_WAIT
