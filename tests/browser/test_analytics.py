"""From a number on the page of analytics to what it counted, in a real browser."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from events.tests.factories import EventFactory
from investigations.tests.factories import InvestigationFactory
from tests.browser.conftest import PHONE, SignIn

pytestmark = pytest.mark.browser
MARCH = "/analytics/?first=2026-03-01&last=2026-03-31"


@pytest.fixture(autouse=True)
def march() -> None:
    """Fill a few days of March: twice the same cause in one service, and another day with another."""
    for day, service in ((2, "payments"), (2, "payments"), (20, "search")):
        moment = datetime(2026, 3, day, 12, tzinfo=UTC)
        InvestigationFactory(detected_at=moment, service_affected=service, cause_category="capacity")
        EventFactory(timestamp=moment, source="alerts", severity="critical")
    InvestigationFactory(title="Of another time", service_affected="payments", cause_category="capacity")


def rows(page: Page) -> int:
    return page.locator("#results tbody tr").count()


def test_a_column_of_the_chart_leads_to_its_day(sign_in: SignIn, engineer: User) -> None:
    page = sign_in(engineer)
    page.goto(MARCH)
    page.locator(".plot-area").first.locator("a").nth(1).click()
    expect(page).to_have_url(re.compile(r"/investigations/\?detected_from=2026-03-02&detected_to=2026-03-02$"))
    assert rows(page) == 2


def test_a_recurrence_leads_to_its_investigations_and_filters_can_be_taken_off(sign_in: SignIn, engineer: User) -> None:
    page = sign_in(engineer)
    page.goto(MARCH)
    page.get_by_role("link", name="payments: Capacity or load").click()
    expect(page.get_by_text("Cause: Capacity or load")).to_be_visible()
    assert rows(page) == 2
    page.get_by_role("link", name="Service: payments").click()
    expect(page.get_by_text("Service: payments")).to_have_count(0)
    assert rows(page) == 3


def test_a_source_leads_to_its_events(sign_in: SignIn, engineer: User) -> None:
    page = sign_in(engineer)
    page.goto(MARCH)
    page.get_by_role("region", name="Who told").get_by_role("link", name="Alerts").click()
    expect(page).to_have_url(re.compile("source=alerts"))
    assert rows(page) == 3


def test_the_range_is_in_the_address_and_needs_no_script(sign_in: SignIn, engineer: User) -> None:
    page = sign_in(engineer, java_script_enabled=False)
    page.goto("/analytics/")
    page.get_by_label("From (UTC)").fill("2026-03-20")
    page.get_by_label("To (UTC)").fill("2026-03-20")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"\?first=2026-03-20&last=2026-03-20$"))
    expect(page.get_by_role("link", name="Opened: 1")).to_be_visible()


def test_the_keys_g_a_lead_to_analytics(sign_in: SignIn, engineer: User) -> None:
    page = sign_in(engineer)
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Analytics")).to_be_visible()


def test_on_a_phone_a_chart_keeps_its_letters_and_its_numbers_are_a_table(sign_in: SignIn, engineer: User) -> None:
    page = sign_in(engineer, PHONE)
    page.goto(MARCH)
    label = page.locator(".plot-area text").first
    assert label.evaluate("(text) => getComputedStyle(text).fontSize") == "11px"
    chart = page.get_by_role("region", name="Investigations opened and resolved")
    chart.get_by_text("Show as a table").click()
    chart.get_by_role("link", name="2 Mar 2026", exact=True).click()
    expect(page).to_have_url(re.compile("detected_from=2026-03-02"))
    assert rows(page) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_of_a_chart_stand_out_from_the_page(sign_in: SignIn, engineer: User, scheme: str) -> None:
    page = sign_in(engineer, color_scheme=scheme)
    page.goto(MARCH)
    fills = page.locator(".key rect").evaluate_all("(all) => all.map((one) => getComputedStyle(one).fill)")
    surface = page.locator(".panel").first.evaluate("(panel) => getComputedStyle(panel).backgroundColor")
    assert len({*fills, surface, "rgb(0, 0, 0)"}) == 9
