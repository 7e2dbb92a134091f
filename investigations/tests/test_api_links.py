"""The events of an investigation over the API: why they are linked, and what people make of it."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from events.models import Event
from events.tests.factories import EventFactory
from investigations.choices import LinkState
from investigations.models import Investigation, Link
from investigations.tests.factories import InvestigationFactory, LinkFactory

pytestmark = pytest.mark.django_db
DECIDED = {LinkState.CONFIRMED, LinkState.REJECTED, LinkState.MANUAL}
NOBODYS = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def case(db: None) -> Investigation:
    return InvestigationFactory()


@pytest.fixture
def link(case: Investigation, engineer: User) -> Callable[..., Link]:
    """Return a way to link a new event of some title to the case."""

    def make(title: str, state: LinkState = LinkState.SUGGESTED, score: float = 0.75, **event: Any) -> Link:
        decision = {"decided_by": engineer, "decided_at": case.detected_at} if state in DECIDED else {}
        return LinkFactory(
            investigation=case, event=EventFactory(title=title, **event), state=state, score=score, **decision
        )

    return make


MakeLink = Callable[..., Link]


def url(case: Investigation, rest: str = "events") -> str:
    return f"/api/v1/investigations/{case.pk}/{rest}"


def titles(response: Any) -> list[str]:
    assert response.status_code == 200, response.json()
    return [row["title"] for row in response.json()["results"]]


def test_each_event_comes_with_its_score_and_the_reasons(
    client: APIClient, case: Investigation, link: MakeLink
) -> None:
    made = link("pool exhausted")
    LinkFactory(event=made.event, score=0.1)  # another investigation's link to the same event
    (row,) = client.get(url(case)).json()["results"]
    assert (row["id"], row["link_id"], row["score"], row["state"]) == (
        str(made.event_id),
        str(made.pk),
        0.75,
        "suggested",
    )
    assert row["factors"] == [
        {"strategy": "time", "score": 0.75, "weight": 1.0, "reason": "Two minutes before the onset."}
    ]
    assert (row["is_cause"], row["decided_by"], row["decided_by_name"]) == (False, None, None)


def test_rejected_links_are_shown_only_when_asked_for(client: APIClient, case: Investigation, link: MakeLink) -> None:
    for state in LinkState:
        link(state.value, state)
    assert set(titles(client.get(url(case)))) == {"suggested", "confirmed", "manual"}
    assert titles(client.get(url(case), {"state": "rejected"})) == ["rejected"]
    assert set(titles(client.get(url(case) + "?state=rejected&state=manual"))) == {"rejected", "manual"}


def test_the_events_filters_work_here_too(client: APIClient, case: Investigation, link: MakeLink) -> None:
    link("pool exhausted", score=0.9, severity="high")
    link("pool grown", score=0.8, severity="low")
    link("disk full", score=0.5, severity="high")
    assert titles(client.get(url(case), {"severity": "high", "q": "pool"})) == ["pool exhausted"]
    assert titles(client.get(url(case), {"min_score": "0.8"})) == ["pool exhausted", "pool grown"]
    assert titles(client.get(url(case), {"is_cause": "true"})) == []
    assert titles(client.get(url(case), {"sort": "-score"})) == ["pool exhausted", "pool grown", "disk full"]


@pytest.mark.parametrize(
    ("query", "named"),
    [({"min_score": "2"}, "min_score"), ({"min_score": "nan"}, "min_score"), ({"state": "x"}, "state")],
)
def test_a_wrong_parameter_is_named(client: APIClient, case: Investigation, query: dict[str, str], named: str) -> None:
    response = client.get(url(case), query)
    assert (response.status_code, list(response.json()["errors"])) == (400, [named])


def test_the_events_are_paged_by_cursor(client: APIClient, case: Investigation, link: MakeLink) -> None:
    for number in range(5):
        link(str(number))
    LinkFactory()
    seen, following = [], f"{url(case)}?cursor=&per_page=2"
    while following:
        page = client.get(following)
        seen += titles(page)
        following = page.json()["next"]
    assert seen == ["0", "1", "2", "3", "4"]


def test_a_deleted_event_is_not_shown(client: APIClient, case: Investigation, link: MakeLink) -> None:
    gone = link("gone")
    client.delete(f"/api/v1/events/{gone.event_id}")
    assert titles(client.get(url(case))) == []
    assert client.post(url(case, f"events/{gone.event_id}/confirm")).status_code == 404


def test_events_are_found_by_the_investigation_they_stand_linked_to(
    client: APIClient, case: Investigation, link: MakeLink
) -> None:
    link("suggested")
    link("rejected", LinkState.REJECTED)
    EventFactory(title="unlinked")
    assert titles(client.get("/api/v1/events", {"investigation_id": str(case.pk)})) == ["suggested"]


def test_an_event_is_linked_by_hand(client: APIClient, case: Investigation, engineer: User) -> None:
    event = EventFactory()
    made = client.post(url(case, "link-event"), {"event_id": str(event.pk)})
    assert made.status_code == 201
    assert (made.json()["state"], made.json()["score"], made.json()["decided_by"]) == ("manual", 1.0, str(engineer.pk))
    assert client.post(url(case, "link-event"), {"event_id": str(event.pk)}).status_code == 200
    assert Link.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status"), [({}, 400), ({"event_id": "x"}, 400), ({"event": "x"}, 400), ({"event_id": NOBODYS}, 404)]
)
def test_what_cannot_be_linked_is_refused(
    client: APIClient, case: Investigation, body: dict[str, str], status: int
) -> None:
    assert client.post(url(case, "link-event"), body).status_code == status


def test_a_deleted_event_cannot_be_linked(client: APIClient, case: Investigation) -> None:
    event = EventFactory()
    client.delete(f"/api/v1/events/{event.pk}")
    assert client.post(url(case, "link-event"), {"event_id": str(event.pk)}).status_code == 404


@pytest.mark.parametrize(("deed", "state"), [("confirm", "confirmed"), ("reject", "rejected")])
def test_a_suggestion_is_confirmed_or_rejected(
    client: APIClient, case: Investigation, link: MakeLink, engineer: User, deed: str, state: str
) -> None:
    event = link("suggestion").event_id
    answer = client.post(url(case, f"events/{event}/{deed}"))
    assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert Link.objects.get().decided_by == engineer


@pytest.mark.parametrize("method", ["post", "delete"])
def test_unlinking_is_rejecting(client: APIClient, case: Investigation, link: MakeLink, method: str) -> None:
    event = link("suggestion").event_id
    answer = getattr(client, method)(url(case, f"unlink-event/{event}"))
    assert (answer.status_code, answer.json()["state"]) == (200, "rejected")
    assert Event.objects.alive().filter(pk=event).exists()


@pytest.mark.parametrize("rest", ["events/{}/confirm", "events/{}/reject", "unlink-event/{}"])
def test_the_event_of_another_investigation_is_not_found(client: APIClient, case: Investigation, rest: str) -> None:
    foreign = LinkFactory()
    for wrong in (foreign.event_id, NOBODYS, "not-an-id"):
        assert client.post(url(case, rest.format(wrong))).status_code == 404
    foreign.refresh_from_db()
    assert foreign.state == LinkState.SUGGESTED


@pytest.mark.parametrize("wrong", [NOBODYS, "not-an-id"])
@pytest.mark.parametrize("rest", ["events", "notes", "status"])
def test_an_investigation_nobody_knows_is_not_found(client: APIClient, wrong: str, rest: str) -> None:
    assert client.get(f"/api/v1/investigations/{wrong}/{rest}").status_code == 404


def test_the_list_costs_the_same_few_queries_whatever_its_length(
    client: APIClient, case: Investigation, link: MakeLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(25):
        link(str(number), LinkState.CONFIRMED)
    with django_assert_num_queries(4):  # who asks, the case, the page, the capped count
        client.get(url(case))
    with django_assert_num_queries(2):  # who asks is known by now
        client.get(url(case), {"cursor": ""})
