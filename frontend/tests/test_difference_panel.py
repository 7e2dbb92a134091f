"""The panel of the canvas that explains what is different after the onset."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from accounts.models import User
from events.choices import Source
from events.tests.factories import EventFactory
from investigations.models import Investigation
from investigations.tests.factories import InvestigationFactory

pytestmark = pytest.mark.django_db
ONSET = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def desk(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def case() -> Investigation:
    return InvestigationFactory(started_at=ONSET, detected_at=ONSET)


def tell(minutes: range, zone: str) -> None:
    for minute in minutes:
        at, data = ONSET + timedelta(minutes=minute), {"attributes": {"zone": zone}}
        EventFactory(source=Source.LOGS, event_type="log_error", title="Timeout", timestamp=at, data=data)


def test_until_it_is_asked_it_says_what_it_would_do_and_reads_nothing(desk: Client, case: Investigation) -> None:
    page = desk.get(f"/investigations/{case.pk}/").content.decode()
    assert "Compares what events say of themselves" in page
    assert "?difference=30#difference" in page


def test_without_scripts_the_whole_page_shows_what_differs(desk: Client, case: Investigation) -> None:
    tell(range(-60, 0), "<a>")
    tell(range(30), "<b>")
    page = desk.get(f"/investigations/{case.pk}/", {"difference": "30"}).content.decode()
    assert "More than before" in page
    assert "30 of 30" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_with_scripts_the_panel_alone_is_answered(desk: Client, case: Investigation) -> None:
    headers = {"HX-Request": "true", "HX-Target": "difference"}
    part = desk.get(f"/investigations/{case.pk}/", {"difference": "10"}, headers=headers).content.decode()
    assert part.strip().startswith('<section class="card suspects difference"')
    assert "Nothing is clearly more or less frequent" in part


def test_what_has_too_few_events_is_named(desk: Client, case: Investigation) -> None:
    tell(range(3), "b")
    page = desk.get(f"/investigations/{case.pk}/", {"difference": "30"}).content.decode()
    assert "Logs (0 before, 3 after)" in page


def test_a_length_that_is_none_of_those_offered_is_not_asked(desk: Client, case: Investigation) -> None:
    page = desk.get(f"/investigations/{case.pk}/", {"difference": "99999999"}).content.decode()
    assert "Compares what events say of themselves" in page
