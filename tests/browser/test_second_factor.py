"""Somebody turns on a second factor and signs in with it, in a real browser."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from accounts.tests.factories import PASSWORD, code_at
from tests.browser.conftest import SignIn, served
from tests.browser.test_accessibility import faults

pytestmark = pytest.mark.browser


def test_a_second_factor_is_turned_on_and_asked_for_at_the_next_sign_in(sign_in: SignIn, engineer: User) -> None:
    page = sign_in(engineer)
    page.locator("summary", has_text="Account").click()
    page.get_by_role("link", name="Account", exact=True).click()
    page.get_by_role("link", name="Turn on").click()
    expect(page.get_by_role("img", name="The secret as a QR code")).to_be_visible()
    secret = page.locator("#secret").inner_text()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_label("Code", exact=True).fill(code_at(secret, timezone.now()))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes left")).to_be_visible()

    page.context.clear_cookies()
    page.goto("/events/")
    page.get_by_label("Username").fill(engineer.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("This code is wrong")).to_be_visible()
    page.get_by_label("Code").fill(code_at(secret, timezone.now() + timedelta(seconds=30)))
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Events")).to_be_visible()


def test_whose_role_must_have_one_turns_it_on_and_goes_on_to_where_they_wanted(
    new_context: Any, watched: Any, engineer: User, tmp_path: Path
) -> None:
    page = watched(new_context())
    with served(tmp_path, REQUIRE_SECOND_FACTOR="engineer") as address:
        page.goto(f"{address}/events/")
        page.get_by_label("Username").fill(engineer.username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Your role, engineer, needs a second factor here.")).to_be_visible()
        assert faults(page) == {}
        secret = page.locator("#secret").inner_text()
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_label("Code", exact=True).fill(code_at(secret, timezone.now()))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        assert faults(page) == {}
        page.get_by_role("link", name="I have kept them").click()
        expect(page.get_by_role("heading", name="Events")).to_be_visible()
        page.close()  # and with it the stream that its server would wait for
