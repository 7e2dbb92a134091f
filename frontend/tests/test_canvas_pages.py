"""The canvas: its timeline, its details, its news, in a bounded number of questions."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from events.tests.factories import EventFactory, OriginFactory
from frontend import canvas
from investigations import linking, services
from investigations.choices import LinkState
from investigations.models import Investigation, Link
from investigations.tests.factories import InvestigationFactory, LinkFactory, NoteFactory

pytestmark = pytest.mark.django_db


def path(case: Investigation, query: str = "") -> str:
    return reverse("investigation", args=[case.pk]) + query


def decided(case: Investigation, state: LinkState, by: User, **event: object) -> Link:
    fields = {f"event__{name}": value for name, value in event.items()}
    return LinkFactory(investigation=case, state=state, decided_by=by, decided_at=timezone.now(), **fields)


def test_the_canvas_asks_the_same_questions_however_much_it_shows(
    window: Client, case: Investigation, link: Link, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    NoteFactory(investigation=case)
    window.get(path(case, f"?event={link.event_id}"))  # so that it was seen before
    # Session, person, investigation, links, counts by facet, count, gaps, failing connectors, event, link, comments,
    # notes, their comments, related, unread.
    with django_assert_num_queries(16):
        window.get(path(case, f"?event={link.event_id}"))
    origin = OriginFactory()
    LinkFactory.create_batch(30, investigation=case, event__origin=origin)
    NoteFactory.create_batch(10, investigation=case)
    case.related.add(InvestigationFactory())
    with django_assert_num_queries(16):
        window.get(path(case, f"?event={link.event_id}"))


def test_without_an_event_the_strongest_link_of_each_source_is_named_with_its_reasons(
    window: Client, case: Investigation
) -> None:
    LinkFactory(investigation=case, score=0.9, event__source="git", event__title="Strong commit")
    LinkFactory(investigation=case, score=0.6, event__source="git", event__title="Weak commit")
    LinkFactory(investigation=case, score=0.7, event__source="ci", event__title="Deployment")
    looks = window.get(path(case), headers={"hx-request": "true", "hx-target": "details"}).text
    assert looks.index("Strong commit") < looks.index("Deployment")
    assert "Weak commit" not in looks
    assert "Two minutes before the onset." in looks


def test_an_event_is_shown_with_its_link_explained(window: Client, case: Investigation, link: Link) -> None:
    page = window.get(path(case, f"?event={link.event_id}")).text
    for words in ("Gateway timed out", "Why it is linked", "75 %", "Two minutes before the onset.", "Mark as cause"):
        assert words in page


def test_looking_at_an_event_starts_its_third_clock_once(window: Client, case: Investigation, link: Link) -> None:
    window.get(path(case, f"?event={link.event_id}"))
    link.event.refresh_from_db()
    seen = link.event.first_seen_at
    assert seen is not None
    window.get(path(case, f"?event={link.event_id}"))
    link.event.refresh_from_db()
    assert link.event.first_seen_at == seen


def test_an_event_that_is_not_linked_can_be(window: Client, case: Investigation) -> None:
    event = EventFactory()
    assert "Link it" in window.get(path(case, f"?event={event.pk}")).text


@pytest.mark.parametrize("chosen", ["nonsense", "00000000-0000-0000-0000-000000000000", "'"])
def test_an_event_that_does_not_exist_is_not_found(window: Client, case: Investigation, chosen: str) -> None:
    assert window.get(path(case, f"?event={quote(chosen)}")).status_code == 404


def test_a_deleted_investigation_is_not_found(window: Client) -> None:
    assert window.get(path(InvestigationFactory(deleted_at=timezone.now()))).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "abc"),
        ("?source=git", "a"),
        ("?source=git&source=ci", "ab"),
        ("?severity=critical", "c"),
        ("?q=gateway", "c"),
        ("?state=confirmed", "b"),
        ("?state=rejected", "d"),
        ("?state=cause", ""),
        ("?severity=nonsense", "abc"),
    ],
)
def test_the_timeline_is_filtered(window: Client, case: Investigation, engineer: User, query: str, found: str) -> None:
    LinkFactory(investigation=case, event__title="Event a", event__source="git")
    decided(case, LinkState.CONFIRMED, engineer, title="Event b", source="ci")
    LinkFactory(investigation=case, event__title="Event c gateway", event__severity="critical")
    decided(case, LinkState.REJECTED, engineer, title="Event d")
    part = window.get(path(case, query), headers={"hx-request": "true", "hx-target": "events"}).text
    assert "".join(letter for letter in "abcd" if f"Event {letter}" in part) == found


@pytest.mark.parametrize(("order", "expected"), [("newest", "cba"), ("oldest", "abc")])
def test_time_runs_the_way_it_is_asked_to(window: Client, case: Investigation, order: str, expected: str) -> None:
    for minute, letter in enumerate("abc"):
        moment = case.detected_at + timedelta(minutes=minute)
        LinkFactory(investigation=case, event__title=f"Event {letter}", event__timestamp=moment)
    part = window.get(path(case, f"?order={order}"), headers={"hx-request": "true", "hx-target": "events"}).text
    assert "".join(sorted("abc", key=lambda letter: part.index(f"Event {letter}"))) == expected


def test_times_can_count_from_detection(window: Client, case: Investigation) -> None:
    LinkFactory(investigation=case, event__timestamp=case.detected_at - timedelta(minutes=12, seconds=3))
    assert "t-12m03s" in window.get(path(case, "?time=relative")).text


def test_a_long_timeline_comes_in_pages_that_join(
    window: Client, case: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canvas, "SHOWN", 2)
    for number in range(5):
        moment = case.detected_at + timedelta(minutes=number)
        LinkFactory(investigation=case, event__title=f"Event {number}", event__timestamp=moment)
    seen, address = "", path(case)
    for _ in range(3):
        part = window.get(address, headers={"hx-request": "true", "hx-target": "more"}).text
        seen += "".join(number for number in "43210" if f"Event {number}" in part)
        address = part.partition('id="more"')[2].partition('href="')[2].partition('"')[0]
    assert (seen, address) == ("43210", "")


def test_a_made_up_cursor_is_refused(window: Client, case: Investigation) -> None:
    assert window.get(path(case, "?after=nonsense")).status_code == 400


def test_what_a_source_says_is_text_and_never_markup(window: Client, case: Investigation) -> None:
    attack = "<script>alert(1)</script>"
    link = LinkFactory(
        investigation=case,
        event__title=attack,
        event__service=attack,
        event__tags=[attack],
        event__data={"message": attack, attack: attack, "exception": {"type": attack, "stack": attack}},
        factors=[{"strategy": attack, "score": 1, "weight": 1, "reason": attack}],
    )
    page = window.get(path(case, f"?event={link.event_id}")).text
    assert attack not in page
    assert "&lt;script&gt;" in page


def test_an_empty_timeline_says_what_will_come(window: Client, case: Investigation) -> None:
    assert "No event is linked yet" in window.get(path(case)).text


class TestNews:
    """What the page is told when something happened."""

    @pytest.fixture
    def ask(self, window: Client, case: Investigation) -> "Ask":
        return Ask(window, case)

    def test_nothing_new_is_no_content(self, ask: "Ask") -> None:
        assert ask().status_code == 204

    def test_events_linked_since_are_counted(self, ask: "Ask", case: Investigation) -> None:
        LinkFactory.create_batch(3, investigation=case)
        assert "3 new events" in ask().text

    def test_somebody_elses_change_names_them(self, ask: "Ask", case: Investigation, admin: User) -> None:
        services.edit(investigation=case, changes={"title": "Theirs"}, actor=admin, now=timezone.now())
        assert "admin changed this" in ask().text

    def test_ones_own_change_in_another_window_is_told_as_such(
        self, ask: "Ask", case: Investigation, engineer: User
    ) -> None:
        services.edit(investigation=case, changes={"title": "Mine"}, actor=engineer, now=timezone.now())
        assert "You changed this in another window" in ask().text

    def test_somebody_elses_note_and_judgement_are_told(self, ask: "Ask", case: Investigation, admin: User) -> None:
        link = LinkFactory(investigation=case)
        ask.known = 1
        services.write_note(investigation=case, body="Seen", actor=admin, now=timezone.now())
        linking.confirm(link=link, actor=admin, now=timezone.now())
        assert "admin wrote a note and confirmed 1 link" in ask().text

    def test_ones_own_note_is_no_news(self, ask: "Ask", case: Investigation, engineer: User) -> None:
        services.write_note(investigation=case, body="Mine", actor=engineer, now=timezone.now())
        assert ask().status_code == 204

    @pytest.mark.parametrize(
        "query", ["", "version=1&known=x&since=2026-01-01T00:00:00Z", "version=1&known=1&since=now"]
    )
    def test_a_question_without_its_terms_is_refused(self, window: Client, case: Investigation, query: str) -> None:
        assert window.get(f"{reverse('investigation-news', args=[case.pk])}?{query}").status_code == 400


class Ask:
    """Asks for the news since now."""

    def __init__(self, window: Client, case: Investigation) -> None:
        self.window = window
        self.case = case
        self.version = case.version
        self.since = timezone.now()
        self.known = 0

    def __call__(self) -> Any:
        terms: dict[str, str | int] = {"version": self.version, "known": self.known, "since": self.since.isoformat()}
        return self.window.get(reverse("investigation-news", args=[self.case.pk]), terms)
