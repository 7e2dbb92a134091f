"""A source that does not answer is asked again, less and less often, and then left alone for a while."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.utils import timezone

from accounts.models import AuditEntry, Switch, User
from connectors import breakers, notices, polling, services, tasks
from connectors.base import Cursor, Page, Record
from connectors.base import Gap as Missing
from connectors.choices import BreakerState
from connectors.digestion import digest_pending
from connectors.errors import Misconfigured, Poisoned, RateLimited, Refused, Resting, SourceUnavailable
from connectors.models import Breaker, Connector, DeadLetter, Gap, Halt, Transition
from connectors.sources.jsonlines import JSONLines
from connectors.tests.factories import ConnectorFactory, DeliveryFactory
from events.models import Event
from rcaplatform.kit.errors import Conflict

pytestmark = pytest.mark.django_db
START = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that waiting moves on, and what was waited."""

    def __init__(self, travel: Any) -> None:
        self.travel = travel
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.travel.shift(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The longest wait is drawn each time, and passes at once."""
    with time_machine.travel(START, tick=False) as travel:
        made = Clock(travel)
        monkeypatch.setattr(polling, "sleep", made.sleep)
        monkeypatch.setattr("random.uniform", lambda _, longest: longest)
        yield made


@pytest.fixture
def connector() -> Connector:
    return services.connect(name="log", kind="jsonlines", values={"path": "/app.log"}, actor=None, now=timezone.now())


Answer = Exception | Page


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """What the source answers, one after the other; then there is nothing new. What raises ends that reading."""
    waiting: list[Answer] = []

    def read(_: JSONLines, cursor: Cursor) -> Iterator[Page]:
        while waiting:
            answer = waiting.pop(0)
            if isinstance(answer, Exception):
                raise answer
            yield answer

    monkeypatch.setattr(JSONLines, "read", read)
    return waiting


def page(*lines: bytes, number: int = 1) -> Page:
    return Page([Record(f"{number}.{place}", line, line) for place, line in enumerate(lines)], {"page": number})


def good(number: int) -> bytes:
    return b'{"ts":"2030-01-01T11:00:00Z","level":"error","msg":"failed %d"}' % number


def poll(connector: Connector) -> Any:
    return polling.poll(connector=connector, now=timezone.now())


def state(connector: Connector) -> str:
    return Breaker.objects.get(pk=connector.pk).state


DOWN = SourceUnavailable("no route")


def test_the_waits_double_up_to_sixteen_seconds_and_there_are_five_at_most(
    clock: Clock, connector: Connector, answers: list[Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakers, "FAILURES", 100)
    answers.extend([DOWN] * 10)
    with pytest.raises(SourceUnavailable):
        poll(connector)
    ends = [sum(clock.slept[:1]), sum(clock.slept[1:3]), sum(clock.slept[3:7]), sum(clock.slept[7:15])]
    assert ends == [1, 2, 4, 8]
    assert (sum(clock.slept), len(answers)) == (31, 4)


@pytest.mark.parametrize("failures", range(1, 8))
def test_each_wait_is_drawn_between_nothing_and_its_limit(failures: int) -> None:
    drawn = [polling.backoff(failures) for _ in range(200)]
    longest = min(2 ** (failures - 1), 16)
    assert 0 <= min(drawn) < longest / 4
    assert longest * 3 / 4 < max(drawn) <= longest


def test_a_source_that_comes_back_is_read_from_where_it_broke_off(
    clock: Clock, connector: Connector, answers: list[Answer]
) -> None:
    answers.extend([page(good(1)), DOWN, DOWN, page(good(2), number=2)])
    assert poll(connector).stored == 2
    connector.refresh_from_db()
    assert (connector.cursor, connector.failures, connector.last_error) == ({"page": 2}, 0, "")


def test_a_page_that_was_stored_begins_the_count_of_waits_anew(
    clock: Clock, connector: Connector, answers: list[Answer]
) -> None:
    for number in range(1, 4):
        answers.extend([DOWN, DOWN, page(good(number), number=number)])
    assert poll(connector).stored == 3
    assert sum(clock.slept) == 3 * (1 + 2)


def test_a_page_that_leads_nowhere_is_no_progress(clock: Clock, connector: Connector, answers: list[Answer]) -> None:
    answers.extend([Page([], {}), DOWN] * 20)
    with pytest.raises(SourceUnavailable):
        poll(connector)
    assert (state(connector), len(answers)) == (BreakerState.OPEN, 30)


def test_what_the_source_asks_for_is_waited_and_is_no_failure(
    clock: Clock, connector: Connector, answers: list[Answer]
) -> None:
    answers.extend([RateLimited("slow down", seconds=7.5), page(good(1))])
    poll(connector)
    assert sum(clock.slept) == 7.5
    assert not Breaker.objects.exclude(failed_at=[]).exists()


def test_a_source_that_asks_for_an_hour_is_polled_in_an_hour(
    clock: Clock, connector: Connector, answers: list[Answer]
) -> None:
    answers.append(RateLimited("come back later", seconds=3_600))
    with pytest.raises(RateLimited):
        poll(connector)
    connector.refresh_from_db()
    assert (connector.next_poll_at, connector.failures, clock.slept) == (START + timedelta(hours=1), 0, [])


def test_what_must_be_set_right_is_not_asked_again(clock: Clock, connector: Connector, answers: list[Answer]) -> None:
    answers.extend([Misconfigured("no such path")] * 2)
    with pytest.raises(Misconfigured):
        poll(connector)
    assert (len(answers), clock.slept) == (1, [])


def test_a_poll_that_waits_sees_the_switch(
    clock: Clock, connector: Connector, answers: list[Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers.extend([DOWN, page(good(1))])
    monkeypatch.setattr(polling, "sleep", lambda _: Connector.objects.update(enabled=False))
    with pytest.raises(Conflict, match="switched off"):
        poll(connector)
    assert len(answers) == 1


def test_five_failures_within_a_minute_open_the_breaker(
    clock: Clock, connector: Connector, answers: list[Answer]
) -> None:
    answers.extend([DOWN] * 10)
    with pytest.raises(SourceUnavailable):
        poll(connector)
    assert (state(connector), len(answers)) == (BreakerState.OPEN, 5)
    move = Transition.objects.get()
    assert (move.before, move.after, move.at) == ("closed", "open", timezone.now())
    assert move.reason == "5 failures in a row, the last one: no route"


def test_failures_further_apart_do_not(clock: Clock, connector: Connector, answers: list[Answer]) -> None:
    gate = breakers.Gate(connector)

    def fail() -> None:
        raise DOWN

    for _ in range(10):
        with pytest.raises(SourceUnavailable):
            gate.call(fail)
        clock.travel.shift(16)
    assert state(connector) == BreakerState.CLOSED


def test_an_open_breaker_makes_no_connection(clock: Clock, connector: Connector, answers: list[Answer]) -> None:
    answers.extend([DOWN] * 10)
    with pytest.raises(SourceUnavailable):
        poll(connector)
    with pytest.raises(Resting, match="log rests for a minute"):
        poll(connector)
    assert len(answers) == 5


@pytest.mark.parametrize(("answer", "then"), [(DOWN, "open"), (page(), "closed")], ids=["fails", "answers"])
def test_after_a_minute_one_trial_decides(
    clock: Clock, connector: Connector, answers: list[Answer], answer: Answer, then: str
) -> None:
    breakers.move(connector=connector, to=BreakerState.OPEN, reason="down", now=timezone.now())
    clock.travel.shift(61)
    answers.append(answer)
    with suppress(SourceUnavailable):
        poll(connector)
    assert [move.after for move in Transition.objects.order_by("id")] == ["open", "half-open", then]


def test_the_state_is_one_for_all_workers(connector: Connector) -> None:
    one, other = breakers.Gate(connector), breakers.Gate(connector)

    def fail() -> None:
        raise DOWN

    for gate in (one, other, one, other, one):
        with pytest.raises(SourceUnavailable):
            gate.call(fail)
    with pytest.raises(Resting):
        other.call(fail)


def test_a_breaker_opened_by_hand_stays_open_until_it_is_reset_by_hand(
    clock: Clock, connector: Connector, answers: list[Answer], engineer: User
) -> None:
    answers.append(page(good(1)))
    breakers.force_open(connector=connector, actor=engineer, now=timezone.now(), reason="They deploy.")
    clock.travel.shift(3_600)
    with pytest.raises(Resting, match="until somebody resets its circuit breaker: They deploy"):
        poll(connector)
    breakers.reset(connector=connector, actor=engineer, now=timezone.now())
    assert poll(connector).stored == 1
    verbs = AuditEntry.objects.order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["connect", "open_breaker", "reset_breaker"]


def test_a_page_of_which_too_much_cannot_be_decoded_stops_the_stream_and_loses_nothing(
    clock: Clock, connector: Connector, answers: list[Answer]
) -> None:
    lines = [good(number) if number % 3 else b"garbage %d" % number for number in range(30)]
    answers.extend([page(*lines), page(good(99), number=2)])
    with pytest.raises(Poisoned, match="10 of 30 records could not be decoded"):
        poll(connector)
    connector.refresh_from_db()
    assert (Event.objects.filter(event_type="log_error").count(), DeadLetter.objects.count()) == (20, 10)
    assert (connector.cursor, state(connector), len(answers)) == ({"page": 1}, "open", 1)
    assert Breaker.objects.get().held


@pytest.mark.parametrize(
    ("outcomes", "run", "stops"),
    [
        ([True] * 16 + [False] * 4, 0, False),
        ([True] * 15 + [False] * 5, 0, True),
        ([False] * 19, 0, False),
        ([False] * 19, 81, True),
        ([True] + [False] * 3, 99, False),
        ([False], 99, True),
    ],
)
def test_one_in_five_of_a_page_or_a_hundred_in_a_row_are_too_much(outcomes: list[bool], run: int, stops: bool) -> None:
    assert bool(breakers.poisoned(outcomes, run)[0]) is stops


def test_a_gap_is_kept_once_with_the_page_that_tells_of_it(
    clock: Clock, connector: Connector, answers: list[Answer]
) -> None:
    gap = Missing(START, START + timedelta(seconds=1), "The source tells 5,000 at once.")
    answers.extend([Page([], {"page": 1}, gaps=(gap,)), Page([], {"page": 2}, gaps=(gap,))])
    poll(connector)
    assert Gap.objects.get().reason == gap.reason


@pytest.mark.parametrize("answered", [401, 403])
def test_a_source_that_does_not_know_us_any_more_is_not_asked_until_its_owner_has_seen_to_it(
    clock: Clock, connector: Connector, answers: list[Answer], answered: int
) -> None:
    poll(connector)
    answers.append(Refused("who are you?", answered=answered))
    with pytest.raises(Refused):
        poll(connector)
    connector.refresh_from_db()
    assert connector.is_given_up
    event = Event.objects.get()
    assert (event.event_type, event.severity) == ("connector_failed", "high")
    assert event.title == "log is not read any more: who are you?"


def test_the_timeline_hears_once_that_a_source_is_gone_and_that_it_is_back(
    clock: Clock, connector: Connector, answers: list[Answer]
) -> None:
    answers.extend([DOWN] * 6)
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            poll(connector)
        clock.travel.shift(61)
    poll(connector)
    poll(connector)
    told = list(Event.objects.order_by("timestamp").values_list("event_type", flat=True))
    assert told == ["connector_failed", "connector_recovered"]


def test_all_connectors_stop_at_once_and_go_on_together(
    clock: Clock, connector: Connector, answers: list[Answer], admin: User
) -> None:
    answers.append(page(good(1)))
    services.halt(actor=admin, now=timezone.now())
    assert poll(connector) is None
    with pytest.raises(Conflict, match="already"):
        services.halt(actor=admin, now=timezone.now())
    services.resume(actor=admin, now=timezone.now())
    assert poll(connector).stored == 1


def test_a_halt_of_the_release_before_holds_on_its_nodes_as_well_until_somebody_resumes(admin: User) -> None:
    Halt.objects.create(actor=admin, at=START, reason="Wrong data.")
    import_module("connectors.migrations.0007_halt_is_a_switch").to_switch(apps, None)
    assert (Switch.objects.get().reason, Halt.objects.count()) == ("Wrong data.", 1)
    services.resume(actor=admin, now=timezone.now())
    assert (Switch.objects.count(), Halt.objects.count()) == (0, 0)


def test_poison_during_a_trial_holds_the_breaker(clock: Clock, connector: Connector, answers: list[Answer]) -> None:
    breakers.move(connector=connector, to=BreakerState.OPEN, reason="down", now=timezone.now())
    clock.travel.shift(61)
    answers.append(page(*(b"garbage %d" % number for number in range(30))))
    with pytest.raises(Poisoned):
        poll(connector)
    assert (Breaker.objects.get().held, state(connector)) == (True, "open")


def test_what_a_person_held_open_no_poll_closes_or_opens_anew(
    clock: Clock, connector: Connector, answers: list[Answer], engineer: User
) -> None:
    gate = breakers.Gate(connector)
    for _ in range(4):
        with pytest.raises(SourceUnavailable):
            gate.call(failing)

    def held_meanwhile() -> None:
        breakers.force_open(connector=connector, actor=engineer, now=timezone.now())
        raise DOWN

    with pytest.raises(SourceUnavailable):
        gate.call(held_meanwhile)
    assert Breaker.objects.get().held


def failing() -> None:
    raise DOWN


def test_a_breaker_opened_by_hand_stops_the_poll_under_way_at_its_next_page(
    clock: Clock, connector: Connector, answers: list[Answer], engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers.extend([page(good(1)), page(good(2), number=2)])

    def open_it(_: Any) -> None:
        breakers.force_open(connector=connector, actor=engineer, now=timezone.now())

    with pytest.raises(Conflict, match="held"):
        polling.poll(connector=connector, now=timezone.now(), progress=open_it)
    connector.refresh_from_db()
    assert connector.cursor == {"page": 1}


def test_a_source_that_asks_for_no_patience_at_all_is_not_asked_for_ever(
    clock: Clock, connector: Connector, answers: list[Answer]
) -> None:
    answers.extend([RateLimited("now", seconds=0)] * 1_000)
    with pytest.raises(RateLimited):
        poll(connector)
    connector.refresh_from_db()
    assert (sum(clock.slept), connector.failures) == (polling.BUDGET, 0)


def test_five_failures_within_any_minute_open_the_breaker(clock: Clock, connector: Connector) -> None:
    gate = breakers.Gate(connector)
    for pause in (50, 5, 6, 1, 1, 0):
        with pytest.raises(SourceUnavailable):
            gate.call(failing)
        clock.travel.shift(pause)
    assert state(connector) == BreakerState.OPEN


def test_a_bug_of_ours_closes_no_breaker(clock: Clock, connector: Connector, answers: list[Answer]) -> None:
    breakers.move(connector=connector, to=BreakerState.OPEN, reason="down", now=timezone.now())
    clock.travel.shift(61)
    answers.append(KeyError("bug"))
    with pytest.raises(KeyError):
        poll(connector)
    assert state(connector) == BreakerState.OPEN


@pytest.fixture
def quiet(connector: Connector) -> Connector:
    Connector.objects.update(silence_after=600, created_at=START)
    connector.refresh_from_db()
    return connector


def told() -> list[str]:
    return list(Event.objects.order_by("id").values_list("event_type", flat=True))


def test_a_source_that_says_nothing_is_silent_once_however_often_it_is_polled(
    clock: Clock, quiet: Connector, answers: list[Answer]
) -> None:
    for _ in range(4):
        clock.travel.shift(400)
        poll(quiet)
        notices.look_for_silence(timezone.now())
    assert told() == ["connector_silent"]
    answers.append(page(good(1)))
    poll(quiet)
    assert told() == ["connector_silent", "log_error", "connector_recovered"]


def test_a_source_that_calls_is_heard_again_by_its_call(clock: Clock) -> None:
    hook = ConnectorFactory(silence_after=600, last_heard_at=START)
    clock.travel.shift(700)
    notices.look_for_silence(timezone.now())
    DeliveryFactory(connector=hook, next_attempt_at=START)
    digest_pending(now=timezone.now())
    assert told() == ["connector_silent", "connector_recovered"]


def test_what_must_be_asked_sooner_than_its_schedule_rings_is_rung_for(
    clock: Clock, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[Any] = []
    monkeypatch.setattr(tasks.poll_one, "apply_async", lambda ids, **_: rung.append(ids))
    Connector.objects.update(next_poll_at=START + timedelta(seconds=30), interval=86_400)
    tasks.watch()
    clock.travel.shift(40)
    tasks.watch()
    assert rung == [(str(connector.pk),)]


@pytest.mark.parametrize(("early", "due"), [(5, True), (7, False)])
def test_a_bell_that_seems_a_little_early_is_heeded(connector: Connector, early: int, due: bool) -> None:
    Connector.objects.update(next_poll_at=START, interval=60)
    assert Connector.objects.due(START - timedelta(seconds=early)).exists() is due
