"""What is different after the onset, asked for on the canvas in a real browser."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from events.tests.factories import EventFactory
from investigations.models import Investigation
from investigations.tests.factories import InvestigationFactory
from tests.browser.conftest import DESK, PHONE, SignIn

pytestmark = pytest.mark.browser
ONSET = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def case() -> Investigation:
    """After the onset every line comes from zone b; before it, from either."""
    for minute in range(-60, 30):
        zone = "zone-b" if minute >= 0 or minute % 2 else "zone-a"
        EventFactory(
            source="logs", event_type="log_error", title="Timeout", severity="high", service="shop",
            timestamp=ONSET + timedelta(minutes=minute), data={"attributes": {"zone": zone}},
        )  # fmt: skip
    return InvestigationFactory(started_at=ONSET, detected_at=ONSET)


def wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_length_is_chosen_and_the_address_keeps_it(
    sign_in: SignIn, user: User, case: Investigation, size: tuple[int, int]
) -> None:
    page = sign_in(user, size)
    page.goto(f"/investigations/{case.pk}/")
    panel = page.get_by_role("region", name="What is different")
    panel.get_by_role("link", name="30 min").click()
    expect(panel.get_by_text("zone-b")).to_be_visible()
    expect(panel.get_by_text("30 of 30")).to_be_visible()
    expect(panel.locator("[aria-current]")).to_have_text("30 min")
    expect(page).to_have_url(re.compile(r"difference=30"))
    assert not wide(page)
    page.reload()
    expect(panel.get_by_text("zone-b")).to_be_visible()
