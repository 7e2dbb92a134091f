"""What was sent is forgotten once it is done with, and nothing before that."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from connectors import retention, tasks
from connectors.choices import DeadLetterState, DeliveryState
from connectors.models import DeadLetter, Delivery
from connectors.tests.factories import NOW, DeadLetterFactory, DeliveryFactory

pytestmark = pytest.mark.django_db
KEEP = timedelta(days=14)
LONG_AGO = NOW - timedelta(days=15)


def purge() -> int:
    return retention.purge(now=NOW, keep=KEEP)


def letter(state: DeadLetterState, **fields: Any) -> DeadLetter:
    """Return a dead letter whose delivery was given up long ago."""
    made: DeadLetter = DeadLetterFactory(state=state, delivery__digested_at=LONG_AGO, **fields)
    return made


@pytest.mark.parametrize(
    ("state", "digested_at", "kept"),
    [
        (DeliveryState.DIGESTED, LONG_AGO, False),
        (DeliveryState.IGNORED, LONG_AGO, False),
        (DeliveryState.DEAD, LONG_AGO, False),
        (DeliveryState.DIGESTED, NOW, True),
        (DeliveryState.PENDING, None, True),
    ],
)
def test_a_delivery_is_kept_until_it_was_digested_long_ago(state: DeliveryState, digested_at: Any, kept: bool) -> None:
    DeliveryFactory(state=state, digested_at=digested_at, received_at=LONG_AGO)
    purge()
    assert Delivery.objects.exists() == kept


def test_a_dead_letter_that_waits_for_an_operator_is_kept_with_its_delivery() -> None:
    letter(DeadLetterState.OPEN, created_at=LONG_AGO)
    assert purge() == 0
    assert (DeadLetter.objects.count(), Delivery.objects.count()) == (1, 1)


@pytest.mark.parametrize("state", [DeadLetterState.REPLAYED, DeadLetterState.DISCARDED])
def test_a_settled_dead_letter_is_kept_for_its_term_and_goes_with_its_delivery(state: DeadLetterState) -> None:
    settled = letter(state, resolved_at=NOW)
    assert purge() == 0
    DeadLetter.objects.filter(pk=settled.pk).update(resolved_at=LONG_AGO)
    assert purge() == 2
    assert (DeadLetter.objects.exists(), Delivery.objects.exists()) == (False, False)


def test_no_body_is_read_to_be_deleted_and_batches_go_on_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    DeliveryFactory.create_batch(5, state=DeliveryState.DIGESTED, digested_at=LONG_AGO)
    letter(DeadLetterState.DISCARDED, resolved_at=LONG_AGO)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert purge() == 7
    assert [query["sql"] for query in asked if '"body"' in query["sql"] or '"raw"' in query["sql"]] == []


@pytest.mark.parametrize(("days", "kept"), [(14, 0), (0, 1)])
def test_the_term_is_a_setting_and_none_keeps_all(settings: Settings, days: int, kept: int) -> None:
    settings.DELIVERY_RETENTION_DAYS = days
    long_ago = timezone.now() - timedelta(days=15)
    DeliveryFactory(state=DeliveryState.DIGESTED, digested_at=long_ago)
    tasks.purge()
    assert Delivery.objects.count() == kept


def test_it_rings_every_night(settings: Settings) -> None:
    assert "connectors.purge" in {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
