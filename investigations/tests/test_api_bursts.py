"""Bursts over the API: a flood is one line with a count, and one word decides on all of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from events.models import Event
from events.tests.factories import EventFactory
from investigations.choices import LinkState
from investigations.models import Investigation, Link
from investigations.tests.factories import InvestigationFactory, LinkFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DECIDED = {LinkState.CONFIRMED, LinkState.REJECTED, LinkState.MANUAL}


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    return api(engineer)


@pytest.fixture
def case(db: None) -> Investigation:
    return InvestigationFactory()


@pytest.fixture
def told(case: Investigation, engineer: User) -> Callable[..., list[Link]]:
    """Return a way to link events of one title, some minutes after noon."""

    def tell(
        title: str, *minutes: float, state: LinkState = LinkState.SUGGESTED, score: float = 0.7, **event: Any
    ) -> list[Link]:
        by = {"decided_by": engineer, "decided_at": NOON} if state in DECIDED else {}
        return [
            LinkFactory(
                investigation=case,
                event=EventFactory(title=f"{title} {number} ms", timestamp=NOON + minute * MINUTE, **event),
                state=state,
                score=score,
                **by,
            )
            for number, minute in enumerate(minutes)
        ]

    return tell


Tell = Callable[..., list[Link]]


def url(case: Investigation, rest: str = "") -> str:
    return f"/api/v1/investigations/{case.pk}/bursts{rest}"


def folded(response: Any) -> list[tuple[str, int]]:
    assert response.status_code == 200, response.json()
    return [(row["title"], row["count"]) for row in response.json()["results"]]


def states(links: list[Link]) -> list[str]:
    return [Link.objects.get(pk=link.pk).state for link in links]


def test_a_flood_is_one_line_with_a_count(client: APIClient, case: Investigation, told: Tell) -> None:
    links = told("Slow", 0, 1, 2, 3, 3, severity="low") + told("Slow", 4, severity="critical", score=0.9)
    LinkFactory()
    (row,) = client.get(url(case)).json()["results"]
    assert (row["event_id"], row["count"], row["undecided"], row["score"]) == (str(links[0].event_id), 6, 6, 0.9)
    assert (row["title"], row["severity"], row["service"], row["source"]) == (
        "Slow 0 ms",
        "critical",
        "checkout",
        "logs",
    )
    assert (row["first_at"], row["last_at"]) == ("2026-03-01T12:00:00Z", "2026-03-01T12:04:00Z")
    assert row["fingerprint"] == str(links[0].event.fingerprint)


def test_a_silence_of_over_five_minutes_ends_a_burst(client: APIClient, case: Investigation, told: Tell) -> None:
    told("Slow", 0, 5, 10.1)
    assert folded(client.get(url(case))) == [("Slow 2 ms", 1), ("Slow 0 ms", 2)]


def test_what_says_something_else_does_not_end_a_burst(client: APIClient, case: Investigation, told: Tell) -> None:
    told("Slow", 0, 2, 4)
    told("Lost", 1, 3)
    assert folded(client.get(url(case))) == [("Slow 0 ms", 3), ("Lost 0 ms", 2)]


def test_bursts_are_sorted(client: APIClient, case: Investigation, told: Tell) -> None:
    told("Early", 0, score=0.6)
    told("Late", 60, score=0.5)
    told("Long", -1, 1, 3, 5, score=0.9)
    assert [title for title, _ in folded(client.get(url(case)))] == ["Late 0 ms", "Long 0 ms", "Early 0 ms"]
    assert next(title for title, _ in folded(client.get(url(case), {"sort": "timestamp"}))) == "Long 0 ms"
    assert [title for title, _ in folded(client.get(url(case), {"sort": "-score"}))][-1] == "Late 0 ms"


def test_the_filters_of_the_events_choose_what_is_folded(client: APIClient, case: Investigation, told: Tell) -> None:
    told("Slow", 0, 1, service="cart")
    told("Slow", 0, 1, 2, state=LinkState.REJECTED)
    assert folded(client.get(url(case))) == [("Slow 0 ms", 2)]
    assert folded(client.get(url(case), {"state": "rejected"})) == [("Slow 0 ms", 3)]
    assert folded(client.get(url(case), {"service": "cart", "q": "slow", "start": NOON.isoformat()})) != []
    assert folded(client.get(url(case), {"origin": "nobody"})) == []
    assert folded(client.get(url(case), {"q": "nothing"})) == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"sort": "title"}, "sort"),
        ({"cursor": ""}, "cursor"),
        ({"min_score": "x"}, "min_score"),
        ({"page": "0"}, "page"),
    ],
)
def test_a_wrong_parameter_is_named(client: APIClient, case: Investigation, query: dict[str, str], named: str) -> None:
    response = client.get(url(case), query)
    assert (response.status_code, list(response.json()["errors"])) == (400, [named])


def test_bursts_are_paged(
    client: APIClient, case: Investigation, told: Tell, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    told("Slow", *range(0, 70, 10))
    with django_assert_num_queries(3):  # who asks, the case, the page with its count
        page = client.get(url(case), {"per_page": 3, "page": 2})
    assert (len(page.json()["results"]), page.json()["count"], page["X-Total-Count"]) == (3, 7, "7")
    assert "page=3" in page.json()["next"]
    beyond = client.get(url(case), {"per_page": 3, "page": 9}).json()
    assert (beyond["results"], beyond["count"]) == ([], 7)


@pytest.mark.parametrize(("deed", "state"), [("confirm", "confirmed"), ("reject", "rejected")])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_any_event_names_its_burst(
    client: APIClient, case: Investigation, told: Tell, deed: str, state: str, which: int
) -> None:
    burst, later, other = told("Slow", 0, 2, 4), told("Slow", 20), told("Lost", 1)
    answer = client.post(url(case, f"/{burst[which].event_id}/{deed}"))
    assert (answer.status_code, answer.json()) == (200, {"state": state, "changed": 3})
    assert states(burst) == [state] * 3
    assert states(later + other) == ["suggested"] * 2
    assert client.post(url(case, f"/{burst[which].event_id}/{deed}")).json()["changed"] == 0


def test_a_decision_on_a_burst_is_one_entry_of_the_audit_trail(
    client: APIClient, case: Investigation, told: Tell, engineer: User
) -> None:
    first, *_ = told("Slow", 0, 1, 2)
    client.post(url(case, f"/{first.event_id}/reject"))
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.verb, entry.change["links"]) == (engineer, "rejected burst", [None, 3])


def test_what_people_decided_about_single_events_stands(
    client: APIClient, case: Investigation, told: Tell, engineer: User
) -> None:
    suggested, manual = told("Slow", 0, 1), told("Slow", 2, state=LinkState.MANUAL)
    confirmed = told("Slow", 3, state=LinkState.CONFIRMED)
    client.post(url(case, f"/{suggested[0].event_id}/reject"))
    assert states(suggested + manual + confirmed) == ["rejected", "rejected", "manual", "confirmed"]


def test_a_named_cause_survives_the_rejection_of_its_burst(client: APIClient, case: Investigation, told: Tell) -> None:
    links = told("Slow", 0, 1, state=LinkState.CONFIRMED)
    Link.objects.filter(pk=links[0].pk).update(is_cause=True)
    client.post(url(case, f"/{links[1].event_id}/reject"))
    assert states(links) == ["confirmed", "rejected"]


def test_a_rejected_burst_can_be_taken_back(client: APIClient, case: Investigation, told: Tell) -> None:
    links = told("Slow", 0, 1)
    client.post(url(case, f"/{links[0].event_id}/reject"))
    client.post(url(case, f"/{links[0].event_id}/confirm"))
    assert states(links) == ["confirmed", "confirmed"]


def test_the_burst_of_another_investigation_is_not_found(client: APIClient, case: Investigation) -> None:
    foreign = LinkFactory()
    for wrong in (foreign.event_id, "01890000-0000-7000-8000-000000000000", "not-an-id"):
        assert client.post(url(case, f"/{wrong}/confirm")).status_code == 404
    assert Event.objects.get().links.get().state == LinkState.SUGGESTED
