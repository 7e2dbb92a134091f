"""What the timeline fetches by itself: all events as columns, words by handle, handles by filter."""

from datetime import timedelta
from itertools import accumulate
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from events.models import Event
from events.tests.factories import OriginFactory
from frontend import skeleton
from investigations import linking
from investigations.choices import LinkState
from investigations.models import Investigation, Link
from investigations.tests.factories import InvestigationFactory, LinkFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    cache.clear()


@pytest.fixture
def links(case: Investigation, engineer: User) -> list[Link]:
    """Return links a minute apart: a commit, a deployment, a failure, and one that was rejected."""
    happened = [
        ("git", "commit", "info"),
        ("ci", "deployment", "info"),
        ("logs", "error", "high"),
        ("logs", "error", "low"),
    ]
    made = [
        LinkFactory(
            investigation=case,
            event__source=source,
            event__event_type=kind,
            event__severity=severity,
            event__title=f"Event {minute} of {source}",
            event__timestamp=case.detected_at + timedelta(minutes=minute),
        )
        for minute, (source, kind, severity) in enumerate(happened)
    ]
    linking.reject(link=made[3], actor=engineer, now=timezone.now())
    return made


def bones(window: Client, case: Investigation, **headers: str) -> Any:
    return window.get(reverse("timeline", args=[case.pk]), headers=headers)


def rows(window: Client, case: Investigation, **query: Any) -> Any:
    return window.get(reverse("timeline-rows", args=[case.pk]), query)


def test_columns_hold_every_linked_event_in_the_order_of_time(
    window: Client, case: Investigation, links: list[Link]
) -> None:
    told = bones(window, case).json()
    times = [link.event.timestamp.timestamp() * 1000 for link in links]
    assert list(accumulate(told["steps"], initial=told["start"]))[1:] == pytest.approx(times, rel=0, abs=10)
    assert (told["severity"], told["source"]) == ("4413", "0122")
    assert [ord(flag) - 48 for flag in told["flags"]] == [0, skeleton.CHANGE, 0, skeleton.REJECTED]
    assert [label for label, _ in told["marks"]] == ["Detected"]


def test_an_investigation_without_events_has_empty_columns(window: Client, case: Investigation) -> None:
    assert bones(window, case).json()["steps"] == []


def test_events_that_say_the_same_share_a_number_once_there_are_five(window: Client, case: Investigation) -> None:
    LinkFactory.create_batch(5, investigation=case, event__fingerprint=7)
    LinkFactory.create_batch(4, investigation=case, event__fingerprint=8)
    assert sorted(bones(window, case).json()["said"]) == [0] * 4 + [1] * 5


def test_columns_that_have_not_changed_are_not_sent_again(
    window: Client, case: Investigation, links: list[Link], engineer: User
) -> None:
    etag = bones(window, case)["ETag"]
    assert bones(window, case, if_none_match=etag).status_code == 304
    linking.confirm(link=links[2], actor=engineer, now=timezone.now())
    assert bones(window, case, if_none_match=etag).status_code == 200


def test_columns_come_compressed_to_who_can_read_that(window: Client, case: Investigation, links: list[Link]) -> None:
    assert bones(window, case, accept_encoding="gzip, br")["Content-Encoding"] == "gzip"


def test_columns_cost_the_same_questions_however_many_events_there_are(
    window: Client, case: Investigation, links: list[Link], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # Session, person, investigation, revision of links and of events, columns.
    with django_assert_num_queries(6):
        bones(window, case)
    LinkFactory.create_batch(30, investigation=case, event__origin=OriginFactory())
    with django_assert_num_queries(6):
        bones(window, case)
    with django_assert_num_queries(5):
        bones(window, case)


def test_words_are_fetched_by_handle(
    window: Client, case: Investigation, links: list[Link], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    revision = bones(window, case).json()["revision"]
    with django_assert_num_queries(4):
        said = rows(window, case, revision=revision, handles="0,2,9").json()["rows"]
    assert {handle: words[:2] for handle, words in said.items()} == {
        "0": [str(links[0].event_id), "Event 0 of git"],
        "2": [str(links[2].event_id), "Event 2 of logs"],
    }


def test_an_event_is_found_by_its_id(window: Client, case: Investigation, links: list[Link]) -> None:
    revision = bones(window, case).json()["revision"]
    said = rows(window, case, revision=revision, event=[str(links[1].event_id)]).json()["rows"]
    assert list(said) == ["1"]


def test_handles_hold_while_others_link_and_judge(
    window: Client, case: Investigation, links: list[Link], engineer: User
) -> None:
    revision = bones(window, case).json()["revision"]
    LinkFactory(investigation=case, event__timestamp=case.detected_at - timedelta(hours=1))
    linking.confirm(link=links[0], actor=engineer, now=timezone.now())
    said = rows(window, case, revision=revision, handles="0").json()["rows"]
    assert said["0"][0] == str(links[0].event_id)


def test_handles_of_a_forgotten_revision_are_refused(window: Client, case: Investigation, links: list[Link]) -> None:
    assert rows(window, case, revision="0123456789abcdef", handles="0").status_code == 409


def test_without_a_cache_handles_still_hold_until_something_changes(
    window: Client, case: Investigation, links: list[Link]
) -> None:
    revision = bones(window, case).json()["revision"]
    cache.clear()
    assert rows(window, case, revision=revision, handles="0").status_code == 200


@pytest.mark.parametrize("query", [{}, {"handles": "a"}, {"handles": "1,,2"}, {"handles": "-1"}, {"event": "x"}])
def test_a_question_that_means_nothing_is_refused(
    window: Client, case: Investigation, links: list[Link], query: dict[str, str]
) -> None:
    revision = bones(window, case).json()["revision"]
    assert rows(window, case, revision=revision, **query).status_code == 400


def test_handles_of_what_matches_a_search_are_told(window: Client, case: Investigation, links: list[Link]) -> None:
    revision = bones(window, case).json()["revision"]
    address = reverse("timeline-matches", args=[case.pk])
    assert window.get(address, {"revision": revision, "q": "logs"}).json() == {"handles": [2]}
    rejected = {"revision": revision, "q": "logs", "state": "rejected"}
    assert window.get(address, rejected).json() == {"handles": [3]}


@pytest.mark.parametrize("name", ["timeline", "timeline-rows", "timeline-matches"])
def test_a_deleted_investigation_tells_nothing(window: Client, name: str) -> None:
    gone = InvestigationFactory(deleted_at=timezone.now())
    assert window.get(reverse(name, args=[gone.pk])).status_code == 404


@pytest.mark.parametrize("name", ["timeline", "timeline-rows", "timeline-matches"])
def test_somebody_who_has_not_signed_in_is_told_nothing(client: Client, case: Investigation, name: str) -> None:
    address = reverse(name, args=[case.pk])
    assert client.get(address, headers={"hx-request": "true"}).status_code == 401


def test_what_was_rejected_is_marked_and_not_left_out(window: Client, case: Investigation, links: list[Link]) -> None:
    assert Link.objects.get(pk=links[3].pk).state == LinkState.REJECTED
    assert len(bones(window, case).json()["steps"]) == 4


def test_a_deleted_event_leaves_the_columns(window: Client, case: Investigation, links: list[Link]) -> None:
    etag = bones(window, case)["ETag"]
    Event.objects.filter(pk=links[0].event_id).update(deleted_at=timezone.now(), updated_at=timezone.now())
    changed = bones(window, case, if_none_match=etag)
    assert (changed.status_code, len(changed.json()["steps"])) == (200, 3)


def test_what_is_known_of_very_many_links_is_asked_for_once_a_revision(
    case: Investigation, links: list[Link], engineer: User
) -> None:
    def count() -> int:
        asked.append(1)
        return len(asked)

    def ask() -> int:
        return skeleton.remembered(case, "number", skeleton.LOOKED_AT + 1, count)

    asked: list[int] = []
    assert [ask(), ask()] == [1, 1]
    linking.confirm(link=links[0], actor=engineer, now=timezone.now())
    assert ask() == 2
