"""How connectors fare, for people who investigate."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from connectors.models import Breaker, Connector, DeadLetter, Delivery, Gap
from events.tests.factories import OriginFactory
from frontend import health
from frontend.tests.conftest import Browse

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def connector(name: str = "shop", kind: str = "git", **fields: object) -> Connector:
    return Connector.objects.create(name=name, kind=kind, origin=OriginFactory(name=name), **fields)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"enabled": False, "failures": 3}, "off"),
        ({"failures": 3, "next_poll_at": NOW + timedelta(minutes=1)}, "failing"),
        ({"failures": 1, "last_error": "There is no git repository."}, "stopped"),
        ({"next_poll_at": NOW - timedelta(minutes=4), "last_success_at": NOW}, "late"),
        ({"next_poll_at": NOW + timedelta(minutes=1)}, "waiting"),
        ({"next_poll_at": NOW + timedelta(minutes=1), "last_success_at": NOW}, "on"),
        ({"kind": "github"}, "on"),
        ({"breaker": "open", "failures": 5}, "resting"),
    ],
)
def test_the_state_of_a_connector_in_one_word(fields: dict[str, object], state: str) -> None:
    breaker = fields.pop("breaker", None)
    made = connector(**fields)  # type: ignore[arg-type]
    if breaker:
        Breaker.objects.create(connector=made, state=str(breaker))
    assert [found.state for found in health.report(NOW)] == [state]


def test_what_waits_and_what_failed_is_counted(window: Client) -> None:
    shop = connector(last_error="No route to host", failures=2, next_poll_at=NOW)
    for number in range(2):
        DeadLetter.objects.create(connector=shop, stage="decode", reference=str(number), error="BadRecord", raw=b"x")
    DeadLetter.objects.create(connector=shop, stage="store", reference="9", error="E", raw=b"x", state="discarded")
    for number in range(3):
        Delivery.objects.create(connector=shop, key=str(number), body=b"x", received_at=NOW, next_attempt_at=NOW)
    page = window.get("/connectors/").text
    assert "Failing, 2 in a row" in page
    assert "No route to host" in page
    assert [f'"{unit}">{count}</td>' in page for count, unit in ((3, "waiting"), (2, "dead letters"))] == [True, True]


def test_a_connector_that_is_not_tried_again_says_so_and_why(window: Client) -> None:
    connector(last_error="There is no git repository.", failures=1)
    page = window.get("/connectors/").text
    assert "Stopped: it never worked" in page
    assert "There is no git repository." in page
    assert "not until its setting is mended" in page


def test_the_page_asks_the_same_questions_however_many_there_are(
    window: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        connector(f"shop-{number}")
    # Session, person, dead letters, deliveries, connectors, unread.
    with django_assert_num_queries(8):
        window.get("/connectors/")


def test_a_kind_this_release_does_not_know_is_shown_by_its_name(window: Client) -> None:
    connector(kind="telegraph")
    assert "telegraph" in window.get("/connectors/").text


def test_without_connectors_the_page_tells_the_commands(window: Client) -> None:
    assert "manage.py connect git" in window.get("/connectors/").text


def test_who_may_connect_is_sent_where_it_is_done(browse: Browse, admin: User, engineer: User) -> None:
    assert 'href="/admin/connectors/connector/add/"' in browse(admin).get("/connectors/").text
    assert 'href="/admin/connectors/connector/add/"' not in browse(engineer).get("/connectors/").text


def test_administrators_find_the_way_to_the_admin(browse: Browse, admin: User, engineer: User) -> None:
    assert "/admin/connectors/" in browse(admin).get("/connectors/").text
    assert "/admin/" not in browse(engineer).get("/connectors/").text


def test_lag_interval_and_gaps_of_the_last_day_are_told(window: Client) -> None:
    shop = connector(next_poll_at=timezone.now() - timedelta(minutes=3), last_success_at=NOW, interval=120)
    for hours in (1, 30):
        made = Gap.objects.create(connector=shop, start=NOW - timedelta(hours=hours), end=NOW, reason="Too many lines.")
        Gap.objects.filter(pk=made.pk).update(created_at=NOW - timedelta(hours=hours))
    page = window.get("/connectors/").text
    assert "every 2 min" in page
    assert 'data-unit="lag">3 min</td>' in page
    assert 'alarming" data-unit="gaps">1</td>' in page


def test_what_is_not_polled_and_does_not_wait_has_neither_interval_nor_lag(window: Client) -> None:
    connector(kind="github")
    page = window.get("/connectors/").text
    assert 'data-unit="lag"></td>' in page
    assert "every " not in page


def gap(shop: Connector) -> None:
    Gap.objects.create(connector=shop, start=NOW, end=NOW, reason="Too many lines.")


def lag(shop: Connector) -> None:
    Delivery.objects.create(
        connector=shop, key="1", body=b"x", received_at=NOW - timedelta(hours=1), next_attempt_at=NOW
    )


def faster(_shop: Connector) -> None:
    Connector.objects.update(interval=30)


@pytest.mark.parametrize("happens", [gap, lag, faster])
def test_gaps_lag_and_another_interval_are_news(window: Client, happens: Callable[[Connector], None]) -> None:
    shop = connector(next_poll_at=timezone.now() + timedelta(minutes=1), last_success_at=NOW)
    seen = health.digest(health.report())
    happens(shop)
    assert "has changed" in window.get("/connectors/news", {"seen": seen}).text


def test_a_change_of_state_is_news_and_passing_time_is_not(window: Client) -> None:
    shop = connector(last_success_at=NOW)
    seen = health.digest(health.report())
    Connector.objects.update(last_success_at=NOW + timedelta(minutes=1))
    assert window.get("/connectors/news", {"seen": seen}).status_code == 204
    Connector.objects.filter(pk=shop.pk).update(failures=1)
    assert "has changed" in window.get("/connectors/news", {"seen": seen}).text
