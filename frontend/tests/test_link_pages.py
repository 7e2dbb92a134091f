"""What people make of links."""

from typing import cast
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from events.tests.factories import EventFactory
from frontend.tests.conftest import Browse
from investigations.choices import LinkState
from investigations.models import Comment, Investigation, Link
from investigations.tests.factories import LinkFactory

pytestmark = pytest.mark.django_db


def decide(window: Client, link: Link, decision: str, **more: str) -> int:
    address = reverse("link-decide", args=[link.investigation_id, link.event_id])
    return window.post(address, {"decision": decision, **more}).status_code


@pytest.mark.parametrize(
    ("decision", "state", "is_cause"),
    [
        ("confirm", LinkState.CONFIRMED, False),
        ("reject", LinkState.REJECTED, False),
        ("cause", LinkState.CONFIRMED, True),
    ],
)
def test_a_person_decides_on_a_link(
    window: Client, link: Link, engineer: User, decision: str, state: LinkState, is_cause: bool
) -> None:
    assert decide(window, link, decision) == 302
    link.refresh_from_db()
    assert (link.state, link.is_cause, link.decided_by) == (state, is_cause, engineer)


def test_naming_a_cause_is_taken_back(window: Client, link: Link) -> None:
    decide(window, link, "cause")
    decide(window, link, "no-cause")
    link.refresh_from_db()
    assert (link.is_cause, link.state) == (False, LinkState.CONFIRMED)


def test_a_decision_on_what_somebody_else_decided_meanwhile_is_refused_in_words(
    browse: Browse, window: Client, admin: User, link: Link
) -> None:
    decide(browse(admin), link, "reject", state="suggested")
    address = reverse("link-decide", args=[link.investigation_id, link.event_id])
    answer = window.post(address, {"decision": "confirm", "state": "suggested"}, headers={"hx-request": "true"})
    assert answer.status_code == 409
    assert answer.text == "admin has rejected this link meanwhile. Look again, then decide."
    link.refresh_from_db()
    assert link.state == LinkState.REJECTED


def test_a_decision_that_does_not_exist_is_refused(window: Client, link: Link) -> None:
    assert decide(window, link, "burn") == 400


def test_htmx_gets_the_event_and_its_row_of_the_table(window: Client, link: Link) -> None:
    address = reverse("link-decide", args=[link.investigation_id, link.event_id]) + "?view=table"
    part = window.post(address, {"decision": "confirm"}, headers={"hx-request": "true", "hx-target": "details"}).text
    assert "Confirmed by engineer" in part
    assert 'hx-swap-oob="true"' in part
    assert "<html" not in part


def test_without_javascript_one_returns_to_the_timeline_as_it_was(window: Client, link: Link) -> None:
    page = reverse("investigation", args=[link.investigation_id])
    here = f"{page}?event={link.event_id}&source=logs"
    address = reverse("link-decide", args=[link.investigation_id, link.event_id])
    answer = window.post(address, {"decision": "confirm"}, headers={"referer": f"http://testserver{here}"})
    assert answer.headers["Location"] == here


def test_an_event_is_linked_by_hand_from_the_canvas_and_from_its_page(window: Client, case: Investigation) -> None:
    one, other = EventFactory.create_batch(2)
    window.post(reverse("link-by-hand", args=[case.pk]), {"event": one.pk})
    answer = window.post(reverse("event-link", args=[other.pk]), {"investigation": case.pk})
    assert answer.headers["Location"] == f"/investigations/{case.pk}/?event={other.pk}"
    assert set(Link.objects.values_list("event_id", "state")) == {(one.pk, "manual"), (other.pk, "manual")}


def test_a_comment_on_an_event_is_kept_and_an_empty_one_refused(window: Client, link: Link) -> None:
    address = reverse("event-comment", args=[link.investigation_id, link.event_id])
    window.post(address, {"body": "Seen before"})
    assert Comment.objects.get().body == "Seen before"
    answer = window.post(address, {"body": " "})
    assert (answer.status_code, "cannot be blank" in answer.text) == (422, True)


def test_an_event_that_is_not_linked_cannot_be_commented_on(window: Client, case: Investigation) -> None:
    event = EventFactory()
    address = reverse("event-comment", args=[case.pk, event.pk])
    assert address not in window.get(reverse("investigation", args=[case.pk]), {"event": str(event.pk)}).text
    answer = window.post(address, {"body": "Typed at length"})
    assert (answer.status_code, Comment.objects.count()) == (422, 0)
    assert "This event is not linked to this investigation" in answer.text
    assert "Typed at length" in answer.text


@pytest.mark.parametrize("name", ["link-decide", "link-by-hand", "event-link"])
def test_a_user_cannot_link(browse: Browse, user: User, link: Link, name: str) -> None:
    places = {"link-decide": [link.investigation_id, link.event_id], "event-link": [link.event_id]}
    address = reverse(name, args=places.get(name, [link.investigation_id]))
    form = {"decision": "confirm", "event": link.event_id, "investigation": link.investigation_id}
    assert browse(user).post(address, form).status_code == 403
    link.refresh_from_db()
    assert link.state == LinkState.SUGGESTED


def together(window: Client, case: Investigation, decision: str, *events: object) -> HttpResponse:
    named = {"decision": decision, "event": [str(event) for event in events]}
    return cast(HttpResponse, window.post(reverse("links-decide", args=[case.pk]), named))


def test_several_links_are_decided_on_with_one_word(window: Client, case: Investigation, link: Link) -> None:
    other = LinkFactory(investigation=case)
    decide(window, other, "reject")
    answer = together(window, case, "reject", link.event_id, other.event_id)
    assert answer.content == b'{"changed": 1}'
    assert set(case.links.values_list("state", flat=True)) == {LinkState.REJECTED}


def test_what_is_not_linked_here_is_not_decided_on_and_nor_is_the_rest(
    window: Client, case: Investigation, link: Link
) -> None:
    for foreign in (LinkFactory().event_id, "no id"):
        assert together(window, case, "confirm", link.event_id, foreign).status_code == 404
    link.refresh_from_db()
    assert link.state == LinkState.SUGGESTED


@pytest.mark.parametrize(("decision", "count"), [("burn", 1), ("confirm", 0), ("confirm", 201)])
def test_a_word_about_several_links_names_some_and_says_what(
    window: Client, case: Investigation, decision: str, count: int
) -> None:
    assert together(window, case, decision, *(uuid4() for _ in range(count))).status_code == 400


def test_a_user_decides_on_no_links_together(browse: Browse, user: User, case: Investigation, link: Link) -> None:
    assert together(browse(user), case, "confirm", link.event_id).status_code == 403
