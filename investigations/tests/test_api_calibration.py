"""Calibration over the API: what people made of what the rules suggested, band by band."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from events.models import Event
from events.tests.factories import EventFactory
from investigations import linking
from investigations.choices import LinkState
from investigations.models import Link
from investigations.tests.factories import InvestigationFactory, LinkFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/links/calibration"
EMPTY = {"suggested": 0, "confirmed": 0, "rejected": 0, "undecided": 0, "share_confirmed": None}


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def decided(engineer: User) -> Callable[..., Link]:
    """Return a way to make a link of some score that people confirmed or rejected."""

    def make(score: float, state: LinkState, **more: Any) -> Link:
        return LinkFactory(score=score, state=state, decided_by=engineer, decided_at=timezone.now(), **more)

    return make


def bands(response: Any) -> dict[float, dict[str, Any]]:
    assert response.status_code == 200, response.json()
    return {band.pop("from"): band for band in response.json()["bands"]}


def test_without_links_every_band_is_empty(client: APIClient) -> None:
    answer = client.get(URL)
    assert bands(answer) == {low: {"to": round(low + 0.1, 1), **EMPTY} for low in (0.5, 0.6, 0.7, 0.8, 0.9)}
    assert answer.json()["factors"] == []


def test_each_band_says_how_many_were_confirmed(client: APIClient, decided: Callable[..., Link]) -> None:
    for state in (LinkState.CONFIRMED, LinkState.CONFIRMED, LinkState.CONFIRMED, LinkState.REJECTED):
        decided(0.85, state)
    LinkFactory(score=0.89)
    decided(0.9, LinkState.REJECTED)
    decided(1.0, LinkState.CONFIRMED)
    found = bands(client.get(URL))
    assert found[0.8] == {
        "to": 0.9,
        "suggested": 5,
        "confirmed": 3,
        "rejected": 1,
        "undecided": 1,
        "share_confirmed": 0.75,
    }
    assert (found[0.9]["suggested"], found[0.9]["share_confirmed"]) == (2, 0.5)


def test_what_people_linked_by_hand_was_no_suggestion_unless_it_was_one(client: APIClient, engineer: User) -> None:
    case, suggested = InvestigationFactory(), LinkFactory(score=0.7)
    linking.link_by_hand(investigation=case, event=EventFactory(), actor=engineer, now=timezone.now())
    linking.link_by_hand(
        investigation=suggested.investigation, event=suggested.event, actor=engineer, now=timezone.now()
    )
    found = bands(client.get(URL))
    assert found.pop(0.7)["confirmed"] == 1
    assert sum(band["suggested"] for band in found.values()) == 0


def test_the_means_tell_which_factor_is_right(client: APIClient, decided: Callable[..., Link]) -> None:
    def factors(time: float, text: float | None) -> list[dict[str, Any]]:
        return [{"strategy": "time", "score": time}, {"strategy": "text", "score": text}]

    decided(0.8, LinkState.CONFIRMED, factors=factors(1.0, 0.6))
    decided(0.8, LinkState.CONFIRMED, factors=factors(0.5, None))
    decided(0.8, LinkState.REJECTED, factors=factors(1.0, None))
    LinkFactory(factors=factors(0.0, 0.0))
    text, time = client.get(URL).json()["factors"]
    assert text == {"strategy": "text", "confirmed": 0.6, "rejected": None, "of_confirmed": 2, "of_rejected": 1}
    assert (time["confirmed"], time["rejected"]) == (0.75, 1.0)


def test_it_can_be_narrowed(client: APIClient, decided: Callable[..., Link]) -> None:
    old = decided(0.8, LinkState.CONFIRMED, event__source="git")
    Link.objects.filter(pk=old.pk).update(created_at="2026-01-01T00:00:00Z", rule_version=1)
    Link.objects.exclude(pk=old.pk).update(rule_version=2)
    decided(0.8, LinkState.REJECTED, rule_version=2)

    def confirmed(**query: str) -> tuple[int, int]:
        band = bands(client.get(URL, query))[0.8]
        return band["confirmed"], band["rejected"]

    assert confirmed() == (1, 1)
    assert confirmed(source="git") == (1, 0)
    assert confirmed(rule_version="2") == (0, 1)
    assert confirmed(end="2026-02-01T00:00:00Z") == (1, 0)
    assert confirmed(start="2026-02-01T00:00:00Z") == (0, 1)


def test_deleted_events_do_not_count(client: APIClient, decided: Callable[..., Link]) -> None:
    decided(0.8, LinkState.CONFIRMED)
    Event.objects.update(deleted_at=timezone.now())
    assert bands(client.get(URL))[0.8]["suggested"] == 0


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"source": "x"}, "source"),
        ({"rule_version": "x"}, "rule_version"),
        ({"rule_version": "-1"}, "rule_version"),
        ({"rule_version": "99999999999"}, "rule_version"),
        ({"rule_version": "1.5"}, "rule_version"),
        ({"start": "2026-02-01", "end": "2026-01-01"}, "start"),
        ({"state": "confirmed"}, "state"),
        ({"sort": "score"}, "sort"),
    ],
)
def test_a_wrong_parameter_is_named(client: APIClient, query: dict[str, str], named: str) -> None:
    response = client.get(URL, query)
    assert (response.status_code, list(response.json()["errors"])) == (400, [named])


def test_it_costs_two_queries(client: APIClient, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(3):  # who asks, the counts, the means
        client.get(URL)
