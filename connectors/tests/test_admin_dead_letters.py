"""An operator mends a dead letter in the admin: looks, edits, rehearses, retries, exports."""

import json
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import AuditEntry, User
from connectors import deadletters
from connectors.choices import DeadLetterState
from connectors.models import DeadLetter
from connectors.tests.factories import DeadLetterFactory
from connectors.tests.test_deliveries import push
from events.models import Event

pytestmark = pytest.mark.django_db
GOOD = push("fix").decode()


@pytest.fixture
def office(client: Client, admin: User) -> Client:
    """The admin site as an administrator sees it."""
    client.force_login(admin)
    return client


def send(office: Client, letter: DeadLetter, **filled: Any) -> list[str]:
    """Send the form of a letter and return what is reported."""
    answer = office.post(f"/admin/connectors/deadletter/{letter.pk}/change/", filled)
    assert answer.status_code == 302, answer.context["errors"]
    letter.refresh_from_db()
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_an_edit_is_kept_beside_what_came_and_recorded(office: Client) -> None:
    letter = DeadLetterFactory()
    send(office, letter, text=GOOD)
    assert (bytes(letter.raw), bytes(letter.original or b"")) == (GOOD.encode(), b"garbage")
    assert (letter.state, AuditEntry.objects.get().verb) == (DeadLetterState.OPEN, "edit")


def test_what_was_edited_is_shown_line_by_line(office: Client) -> None:
    letter = DeadLetterFactory(raw=b'{"a": 1}')
    send(office, letter, text='{"a": 2}')
    page = office.get(f"/admin/connectors/deadletter/{letter.pk}/change/").content.decode()
    assert "-  &quot;a&quot;: 1" in page
    assert "+  &quot;a&quot;: 2" in page


def test_a_rehearsal_says_what_it_would_become_and_stores_nothing(office: Client) -> None:
    letter = DeadLetterFactory()
    (said,) = send(office, letter, text=GOOD, _rehearse="1")
    assert "It would become 2 events" in said
    assert (bytes(letter.raw), letter.original, Event.objects.count()) == (b"garbage", None, 0)


def test_a_rehearsal_says_why_it_would_fail_again(office: Client) -> None:
    (said,) = send(office, DeadLetterFactory(), text="still garbage", _rehearse="1")
    assert "It would fail again: This is not JSON" in said


def test_an_edit_is_retried_at_once(office: Client) -> None:
    letter = DeadLetterFactory()
    assert send(office, letter, text=GOOD, _retry="1") == ["Replayed."]
    assert (letter.state, Event.objects.count()) == (DeadLetterState.REPLAYED, 2)


def test_a_letter_sent_unchanged_is_not_edited_whatever_line_ends_the_browser_sends(office: Client) -> None:
    letter = DeadLetterFactory(raw=b"two\nlines")
    send(office, letter, text="two\r\nlines")
    assert letter.original is None


def test_a_settled_letter_cannot_be_edited(office: Client) -> None:
    letter = DeadLetterFactory(state=DeadLetterState.REPLAYED)
    answer = office.post(f"/admin/connectors/deadletter/{letter.pk}/change/", {"text": GOOD})
    assert answer.status_code == 403


def test_bytes_that_are_no_text_are_shown_and_not_edited(office: Client) -> None:
    letter = DeadLetterFactory(raw=b"\xff\xfe")
    assert 'name="text"' not in office.get(f"/admin/connectors/deadletter/{letter.pk}/change/").content.decode()


def test_any_number_is_handed_to_the_workers(office: Client, django_capture_on_commit_callbacks: Any) -> None:
    letters = [DeadLetterFactory(), DeadLetterFactory(state=DeadLetterState.DISCARDED)]
    chosen = {"action": "retry_all", "_selected_action": [str(letter.pk) for letter in letters]}
    answer = office.post("/admin/connectors/deadletter/", chosen)
    assert [str(message) for message in get_messages(answer.wsgi_request)] == [
        "1 are tried again in the background; those that fail stay open."
    ]


def test_letters_are_exported_with_their_raw_items(office: Client) -> None:
    letters = [DeadLetterFactory(), DeadLetterFactory(raw=b"\xff")]
    chosen = {"action": "export", "_selected_action": [str(letter.pk) for letter in letters]}
    answer = office.post("/admin/connectors/deadletter/", chosen)
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]  # type: ignore[attr-defined]
    assert [line.get("raw", line.get("raw_hex")) for line in lines] == ["garbage", "ff"]


def test_letters_that_somebody_settled_meanwhile_are_skipped(engineer: User) -> None:
    letters = [DeadLetterFactory(), DeadLetterFactory(state=DeadLetterState.REPLAYED)]
    replay = deadletters.retry_many(
        letters=[letter.pk for letter in letters], actor=engineer, now=letters[0].created_at
    )
    assert (replay.replayed, replay.failed, replay.skipped) == (0, 1, 1)
