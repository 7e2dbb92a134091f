"""A person investigates, in a real browser."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from investigations import services
from investigations.choices import LinkState
from investigations.models import Investigation, Link, Note
from investigations.tests.factories import InvestigationFactory, LinkFactory
from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser


@pytest.fixture
def case(engineer: User) -> Investigation:
    """Return an investigation with a commit, a deployment and three failures, a minute apart."""
    made = InvestigationFactory(title="Payments fail", created_by=engineer, service_affected="payments")
    happened = [
        ("git", "commit", "info", "Fail fast when the gateway is slow", 0.95),
        ("ci", "deployment", "info", "Deployed payments to production", 0.75),
        *[("logs", "log_error", "high", f"Gateway timed out, attempt {number}", 0.6) for number in (1, 2, 3)],
    ]
    for minute, (source, event_type, severity, title, score) in enumerate(happened):
        LinkFactory(
            investigation=made,
            score=score,
            event__source=source,
            event__event_type=event_type,
            event__severity=severity,
            event__title=title,
            event__timestamp=made.detected_at + timedelta(minutes=minute - 2),
        )
    return made


def open_canvas(page: Page) -> None:
    page.get_by_role("link", name="Payments fail").click()
    expect(page.get_by_role("heading", name="Payments fail")).to_be_visible()
    page.wait_for_load_state()
    if page.evaluate("matchMedia('(scripting: enabled)').matches"):
        page.locator("time-line[ready]").wait_for(state="attached")


def test_from_sign_in_to_a_confirmed_cause_by_keyboard_and_a_note_that_lasts(
    sign_in: SignIn, engineer: User, case: Investigation
) -> None:
    page = sign_in(engineer)
    open_canvas(page)
    page.keyboard.press("/")
    page.keyboard.type("gateway slow")
    expect(page.locator("li.event:visible")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    details = page.get_by_role("region", name="Details")
    expect(details.get_by_role("heading", name="Fail fast when the gateway is slow")).to_be_visible()
    expect(page.locator(".windowed [aria-current]")).to_have_count(1)
    details.get_by_role("button", name="Mark as cause").click()
    expect(details.get_by_text("named a cause")).to_be_visible()
    expect(page.locator("li.event.link-confirmed:visible")).to_have_count(1)
    page.keyboard.press("n")
    page.keyboard.type("It was **the timeout**.")
    page.keyboard.press("Control+s")
    expect(page.locator(".note strong", has_text="the timeout")).to_be_visible()
    page.reload()
    expect(page.locator(".note strong", has_text="the timeout")).to_be_visible()
    expect(details.get_by_text("named a cause")).to_be_visible()
    assert Link.objects.get(is_cause=True).state == LinkState.CONFIRMED


def test_the_back_button_returns_to_the_event_looked_at_before(
    sign_in: SignIn, engineer: User, case: Investigation
) -> None:
    page = sign_in(engineer)
    open_canvas(page)
    details = page.get_by_role("region", name="Details")
    for number in (1, 2):
        page.locator("li.event", has_text=f"attempt {number}").click()
        expect(details.get_by_role("heading", name=f"attempt {number}")).to_be_visible()
    page.go_back()
    expect(details.get_by_role("heading", name="attempt 1")).to_be_visible()
    expect(page.locator(".windowed [aria-current]")).to_contain_text("attempt 1")


def test_everything_works_without_javascript(sign_in: SignIn, engineer: User, case: Investigation) -> None:
    page = sign_in(engineer, java_script_enabled=False)
    open_canvas(page)
    page.locator("li.event", has_text="attempt 2").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Confirmed by engineer")).to_be_visible()
    page.get_by_placeholder("What did you see").fill("Seen **twice**")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".note-preview strong")).to_have_text("twice")
    page.get_by_role("button", name="Save note").click()
    expect(page.locator(".note strong", has_text="twice")).to_be_visible()
    page.get_by_label("Search the timeline").fill("attempt")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("li.event")).to_have_count(3)
    page.get_by_role("button", name="Resolved").click()
    expect(page.get_by_role("listitem").filter(has_text="Resolved").first).to_have_attribute("aria-current", "step")


def test_somebody_elses_work_is_announced_and_moves_nothing(
    sign_in: SignIn, engineer: User, admin: User, case: Investigation
) -> None:
    page = sign_in(engineer)
    open_canvas(page)
    news = page.locator("live-news")
    with page.expect_response(lambda response: response.url.endswith(f"/stream/investigations/{case.pk}")):
        page.reload()
    services.write_note(investigation=case, body="Look at the pool", actor=admin, now=timezone.now())
    expect(news).to_contain_text("admin wrote a note")
    expect(page.locator(".note")).to_have_count(0)
    LinkFactory.create_batch(2, investigation=case)
    services.edit(investigation=case, changes={"priority": "p0"}, actor=admin, now=timezone.now())
    expect(news).to_contain_text("admin changed this, admin wrote a note")
    expect(page.get_by_role("button", name="2 new events")).to_be_visible()
    news.get_by_role("link", name="Show").click()
    expect(page.locator(".note")).to_contain_text("Look at the pool")
    expect(page.locator("li.event:visible")).to_have_count(7)


def test_what_was_typed_survives_a_reload_and_a_session_that_ended(
    sign_in: SignIn, engineer: User, case: Investigation
) -> None:
    page = sign_in(engineer)
    open_canvas(page)
    note = page.get_by_placeholder("What did you see")
    note.fill("Half a thought")
    page.reload()
    expect(note).to_have_value("Half a thought")
    expect(page.get_by_text("Restored what you had not saved")).to_be_visible()
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Save note").click()
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
    expect(note).to_have_value("Half a thought")
    page.reload()
    page.get_by_label("Username").fill("engineer")
    page.get_by_label("Password").fill("correct horse battery staple")
    page.get_by_role("button", name="Sign in").click()
    expect(note).to_have_value("Half a thought")
    page.get_by_role("button", name="Save note").click()
    expect(page.locator(".note", has_text="Half a thought")).to_be_visible()
    page.reload()
    expect(note).to_have_value("")
    assert Note.objects.count() == 1


def test_shortcuts_are_listed_and_can_be_switched_off(sign_in: SignIn, engineer: User) -> None:
    page = sign_in(engineer)
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet.get_by_text("Go to events")).to_be_visible()
    sheet.get_by_label("Shortcuts are on").uncheck()
    sheet.get_by_role("button", name="Close").click()
    page.keyboard.press("?")
    expect(sheet).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("e")
    expect(page).to_have_url("/investigations/")


def test_a_search_of_all_events_finds_a_phrase_and_says_when_nothing_matches(
    sign_in: SignIn, engineer: User, case: Investigation
) -> None:
    page = sign_in(engineer)
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.get_by_label("Search").fill('"timed out"')
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page).to_have_url("/events/?q=%22timed%20out%22")
    page.get_by_label("Search").fill("nosuchword")
    expect(page.get_by_text("No event matches")).to_be_visible()
    page.get_by_role("link", name="Search: nosuchword").click()
    expect(page.locator("tbody tr")).to_have_count(5)
