"""The card of suspects in a real browser: seen at every width, judged by mouse and by keyboard."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from investigations.models import Suspect
from investigations.tests.factories import InvestigationFactory, LinkFactory, SuspectFactory, SuspectReportFactory
from tests.browser.conftest import PHONE, SignIn

pytestmark = pytest.mark.browser


@pytest.fixture
def suspect(engineer: User) -> Suspect:
    """Return a commit that is suspected first, of two."""
    case = InvestigationFactory(title="Payments fail", created_by=engineer)
    report = SuspectReportFactory(investigation=case, first_failing_service="payments", blast_radius=["web"])
    commit = LinkFactory(investigation=case, event__source="git", event__title="payments: Fail fast").event
    made: Suspect = SuspectFactory(report=report, event=commit, place=1)
    SuspectFactory(report=report, kind="service", name="payments", place=2, score=0.6)
    return made


def opened(page: Page, suspect: Suspect) -> Page:
    page.goto(f"/investigations/{suspect.report.investigation_id}/")
    page.locator("time-line[ready]").wait_for(state="attached")
    return page


def state_of(suspect: Suspect) -> str:
    suspect.refresh_from_db()
    return str(suspect.state)


def test_the_header_names_the_first_suspect_and_leads_to_the_card(
    sign_in: SignIn, engineer: User, suspect: Suspect
) -> None:
    page = opened(sign_in(engineer, PHONE), suspect)
    page.locator(".case-suspect").get_by_role("link", name="payments: Fail fast").click()
    expect(page.get_by_role("region", name="Suspects")).to_be_in_viewport()


def test_a_suspect_is_confirmed_and_that_is_taken_back(sign_in: SignIn, engineer: User, suspect: Suspect) -> None:
    page = opened(sign_in(engineer), suspect)
    card = page.locator(f"#suspect-{suspect.pk}")
    card.get_by_role("button", name="This is the cause").click()
    expect(card).to_contain_text("Confirmed by engineer")
    assert state_of(suspect) == "confirmed"
    card.get_by_role("button", name="Take that back").click()
    expect(card.get_by_role("button", name="This is the cause")).to_be_visible()
    assert state_of(suspect) == "open"


def test_the_keyboard_dismisses_a_suspect_and_stays_where_it_was(
    sign_in: SignIn, engineer: User, suspect: Suspect
) -> None:
    page = opened(sign_in(engineer), suspect)
    card = page.locator(f"#suspect-{suspect.pk}")
    card.get_by_role("link").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(card.get_by_role("button", name="Dismiss")).to_be_focused()
    page.keyboard.press("Enter")
    expect(card.get_by_role("button", name="Take that back")).to_be_focused()
    assert state_of(suspect) == "dismissed"
    page.keyboard.press("Enter")
    expect(card.get_by_role("button", name="This is the cause")).to_be_focused()


def test_a_suspect_opens_its_event_from_the_card(sign_in: SignIn, engineer: User, suspect: Suspect) -> None:
    page = opened(sign_in(engineer), suspect)
    page.locator(f"#suspect-{suspect.pk}").get_by_role("link").press("Enter")
    details = page.get_by_role("region", name="Details")
    expect(details.get_by_role("heading", name="payments: Fail fast")).to_be_visible()


def test_who_may_not_judge_is_offered_nothing_to_press(sign_in: SignIn, user: User, suspect: Suspect) -> None:
    page = opened(sign_in(user), suspect)
    card = page.get_by_role("region", name="Suspects")
    expect(card).to_contain_text("payments: Fail fast")
    expect(card.get_by_role("button")).to_have_count(0)
