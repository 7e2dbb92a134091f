"""An incident of the demo, told live: in its time, through the doors, and stopped without a trace of half."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import islice

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import User
from connectors.demo import database, flag, replay
from connectors.demo.plot import Told
from connectors.management.commands import demo
from connectors.models import Connector
from events.models import Event
from investigations.models import Investigation, Link

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 4, 12, tzinfo=UTC)
PLOT = replay.hastened(database.PLOT, 10)


class Clock:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = START, list[float]()

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def case(engineer: User) -> Investigation:
    return replay.begin(plot=PLOT, engineer=engineer, now=START)


@pytest.fixture
def told(case: Investigation, clock: Clock) -> Iterator[Told]:
    return replay.stream(plot=PLOT, start=START, clock=clock, sleep=clock.sleep)


def test_each_event_comes_when_its_time_has_come(told: Iterator[Told], clock: Clock) -> None:
    for one in islice(told, 4):
        assert clock.now == START + one.at
        assert Event.objects.latest("timestamp").timestamp == clock.now


def test_an_event_is_linked_before_the_next_one_comes(told: Iterator[Told], case: Investigation) -> None:
    assert [Link.objects.filter(investigation=case).count() for _ in islice(told, 4)] == [1, 2, 3, 4]


def test_ten_times_as_fast_takes_a_tenth_of_the_time() -> None:
    slow = replay.hastened(database.PLOT, 1)
    assert [one.at for one in PLOT.told] == [one.at / 10 for one in slow.told]
    assert PLOT.told[0].at == timedelta(0)


def test_what_is_late_is_told_at_once(told: Iterator[Told], clock: Clock) -> None:
    clock.now += timedelta(hours=1)
    next(told)
    next(told)
    assert clock.slept == []


def test_what_happened_long_before_is_left_out() -> None:
    assert len(replay.hastened(flag.PLOT, 1).told) == len(flag.PLOT.told) - 1


def test_the_same_can_be_played_again(engineer: User) -> None:
    for start in (START, START + timedelta(seconds=1)):
        clock = Clock()
        next(replay.stream(plot=PLOT, start=start, clock=clock, sleep=clock.sleep))
    assert Event.objects.count() == 2


def test_ctrl_c_stops_it_and_what_was_told_stays(engineer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "sleep", interrupt)
    call_command("demo", "--replay", "10x", stdout=(said := StringIO()))
    assert "Stopped after 1 of 50 events; what was told stays." in said.getvalue()
    assert f"Watch /investigations/{Investigation.objects.get().pk}/" in said.getvalue()
    assert (Event.objects.count(), Event.objects.unlinked().count()) == (1, 0)


@pytest.mark.parametrize("speed", ["0x", "0.05x", "1001x", "fast", "-1x", "1e3x", "x"])
def test_a_speed_that_makes_no_sense_is_refused(speed: str) -> None:
    with pytest.raises(CommandError, match=r"from 0\.1x to 1000x"):
        call_command("demo", f"--replay={speed}")


def test_nothing_is_replayed_where_there_is_no_demo(engineer: User, settings: Settings) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="only where DEMO is true"):
        call_command("demo", "--replay=10x")
    assert not Connector.objects.exists()


def test_replay_and_stress_are_two_things() -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("demo", "--replay=10x", "--stress")
