"""The timeline in a real browser: windowed, filtered, brushed, walked through by keyboard, and read out."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from events.tests.factories import OriginFactory
from investigations.choices import LinkState
from investigations.models import Investigation
from investigations.tests.factories import InvestigationFactory, LinkFactory
from tests.browser.conftest import PHONE, SignIn

pytestmark = pytest.mark.browser
MANY = 400
SHOWN = "document.querySelector('.windowed').getBoundingClientRect().height"
TOP = "document.querySelector('#events').scrollTop"


@pytest.fixture
def case(engineer: User) -> Investigation:
    """Return an investigation with a deployment, an alert, twelve log lines that say the same, and many others."""
    made = InvestigationFactory(title="Payments fail", created_by=engineer)
    origin = OriginFactory()

    def link(minutes: float, **event: object) -> None:
        told = {f"event__{name}": value for name, value in event.items()}
        at = made.detected_at + timedelta(minutes=minutes)
        LinkFactory(investigation=made, event__origin=origin, event__timestamp=at, **told)

    link(-30, source="ci", event_type="deployment", title="Deployed payments", severity="info", service="payments")
    link(0, source="alerts", event_type="alert", title="Failure rate", severity="critical", service="payments")
    for number in range(12):
        link(1 + number / 6, source="logs", title=f"Pool is empty, {number}", severity="high", fingerprint=77)
    for number in range(MANY):
        link(20 + number / 10, source="logs", title=f"Line {number}", severity="low", fingerprint=1000 + number)
    return made


@pytest.fixture
def page(sign_in: SignIn, engineer: User, case: Investigation) -> Page:
    """Return the canvas, its timeline in use."""
    return opened(sign_in(engineer), case)


def opened(page: Page, case: Investigation, query: str = "") -> Page:
    page.goto(f"/investigations/{case.pk}/{query}")
    page.locator("time-line[ready]").wait_for(state="attached")
    return page


def test_few_elements_show_many_events(page: Page) -> None:
    assert page.evaluate(SHOWN) > MANY * 40
    assert page.evaluate("document.querySelectorAll('.timeline *').length") < 500
    expect(page.get_by_role("option", name="Line 399")).to_be_visible()


def test_scrolling_shows_what_is_further_down(page: Page) -> None:
    page.evaluate("document.querySelector('#events').scrollTop = 1e9")
    expect(page.get_by_role("option", name="Deployed payments")).to_be_visible()
    expect(page.get_by_text("30 min, nothing")).to_be_visible()
    expect(page.locator(".row-mark:visible", has_text="Detected")).to_be_visible()


def test_what_says_the_same_is_one_row_until_it_is_unfolded(page: Page) -> None:
    page.evaluate("document.querySelector('#events').scrollTop = 1e9")
    burst = page.get_by_role("option", name="12 times, folded")
    expect(burst).to_contain_text("Pool is empty")
    burst.click()
    expect(page.get_by_role("option", name="12 times, unfolded")).to_be_visible()
    expect(page.get_by_role("option", name="Pool is empty, 11, high", exact=False).last).to_be_visible()


def test_a_filter_hides_says_how_many_and_keeps_changes(page: Page) -> None:
    page.locator("label.chip.critical").click()
    expect(page.locator(".windowed").get_by_role("option")).to_have_count(2)
    expect(page.get_by_role("option", name="Deployed payments")).to_be_visible()
    expect(page.get_by_text(f"1 shown, {MANY + 13} hidden by filters").first).to_be_visible()
    expect(page).to_have_url(re.compile("severity=critical"))
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("option", name="Line 399")).to_be_visible()


def test_a_search_asks_the_server_for_handles(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("rate")
    expect(page.locator(".windowed").get_by_role("option")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=rate"))
    page.reload()
    expect(page.locator(".windowed").get_by_role("option")).to_have_count(1)


def test_what_is_pinned_survives_filters_and_a_reload(page: Page) -> None:
    page.keyboard.press("j")
    page.keyboard.press("p")
    page.keyboard.press("1")
    expect(page.get_by_role("option", name="Line 399")).to_be_visible()
    page.reload()
    expect(page.get_by_role("option", name="Line 399")).to_be_visible()


def test_the_keyboard_walks_the_list_in_one_tab_stop(page: Page) -> None:
    listbox = page.get_by_role("listbox", name="Timeline")
    page.keyboard.press("j")
    expect(listbox).to_be_focused()
    expect(page.locator(f"#{listbox.get_attribute('aria-activedescendant')}")).to_contain_text("Line 399")
    page.keyboard.press("End")
    last = page.locator(f"#{listbox.get_attribute('aria-activedescendant')}")
    expect(last).to_contain_text("Deployed payments")
    assert last.get_attribute("aria-posinset") == last.get_attribute("aria-setsize")
    expect(page.get_by_role("region", name="Details").get_by_role("heading", name="Deployed payments")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.locator("[data-active]")).to_contain_text("Line 399")


def test_a_key_pressed_before_the_timeline_is_in_use_still_opens_its_event(
    sign_in: SignIn, engineer: User, case: Investigation
) -> None:
    page, held = sign_in(engineer), list[Route]()
    page.route("**/timeline", lambda route: held.append(route))  # noqa: PLW0108
    page.goto(f"/investigations/{case.pk}/")
    page.evaluate("window.same = true")
    page.keyboard.press("j")
    held[0].continue_()
    expect(page.get_by_role("region", name="Details").get_by_role("heading", name="Line 399")).to_be_visible()
    expect(page.get_by_role("listbox", name="Timeline")).to_be_focused()
    expect(page.locator("[data-active]")).to_contain_text("Line 399")
    assert page.evaluate("window.same")


def test_selected_events_are_rejected_together_and_that_is_taken_back(page: Page, case: Investigation) -> None:
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    bar = page.get_by_role("group", name="Selected events")
    expect(bar).to_contain_text("2 selected")
    expect(page.get_by_role("listbox", name="Timeline").get_by_role("option", selected=True)).to_have_count(2)
    bar.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("status").filter(has_text="2 links rejected")).to_be_visible()
    expect(page.get_by_role("option", name="Line 399")).to_have_count(0)
    bar.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("option", name="Line 399").first).to_have_accessible_name(re.compile("Confirmed"))
    assert case.links.filter(state=LinkState.CONFIRMED).count() == 2
    page.get_by_role("listbox", name="Timeline").focus()
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()


def test_a_burst_is_selected_whole_and_quoted_in_a_note(page: Page) -> None:
    page.evaluate("document.querySelector('#events').scrollTop = 1e9")
    page.keyboard.press("2")
    page.get_by_role("option", name="12 times, folded").wait_for()
    page.get_by_role("listbox", name="Timeline").focus()
    page.keyboard.press("Home")
    page.keyboard.press("x")
    bar = page.get_by_role("group", name="Selected events")
    expect(bar).to_contain_text("12 selected")
    bar.get_by_role("button", name="Quote in note").click()
    assert page.get_by_label("Write a note").input_value().count("[[") == 12
    bar.get_by_role("button", name="Clear").click()
    expect(page.locator("[data-picked]")).to_have_count(0)


def test_edges_of_the_brush_are_set_from_the_chosen_event_and_zoomed_out(page: Page) -> None:
    page.locator("label.chip.critical").click()
    page.get_by_role("option", name="Failure rate").click()
    page.keyboard.press("]")
    expect(page).to_have_url(re.compile("until="))
    page.keyboard.press("0")
    expect(page).to_have_url(re.compile(r"^(?!.*until=)"))
    page.keyboard.press("[")
    expect(page).to_have_url(re.compile("since="))
    page.keyboard.press("z")
    page.keyboard.press("z")
    expect(page).to_have_url(re.compile(r"^(?!.*since=)"))


def test_the_mouse_brushes_a_span_on_the_map(page: Page) -> None:
    box = page.locator("time-map canvas").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] - 20, box["y"] + 20, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile("since=.*until="))
    expect(page.get_by_role("option", name="Deployed payments")).to_be_visible()
    expect(page.get_by_text("hidden by filters").first).to_be_visible()


def test_times_turn_from_the_clock_to_detection_to_the_row_above(page: Page) -> None:
    page.keyboard.press("r")
    expect(page.get_by_role("option", name="Line 399").locator(".event-time")).to_have_text("t+59m54s")
    page.keyboard.press("r")
    expect(page.get_by_role("option", name="Line 398").locator(".event-time")).to_have_text("-6.0s")
    expect(page).to_have_url(re.compile("time=delta"))


def test_escape_climbs_down_event_then_filters(page: Page) -> None:
    page.keyboard.press("1")
    page.get_by_role("option", name="Failure rate").click()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"^(?!.*event=).*severity=critical"))
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"^(?!.*severity)"))


def test_new_events_move_nothing_that_is_read(page: Page, case: Investigation) -> None:
    page.evaluate("document.querySelector('#events').scrollTop = 2000")
    page.wait_for_function("document.querySelector('.event-title').textContent !== '…'")
    before = page.locator(".windowed li:visible").nth(8).inner_text()
    y = page.locator(".windowed li:visible", has_text=before.split("\n")[1]).first.bounding_box()
    LinkFactory.create_batch(3, investigation=case, event__timestamp=timezone.now())
    page.evaluate("document.querySelector('time-line').refresh()")
    chip = page.get_by_role("button", name="3 new events")
    expect(chip).to_be_visible()
    assert page.locator(".windowed li:visible", has_text=before.split("\n")[1]).first.bounding_box() == y
    chip.click()
    assert page.evaluate(TOP) == 0


def test_the_palette_finds_a_command_by_its_words(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Command").fill("go to events")
    page.keyboard.press("Enter")
    page.wait_for_url("/events/")


def test_a_field_filters_in_and_out(page: Page) -> None:
    page.keyboard.press("1")
    page.get_by_role("option", name="Failure rate").click()
    details = page.get_by_role("region", name="Details")
    details.get_by_role("button", name="Only events that say payments").click()
    expect(page).to_have_url(re.compile("q=payments"))
    details.get_by_role("button", name="Only events that do not say payments").click()
    expect(page.get_by_text("No linked event matches")).to_be_visible()


def test_a_table_of_plain_links_can_be_asked_for(sign_in: SignIn, engineer: User, case: Investigation) -> None:
    page = sign_in(engineer)
    page.goto(f"/investigations/{case.pk}/?view=table")
    expect(page.locator("li.event")).to_have_count(300)
    expect(page.locator("time-line")).to_have_count(0)
    page.locator("li.event a").first.click()
    expect(page.get_by_role("region", name="Details").get_by_role("heading", name="Line 399")).to_be_visible()


def test_a_phone_shows_the_list_and_opens_details(sign_in: SignIn, engineer: User, case: Investigation) -> None:
    page = opened(sign_in(engineer, size=PHONE), case)
    page.get_by_role("option", name="Line 399").click()
    expect(page.get_by_role("region", name="Details").get_by_role("heading", name="Line 399")).to_be_in_viewport()
