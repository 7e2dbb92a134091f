"""What axe-core, the browser's console and the content policy say of every page, in light and dark."""

import json
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import User
from tests.browser.conftest import PHONE, SignIn
from tests.browser.pages import Pages, each

pytestmark = pytest.mark.browser
AXE = Axe()
# Tries to run a script in each way that a text which slips into a page could.
INTRUDE = """() => {
  window.intruded = [];
  const script = Object.assign(document.createElement("script"), { textContent: "intruded.push('script')" });
  document.body.append(script);
  const picture = document.createElement("img");
  picture.setAttribute("onerror", "intruded.push('handler')");
  picture.src = "data:,";
  document.body.append(picture);
  document.body.insertAdjacentHTML("beforeend", "<p id='styled' style='color: rgb(1, 2, 3)'>Styled</p>");
  return new Promise((done) => setTimeout(() => {
    if (getComputedStyle(document.getElementById("styled")).color === "rgb(1, 2, 3)") intruded.push("style");
    done(intruded);
  }, 200));
}"""


def faults(page: Page) -> dict[str, Any]:
    """Return what axe finds in light and in dark, however grave: the rule, and elements that break it."""
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for fault in AXE.run(page).response["violations"]:
            found[f"{scheme}: {fault['impact']} {fault['id']}"] = [node["html"][:160] for node in fault["nodes"][:4]]
    return found


def test_axe_finds_nothing_on_any_page(sign_in: SignIn, engineer: User, pages: Pages) -> None:
    found = each(sign_in(engineer), pages.every, faults)
    assert found == {}, json.dumps(found, indent=1)


def test_axe_finds_nothing_on_a_phone(sign_in: SignIn, engineer: User, pages: Pages) -> None:
    found = each(sign_in(engineer, PHONE), [pages.canvas, "/investigations/", "/analytics/", "/connectors/"], faults)
    assert found == {}, json.dumps(found, indent=1)


def test_axe_finds_nothing_where_one_signs_in(new_context: Any, watched: Any) -> None:
    page = watched(new_context())
    page.goto("/sign-in")
    assert faults(page) == {}
    page.get_by_label("Username").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    assert faults(page) == {}


def test_axe_finds_nothing_in_what_opens_above_a_page(sign_in: SignIn, engineer: User, pages: Pages) -> None:
    page = sign_in(engineer)
    page.goto(pages.canvas)
    page.locator("time-line[ready]").wait_for(state="attached")
    for keys, name in (("?", "Keyboard shortcuts"), ("Control+k", "Commands")):
        page.keyboard.press(keys)
        page.get_by_role("dialog", name=name).wait_for()
        assert faults(page) == {}, name
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name=name)).to_have_count(0)


def test_no_page_allows_scripts_or_styles_that_stand_in_it(sign_in: SignIn, engineer: User, pages: Pages) -> None:
    page, lax = sign_in(engineer), {}
    for address in pages.every:
        answer = page.goto(address)
        policy = answer.headers.get("content-security-policy", "") if answer else ""
        script = policy.partition("script-src ")[2].partition(";")[0].split()
        if "unsafe" in policy or [one for one in script if not one.startswith("'nonce-")] != ["'self'"]:
            lax[address] = policy
    assert lax == {}


def test_what_slips_into_a_page_does_not_run(sign_in: SignIn, engineer: User, pages: Pages) -> None:
    known: BrowserContext = sign_in(engineer).context
    # The refusals stand in its console, so it is not the page that is watched for complaints.
    page = known.new_page()
    page.goto(pages.canvas)
    assert page.evaluate(INTRUDE) == []
