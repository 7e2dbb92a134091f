"""Digesting: a kept delivery becomes events once, and whatever stands in its way, it is not lost."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import orjson
import psycopg
import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError, connection

from accounts.models import User
from connectors import digestion, pipeline, services
from connectors.base import Record
from connectors.choices import DeadLetterState, DeliveryState, Stage
from connectors.errors import Misconfigured
from connectors.models import Connector, DeadLetter, Delivery
from connectors.sources.github import GitHub
from connectors.tests.factories import NOW, ConnectorFactory, DeliveryFactory
from connectors.tests.github import delivery_of, source
from events.drafts import EventDraft
from events.models import Event
from rcaplatform.kit.errors import Unavailable

pytestmark = pytest.mark.django_db


def push(*names: str, **changes: Any) -> bytes:
    """Return a push of one commit for each name."""
    commits = [{"id": f"{name:0<40}", "message": name, "timestamp": "2030-01-01T10:00:00Z"} for name in names]
    return orjson.dumps(delivery_of(ref="refs/heads/main", after="a", commits=commits, **changes))


def digest(delivery: Delivery, now: datetime | None = None) -> Delivery:
    """Digest what is due once ``delivery`` is, and return it as it is then."""
    digestion.digest_pending(now=now or delivery.next_attempt_at)
    delivery.refresh_from_db()
    return delivery


def explode(*_: Any, **__: Any) -> Any:
    raise Misconfigured("the owner took a setting away")


def test_a_push_becomes_its_commits_and_itself() -> None:
    delivery = DeliveryFactory(event="push", body=push("fix", "test"))
    digest(delivery)
    assert (delivery.state, delivery.stored, delivery.duplicates) == (DeliveryState.DIGESTED, 3, 0)
    assert (delivery.attempts, delivery.digested_at) == (1, NOW)
    assert set(Event.objects.values_list("event_type", flat=True)) == {"commit", "push"}
    assert set(Event.objects.values_list("origin", flat=True)) == {delivery.connector.origin_id}


def test_what_is_worth_no_event_is_counted_as_ignored() -> None:
    assert digest(DeliveryFactory(event="ping")).state == DeliveryState.IGNORED


def test_digesting_twice_changes_nothing() -> None:
    delivery = DeliveryFactory(event="push", body=push("fix"))
    digest(delivery)
    digest(delivery)
    assert (delivery.attempts, Event.objects.count()) == (1, 2)


def test_two_deliveries_that_tell_of_one_commit_store_it_once() -> None:
    connector = ConnectorFactory()
    first, second = (DeliveryFactory(connector=connector, event="push", body=push("fix")) for _ in range(2))
    digest(first)
    second.refresh_from_db()
    assert (second.state, second.stored, second.duplicates) == ("digested", 0, 2)


def test_garbage_becomes_a_dead_letter_that_keeps_it() -> None:
    delivery = DeliveryFactory(event="push", body=b"\xff garbage \x00")
    digest(delivery)
    letter = DeadLetter.objects.get()
    assert delivery.state == DeliveryState.DEAD
    assert (letter.delivery, letter.connector, letter.stage) == (delivery, delivery.connector, Stage.UNPACK)
    assert (letter.reference, letter.error, letter.state) == (delivery.key, "BadRecord", DeadLetterState.OPEN)
    assert bytes(letter.raw) == b"\xff garbage \x00"
    assert "not JSON" in letter.message


def test_a_dead_letter_stops_no_other_delivery() -> None:
    connector = ConnectorFactory()
    bodies = [push("one"), b"garbage", push("two")]
    deliveries = [DeliveryFactory(connector=connector, event="push", body=body) for body in bodies]
    digestion.digest_pending(now=NOW)
    states = [Delivery.objects.get(pk=delivery.pk).state for delivery in deliveries]
    assert states == ["digested", "dead", "digested"]


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        ({"service": "nul \x00"}, "DataError"),
        ({"severity": "invented"}, "IntegrityError"),
        ({"data": {"a set": {1}}}, "ValueError"),
    ],
)
def test_an_event_the_store_refuses_is_dead_and_its_neighbours_are_not(
    monkeypatch: pytest.MonkeyPatch, spoil: dict[str, Any], error: str
) -> None:
    genuine = GitHub.decode

    def spoiled(source: GitHub, record: Record) -> list[EventDraft]:
        drafts = list(genuine(source, record))
        for name, value in spoil.items():
            setattr(drafts[1], name, value)
        return drafts

    monkeypatch.setattr(GitHub, "decode", spoiled)
    delivery = DeliveryFactory(event="push", body=push("good", "spoiled", "fine"))
    digest(delivery)
    assert (delivery.stored, delivery.state) == (3, DeliveryState.DEAD)
    letter = DeadLetter.objects.get()
    assert (letter.stage, letter.error) == (Stage.STORE, error)
    assert set(Event.objects.filter(event_type="commit").values_list("title", flat=True)) == {"good", "fine"}


def test_records_of_one_page_live_and_die_alone() -> None:
    connector = ConnectorFactory()
    records = [
        Record("1", orjson.loads(push("one")), b"1", "push"),
        Record("2", "garbage", b"2", "push"),
        Record("3", {}, b"3", "ping"),
        Record("4", orjson.loads(push("four")), b"4", "push"),
    ]
    tally = pipeline.Tally()
    tally.add(pipeline.digest(connector=connector, source=source(), records=records, now=NOW))
    assert (tally.stored, tally.duplicates, tally.ignored, tally.dead) == (3, 1, 1, 1)
    assert DeadLetter.objects.get().reference == "2"


def test_a_page_read_again_makes_no_second_dead_letter() -> None:
    connector, records = ConnectorFactory(), [Record("1", "garbage", b"garbage", "push")]
    for _ in range(2):
        pipeline.digest(connector=connector, source=source(), records=records, now=NOW)
    assert DeadLetter.objects.count() == 1


def test_an_error_in_any_characters_makes_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("nul \x00, half a character \ud800, and " + "long " * 1_000)

    monkeypatch.setattr(GitHub, "decode", fail)
    digest(DeliveryFactory())
    letter = DeadLetter.objects.get()
    assert letter.message.startswith("RuntimeError: nul \ufffd, half a character ?")
    assert len(letter.message) == 2_000


def test_what_cannot_be_opened_now_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = DeliveryFactory(event="push", body=push("fix"))
    with monkeypatch.context() as broken:
        broken.setattr(digestion, "open_source", explode)
        digest(delivery)
        assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 1)
    digest(delivery)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DIGESTED, 2)


@pytest.mark.parametrize(
    ("problem", "stage"),
    [
        (Misconfigured("no token"), Stage.DECODE),
        (Unavailable("no key"), Stage.DECODE),
        (ProgrammingError("x"), Stage.STORE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_never_can_be_digested_becomes_a_dead_letter_after_five_attempts(
    monkeypatch: pytest.MonkeyPatch, problem: Exception, stage: Stage
) -> None:
    def fail(*_: Any) -> Any:
        raise problem

    monkeypatch.setattr(digestion, "open_source", fail)
    delivery = DeliveryFactory(event="push", body=push("fix"))
    for attempt in range(1, 5):
        digest(delivery)
        assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, attempt)
    digest(delivery)
    letter = DeadLetter.objects.get()
    assert (delivery.state, letter.stage, letter.attempts) == (DeliveryState.DEAD, stage, 5)
    assert bytes(letter.raw) == push("fix")
    assert Connector.objects.get().last_error == letter.message


class Killed(BaseException):
    """The end of a worker: nobody is left to note it."""


@pytest.mark.parametrize("death", [Killed(), OperationalError("gone"), InterfaceError("closed")], ids=repr)
def test_a_delivery_survives_the_deaths_of_workers_and_database(
    monkeypatch: pytest.MonkeyPatch, death: BaseException
) -> None:
    delivery = DeliveryFactory(event="push", body=push("fix"))
    with monkeypatch.context() as deadly:
        die(deadly, death, delivery, times=11)
    digest(delivery)
    assert (delivery.state, delivery.attempts, delivery.failures) == (DeliveryState.DIGESTED, 12, 0)


def test_what_takes_the_worker_with_it_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = DeliveryFactory()
    with monkeypatch.context() as deadly:
        die(deadly, Killed(), delivery, times=12)
    digest(delivery)
    assert delivery.state == DeliveryState.DEAD
    assert DeadLetter.objects.get().message == "No worker survived digesting it, 12 times."


def test_what_the_database_gives_up_on_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = DeliveryFactory()
    die(monkeypatch, OperationalError("canceling statement due to statement timeout"), delivery, times=12)
    assert delivery.state == DeliveryState.DEAD
    assert DeadLetter.objects.get().stage == Stage.STORE


def die(patch: pytest.MonkeyPatch, death: BaseException, delivery: Delivery, *, times: int) -> None:
    """Let every attempt at ``delivery`` end with ``death``."""

    def end(*_: Any) -> Any:
        raise death

    patch.setattr(digestion, "open_source", end)
    for _ in range(times):
        with suppress(Killed):
            digest(delivery)
        delivery.refresh_from_db()


def test_one_connector_that_cannot_be_opened_stops_no_other() -> None:
    broken = DeliveryFactory(connector__kind="gone")
    sound = DeliveryFactory(event="push", body=push("fix"))
    digestion.digest_pending(now=NOW)
    assert Delivery.objects.get(pk=broken.pk).state == DeliveryState.PENDING
    assert Delivery.objects.get(pk=sound.pk).state == DeliveryState.DIGESTED


@pytest.mark.parametrize(("failures", "seconds"), [(0, 10), (1, 40), (2, 160), (3, 640)])
def test_after_each_failure_the_next_attempt_waits_four_times_as_long(
    monkeypatch: pytest.MonkeyPatch, failures: int, seconds: int
) -> None:
    monkeypatch.setattr(digestion, "open_source", explode)
    delivery = digest(DeliveryFactory(attempts=failures, failures=failures))
    assert delivery.next_attempt_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(("deaths", "seconds"), [(0, 10), (1, 20), (2, 40), (3, 60), (11, 60)])
def test_after_a_death_the_next_attempt_waits_a_minute_at_most(
    monkeypatch: pytest.MonkeyPatch, deaths: int, seconds: int
) -> None:
    monkeypatch.setattr(digestion, "_digest", lambda *_: None)
    delivery = digest(DeliveryFactory(attempts=deaths + 2, failures=2))
    assert delivery.next_attempt_at == NOW + timedelta(seconds=seconds)


def test_what_failed_before_comes_alone_so_that_it_fails_alone() -> None:
    DeliveryFactory(attempts=1)
    DeliveryFactory.create_batch(2)
    assert [digestion.digest_pending(now=NOW) for _ in range(3)] == [1, 2, 0]


def test_nothing_is_taken_that_is_done_or_not_due_or_switched_off() -> None:
    for state in set(DeliveryState) - {DeliveryState.PENDING}:
        DeliveryFactory(state=state)
    DeliveryFactory(connector__enabled=False)
    DeliveryFactory(next_attempt_at=NOW + timedelta(seconds=1))
    assert digestion.digest_pending(now=NOW) == 0


def test_no_more_is_taken_than_fits_into_memory_but_always_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digestion, "BATCH_BYTES", 50)
    DeliveryFactory.create_batch(2, body=b'{"padding": "twenty"}')
    DeliveryFactory(body=b" " * 60)
    assert [digestion.digest_pending(now=NOW) for _ in range(3)] == [2, 1, 0]


def test_a_connector_switched_off_digests_nothing_until_it_is_on_again(admin: User) -> None:
    delivery = DeliveryFactory(event="push", body=push("fix"))
    services.switch(connector=delivery.connector, enabled=False, actor=admin, now=NOW)
    digest(delivery)
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 0)
    services.switch(connector=delivery.connector, enabled=True, actor=admin, now=NOW)
    digest(delivery)
    assert delivery.state == DeliveryState.DIGESTED


@pytest.mark.django_db(transaction=True)
def test_a_delivery_in_another_workers_hands_is_left_to_it() -> None:
    delivery = DeliveryFactory(event="push", body=push("fix"))
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT 1 FROM connectors_delivery WHERE id = %s FOR UPDATE", [delivery.pk])
        digest(delivery)
        other.rollback()
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 0)


@pytest.mark.django_db(transaction=True)
def test_a_crash_after_storing_stores_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = DeliveryFactory(event="push", body=push("fix"))
    with monkeypatch.context() as crashing:
        crashing.setattr(digestion, "settle", explode)
        digest(delivery)
    assert (Event.objects.count(), delivery.state) == (0, DeliveryState.PENDING)
    digest(delivery)
    assert (Event.objects.count(), delivery.stored) == (2, 2)


def test_a_connector_shows_when_it_was_last_heard() -> None:
    connector = ConnectorFactory(last_error="It was broken.", failures=3)
    digest(DeliveryFactory(connector=connector), now=NOW)
    connector.refresh_from_db()
    assert (connector.last_success_at, connector.last_error, connector.failures) == (NOW, "", 0)
    digest(DeliveryFactory(connector=connector), now=NOW + timedelta(seconds=9))
    connector.refresh_from_db()
    assert connector.last_success_at == NOW
    digest(DeliveryFactory(connector=connector), now=NOW + timedelta(seconds=11))
    connector.refresh_from_db()
    assert connector.last_success_at == NOW + timedelta(seconds=11)


@pytest.mark.parametrize("commits", [1, 200])
def test_digesting_costs_the_same_queries_however_much_is_in_it(django_assert_num_queries: Any, commits: int) -> None:
    digest(DeliveryFactory())
    DeliveryFactory(event="push", body=push(*(str(number) for number in range(commits))))
    # Taken; begun, read, known, settled, watched for poison, told on the connector, done. Around the rows a savepoint.
    with django_assert_num_queries(11):
        digestion.digest_pending(now=NOW)
