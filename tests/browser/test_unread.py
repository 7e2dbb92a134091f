"""The bar says how much one has not read, as it happens, in a real browser."""

from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.notifications import services
from accounts.notifications.choices import Topic
from investigations.tests.factories import InvestigationFactory
from tests.browser.conftest import PHONE, SignIn

pytestmark = pytest.mark.browser


def tell(person: User, key: str) -> None:
    services.notify(topic=Topic.MOVED, people=[person], title="It moves", key=key, now=timezone.now())


def opened(page: Page, address: str, stream: str) -> Page:
    """Open a page and wait for its stream: what is told before would not be heard."""
    with page.expect_response(lambda response: response.url.endswith(stream)):
        page.goto(address)
    return page


def test_the_count_follows_what_is_told_and_what_is_read_in_another_browser(
    sign_in: SignIn, engineer: User, user: User
) -> None:
    case = InvestigationFactory(created_by=engineer)
    list_of_cases = opened(sign_in(engineer), "/investigations/", "/stream/own")
    canvas = opened(sign_in(engineer), f"/investigations/{case.pk}/", f"/stream/investigations/{case.pk}")
    somebody_else = opened(sign_in(user), "/analytics/", "/stream/own")
    bells = [page.get_by_role("link", name="unread notifications") for page in (list_of_cases, canvas)]
    for bell in bells:
        expect(bell).to_be_hidden()
    for number in (1, 2):
        tell(engineer, str(number))
        for bell in bells:
            expect(bell).to_have_text(f"{number}unread notifications")
    list_of_cases.goto("/notifications/")
    list_of_cases.get_by_role("button", name="Mark all as read").click()
    for bell in bells:
        expect(bell).to_be_hidden()
    expect(somebody_else.get_by_role("link", name="unread notifications")).to_be_hidden()


def test_a_page_holds_one_stream(sign_in: SignIn, engineer: User) -> None:
    page = sign_in(engineer)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    for address in ("/events/", "/events/?after=x", "/account/"):
        page.goto(address)
        page.wait_for_timeout(500)
    streams = [path for path in asked if path.startswith("/stream/")]
    assert streams == ["/stream/events", "/stream/own", "/stream/own"]


def test_a_page_that_is_not_seen_lets_go_of_its_stream_and_looks_when_it_is_seen(
    sign_in: SignIn, engineer: User
) -> None:
    page = opened(sign_in(engineer), "/investigations/", "/stream/own")
    state = "document.querySelector('live-bar').source.readyState"
    seen(page, False)
    assert page.evaluate(state) == 2
    tell(engineer, "1")
    page.evaluate("performance.now = () => 60000")
    seen(page, True)
    expect(page.get_by_role("link", name="unread notifications")).to_have_text("1unread notifications")


def seen(page: Page, is_seen: bool) -> None:
    """Show a page, or put another one before it."""
    page.evaluate(
        """(seen) => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => !seen });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_seen,
    )


def test_a_phone_shows_a_dot_and_the_menu_says_how_much(sign_in: SignIn, engineer: User) -> None:
    page = opened(sign_in(engineer, PHONE), "/investigations/", "/stream/own")
    dot = "getComputedStyle(document.querySelector('.menu > summary'), '::before').content"
    assert page.evaluate(dot) == "none"
    tell(engineer, "1")
    page.locator("summary", has_text="Account").click()
    expect(page.get_by_role("link", name="Notifications 1")).to_be_visible()
    assert page.evaluate(dot) != "none"
