"""The card of suspects on the canvas."""

import pytest
from django.test import Client

from accounts.models import User
from investigations.models import Suspect
from investigations.tests.factories import InvestigationFactory, SuspectFactory, SuspectReportFactory

pytestmark = pytest.mark.django_db


def canvas_of(client: Client, suspect: Suspect) -> str:
    return client.get(f"/investigations/{suspect.report.investigation_id}/").content.decode()


@pytest.fixture
def desk(client: Client, engineer: User) -> Client:
    client.force_login(engineer)
    return client


def test_the_header_names_the_first_suspect_and_the_card_says_why(desk: Client) -> None:
    page = canvas_of(desk, SuspectFactory())
    assert "Top suspect" in page
    assert "It came 2 min before the first traces of trouble." in page


def test_before_a_ranking_the_card_says_that_one_comes(desk: Client) -> None:
    page = desk.get(f"/investigations/{InvestigationFactory().pk}/").content.decode()
    assert "ranked within seconds" in page


def test_no_change_is_an_answer(desk: Client) -> None:
    report = SuspectReportFactory(no_change_cause=True, reasons=["The card provider reports an outage."])
    SuspectFactory(report=report, kind="service", name="payments")
    page = desk.get(f"/investigations/{report.investigation_id}/").content.decode()
    assert "No change caused this" in page
    assert "The card provider reports an outage." in page


def test_what_a_suspect_rests_on_is_escaped(desk: Client) -> None:
    page = canvas_of(desk, SuspectFactory(evidence=[{"text": "<script>alert(1)</script>", "events": []}]))
    assert "<script>alert(1)" not in page


def test_an_engineer_dismisses_a_suspect_without_scripts(desk: Client) -> None:
    suspect = SuspectFactory()
    address = f"/investigations/{suspect.report.investigation_id}/suspects/{suspect.pk}"
    assert desk.post(address, {"state": "dismissed"}).status_code == 302
    suspect.refresh_from_db()
    assert suspect.state == "dismissed"


def test_a_user_sees_the_suspects_and_judges_none(client: Client, user: User) -> None:
    client.force_login(user)
    suspect = SuspectFactory()
    assert "This is the cause" not in canvas_of(client, suspect)
    address = f"/investigations/{suspect.report.investigation_id}/suspects/{suspect.pk}"
    assert client.post(address, {"state": "dismissed"}).status_code == 403


def test_ranking_again_keeps_a_new_report(desk: Client) -> None:
    report = SuspectReportFactory()
    desk.post(f"/investigations/{report.investigation_id}/suspects")
    assert report.investigation.suspect_reports.count() == 2


def test_the_card_says_which_sources_were_asked_and_which_were_away(desk: Client) -> None:
    asked = [
        {"source": "prometheus", "said": "12 series", "failed": False},
        {"source": "<tempo>", "said": "no route", "failed": True},
    ]
    page = canvas_of(desk, SuspectFactory(report=SuspectReportFactory(sources=asked)))
    assert "prometheus (12 series); &lt;tempo&gt; (did not answer: no route)" in page
