"""Dead letters: tried again after mending, given up, never lost."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import AuditEntry, User
from connectors import deadletters, digestion
from connectors.base import Call, Record
from connectors.choices import DeadLetterState, DeliveryState
from connectors.digestion import digest_pending
from connectors.errors import BadRecord, Misconfigured
from connectors.models import DeadLetter, Delivery
from connectors.sources.github import GitHub
from connectors.tests.factories import NOW, ConnectorFactory, DeadLetterFactory, DeliveryFactory
from connectors.tests.github import decode
from connectors.tests.test_deliveries import push
from events.drafts import EventDraft
from events.models import Event
from rcaplatform.kit.errors import Conflict

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that understands garbage: it is a push of one commit."""

    genuine = GitHub.unpack

    def understand(source: GitHub, call: Call) -> Iterable[tuple[str, Any]]:
        return genuine(source, replace(call, body=push("fix")) if call.body == b"garbage" else call)

    monkeypatch.setattr(GitHub, "unpack", understand)


@pytest.fixture
def letter() -> DeadLetter:
    """Garbage that came as a push and was found to be so."""
    DeliveryFactory(event="push", body=b"garbage")
    digest_pending(now=NOW)
    return DeadLetter.objects.get()


def audit() -> list[tuple[str, Any]]:
    return list(AuditEntry.objects.order_by("id").values_list("verb", "change"))


def test_after_mending_a_retry_stores_the_events(letter: DeadLetter, mended: None, engineer: User) -> None:
    deadletters.retry(dead_letter=letter, actor=engineer, now=LATER)
    letter.refresh_from_db()
    assert (letter.state, letter.resolved_at, letter.attempts) == (DeadLetterState.REPLAYED, LATER, 2)
    assert Event.objects.count() == 2
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.stored, delivery.digested_at) == (DeliveryState.DIGESTED, 2, LATER)
    assert audit() == [("retry", {"state": ["open", "replayed"]})]


def test_what_fails_otherwise_keeps_its_place_and_the_newest_error(
    letter: DeadLetter, mended: None, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(*_: Any) -> Any:
        raise KeyError("commits")

    monkeypatch.setattr(GitHub, "decode", otherwise)
    deadletters.retry(dead_letter=letter, actor=engineer, now=LATER)
    letter.refresh_from_db()
    assert (letter.state, letter.resolved_at, letter.attempts) == (DeadLetterState.OPEN, None, 2)
    assert (letter.error, letter.message) == ("KeyError", "KeyError: 'commits'")
    assert (Delivery.objects.get().state, DeadLetter.objects.count()) == (DeliveryState.DEAD, 1)
    assert audit() == [("retry", {"state": ["open", "open"]})]


def test_a_retry_that_the_store_refuses_stores_nothing_and_makes_no_second_letter(
    letter: DeadLetter, mended: None, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, poison = decode("push", push("fix"))

    def half(*_: Any) -> list[EventDraft]:
        poison.severity = "invented"
        return [good, poison]

    monkeypatch.setattr(GitHub, "decode", half)
    deadletters.retry(dead_letter=letter, actor=engineer, now=LATER)
    letter.refresh_from_db()
    assert (letter.state, letter.error) == (DeadLetterState.OPEN, "IntegrityError")
    assert (Event.objects.count(), DeadLetter.objects.count()) == (0, 1)


def test_what_turns_out_to_be_worth_no_event_is_replayed_all_the_same(
    letter: DeadLetter, mended: None, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GitHub, "decode", lambda *_: [])
    deadletters.retry(dead_letter=letter, actor=engineer, now=LATER)
    letter.refresh_from_db()
    assert (letter.state, Delivery.objects.get().state) == (DeadLetterState.REPLAYED, DeliveryState.IGNORED)


def test_what_was_stored_before_the_letter_died_is_not_stored_twice(mended: None, engineer: User) -> None:
    connector = ConnectorFactory()
    DeliveryFactory(connector=connector, event="push", body=push("fix"))
    digest_pending(now=NOW)
    letter = DeadLetterFactory(connector=connector)
    deadletters.retry(dead_letter=letter, actor=engineer, now=LATER)
    assert Event.objects.count() == 2
    delivery = Delivery.objects.get(dead_letters=letter)
    assert (delivery.stored, delivery.duplicates) == (0, 2)


def test_a_buried_delivery_can_be_retried(engineer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    DeliveryFactory(event="push", body=push("fix"), attempts=4, failures=4)
    with monkeypatch.context() as broken:
        broken.setattr(digestion, "open_source", lambda *_: 1 / 0)
        digest_pending(now=NOW)
    deadletters.retry(dead_letter=DeadLetter.objects.get(), actor=engineer, now=LATER)
    assert Delivery.objects.get().state == DeliveryState.DIGESTED
    assert Event.objects.count() == 2


@pytest.mark.parametrize("state", [DeadLetterState.REPLAYED, DeadLetterState.DISCARDED])
def test_what_is_settled_is_not_retried(state: DeadLetterState, mended: None, engineer: User) -> None:
    with pytest.raises(Conflict, match=state):
        deadletters.retry(dead_letter=DeadLetterFactory(state=state), actor=engineer, now=LATER)
    assert not Event.objects.exists()


def test_a_connector_that_cannot_be_opened_says_so_and_the_letter_stays(engineer: User) -> None:
    letter = DeadLetterFactory(connector__kind="gone")
    with pytest.raises(Misconfigured, match="no source 'gone'"):
        deadletters.retry(dead_letter=letter, actor=engineer, now=LATER)
    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == (DeadLetterState.OPEN, 1)


def test_a_letter_that_came_with_no_delivery_is_decoded_from_its_raw_bytes(
    engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def look(_: GitHub, record: Record) -> list[EventDraft]:
        seen.append(record.value)
        raise BadRecord("still")

    monkeypatch.setattr(GitHub, "decode", look)
    letter = DeadLetterFactory(delivery=None, reference="line 7", raw=b'{"line": 7}')
    deadletters.retry(dead_letter=letter, actor=engineer, now=LATER)
    assert seen == [{"line": 7}]


def test_a_discarded_letter_stays_on_record(letter: DeadLetter, engineer: User) -> None:
    deadletters.discard(dead_letter=letter, actor=engineer, now=LATER)
    with pytest.raises(Conflict, match="settled"):
        deadletters.discard(dead_letter=letter, actor=engineer, now=LATER)
    letter.refresh_from_db()
    assert (letter.state, letter.resolved_at) == (DeadLetterState.DISCARDED, LATER)
    assert [verb for verb, _ in audit()] == ["discard"]


def test_many_are_discarded_in_batches_each_with_its_entry(
    engineer: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(deadletters, "DISCARD_BATCH", 3)
    letters = [DeadLetterFactory() for _ in range(5)]
    settled = DeadLetterFactory(state=DeadLetterState.REPLAYED, resolved_at=NOW)
    with django_assert_num_queries(2 * 5 + 1):  # two batches of three statements and a savepoint, and one count
        done = deadletters.discard_many(letters=DeadLetter.objects.all(), actor=engineer, now=LATER)
    assert (done.discarded, done.left) == (5, 0)
    states = dict(DeadLetter.objects.values_list("pk", "state"))
    assert states == {**{one.pk: DeadLetterState.DISCARDED for one in letters}, settled.pk: DeadLetterState.REPLAYED}
    assert set(DeadLetter.objects.exclude(pk=settled.pk).values_list("resolved_at", flat=True)) == {LATER}
    entries = AuditEntry.objects.filter(verb="discard", actor=engineer, target_type="deadletter")
    assert set(entries.values_list("target_id", flat=True)) == {str(one.pk) for one in letters}
    assert audit()[0] == ("discard", {"state": ["open", "discarded"]})


def test_only_those_chosen_are_discarded_and_no_more_than_one_call_may(
    engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadletters, "DISCARD_BATCH", 1)
    monkeypatch.setattr(deadletters, "MOST_DISCARDED", 2)
    letters = [DeadLetterFactory(error="KeyError") for _ in range(3)]
    other = DeadLetterFactory(error="ValueError")
    done = deadletters.discard_many(letters=DeadLetter.objects.filter(error="KeyError"), actor=engineer, now=LATER)
    assert (done.discarded, done.left) == (2, 1)
    still = DeadLetter.objects.filter(state=DeadLetterState.OPEN).order_by("id")
    assert list(still) == [letters[2], other]


@pytest.mark.django_db(transaction=True)
def test_one_that_is_tried_again_at_this_moment_is_left_alone(engineer: User) -> None:
    held, free = DeadLetterFactory(), DeadLetterFactory()
    taken, done = threading.Event(), threading.Event()

    def being_retried() -> None:
        with transaction.atomic():
            DeadLetter.objects.select_for_update().get(pk=held.pk)
            taken.set()
            done.wait(10)
        connection.close()

    other = threading.Thread(target=being_retried)
    other.start()
    taken.wait(10)
    try:
        outcome = deadletters.discard_many(letters=DeadLetter.objects.all(), actor=engineer, now=LATER)
    finally:
        done.set()
        other.join()
    assert (outcome.discarded, outcome.left) == (1, 1)
    assert DeadLetter.objects.get(state=DeadLetterState.DISCARDED) == free


def test_a_trail_that_cannot_be_written_leaves_the_letters_open(
    engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = DeadLetterFactory()

    def broken(**_: Any) -> None:
        raise RuntimeError("no trail")

    monkeypatch.setattr("accounts.audit.record_each", broken)
    with pytest.raises(RuntimeError):
        deadletters.discard_many(letters=DeadLetter.objects.all(), actor=engineer, now=LATER)
    letter.refresh_from_db()
    assert letter.state == DeadLetterState.OPEN
