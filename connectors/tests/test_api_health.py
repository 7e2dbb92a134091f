"""How the connectors fare, over the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from connectors.tests.factories import ConnectorFactory, DeadLetterFactory, DeliveryFactory

pytestmark = pytest.mark.django_db
HEALTH = "/api/v1/analytics/connectors/health"


def test_there_may_be_no_connectors(api: Any, user: User) -> None:
    assert api(user).get(HEALTH).json()["connectors"] == []


def test_a_connector_says_how_it_stands_and_what_waits(api: Any, user: User) -> None:
    now = timezone.now()
    connector = ConnectorFactory(name="hub", last_success_at=now - timedelta(minutes=5))
    letter = DeadLetterFactory(connector=connector)
    DeadLetterFactory(connector=connector, reference="dealt with", state="replayed", delivery=letter.delivery)
    for minutes in (1, 3):
        DeliveryFactory(connector=connector, received_at=now - timedelta(minutes=minutes))
    (row,) = api(user).get(HEALTH).json()["connectors"]
    assert (row["name"], row["kind"], row["state"], row["enabled"]) == ("hub", "github", "on", True)
    assert (row["dead_letters"], row["deliveries_pending"]) == (1, 2)
    assert 180 <= row["lag_seconds"] < 200
    assert row["last_success_at"]
    assert "secret" not in str(row)


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"enabled": False}, "off"),
        ({"failures": 2, "last_error": "Refused.", "next_poll_at": timedelta(seconds=30)}, "failing"),
        ({"failures": 1, "last_error": "No such repository."}, "stopped"),
        ({"next_poll_at": timedelta(seconds=30)}, "waiting"),
        ({"next_poll_at": timedelta(hours=-1)}, "late"),
    ],
)
def test_the_state_of_a_connector(api: Any, user: User, values: dict[str, Any], state: str) -> None:
    if "next_poll_at" in values:
        values = values | {"next_poll_at": timezone.now() + values["next_poll_at"]}
    ConnectorFactory(**values)
    (row,) = api(user).get(HEALTH).json()["connectors"]
    assert row["state"] == state
    assert (row["lag_seconds"] > 0) == (state == "late")


def test_the_number_of_queries_does_not_grow(api: Any, user: User, django_assert_num_queries: Any) -> None:
    client = api(user)
    for connector in ConnectorFactory.create_batch(4):
        DeadLetterFactory(connector=connector)
    with django_assert_num_queries(6):
        client.get(HEALTH)
