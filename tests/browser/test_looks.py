"""What every page owes every eye: it fits its screen, can be read in light and dark, and can be left by keyboard."""

import gzip
import json
from typing import Any

import pytest
from playwright.sync_api import Page

from accounts.models import User
from tests.browser.conftest import DESK, PHONE, TABLET, SignIn
from tests.browser.pages import Pages, each

pytestmark = pytest.mark.browser
LEAST, LEAST_LARGE = 4.5, 3.0

# Contrast of each visible text with what is painted behind it (WCAG 2.2, 1.4.3), worked out from pixels of a canvas
# because colours are given in OKLCH and mixtures.
CONTRAST = """([least, large]) => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour, under) => {
    paint.canvas.width = paint.canvas.height = 1;
    paint.fillStyle = under; paint.fillRect(0, 0, 1, 1);
    paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const css = (rgb) => `rgb(${rgb.join(" ")})`;
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
    return layers.reduce((under, layer) => rgba(layer, css(under)), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(".visually-hidden, .skip-link, script, option")) continue;
    const style = getComputedStyle(element);
    const under = behind(element);
    const [a, b] = [light(rgba(style.color, css(under))), light(under)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? large : least;
    const words = `${ratio.toFixed(2)} ${element.textContent.trim().slice(0, 40)}`;
    if (ratio < needed) poor.set(element.className || element.tagName, words);
  }
  return Object.fromEntries(poor);
}"""

# Names, labels and landmarks that assistive technology needs.
NAMELESS = """() => [
  ...[...document.querySelectorAll("a[href], button, summary")]
    .filter((e) => e.checkVisibility() && !(e.innerText + (e.getAttribute("aria-label") ?? "")).trim()),
  ...[...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
    .filter((e) => !e.labels.length && !e.getAttribute("aria-label")),
  ...[...document.querySelectorAll("[id]")].filter((e, _, all) => all.filter((f) => f.id === e.id).length > 1),
  ...(document.querySelectorAll("main").length === 1 ? [] : [document.body]),
  ...(document.querySelectorAll("h1").length === 1 ? [] : [document.body]),
].map((e) => e.outerHTML.slice(0, 120))"""


def test_every_text_can_be_read_in_light_and_dark(sign_in: SignIn, engineer: User, pages: Pages) -> None:
    def too_faint(page: Page) -> list[Any]:
        found = []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found.append(page.evaluate(CONTRAST, [LEAST, LEAST_LARGE]))
        return [faint for faint in found if faint]

    found = each(sign_in(engineer), pages.every, too_faint)
    assert found == {}, json.dumps(found, indent=1)


def test_no_page_is_wider_than_its_screen(sign_in: SignIn, engineer: User, pages: Pages) -> None:
    def too_wide(page: Page) -> dict[int, int]:
        found = {}
        for width, height in ((320, 640), PHONE, TABLET, DESK):
            page.set_viewport_size({"width": width, "height": height})
            found[width] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return {width: over for width, over in found.items() if over > 0}

    assert each(sign_in(engineer), pages.every, too_wide) == {}


def test_the_canvas_fits_a_desk_and_stays_where_it_is(sign_in: SignIn, engineer: User, pages: Pages) -> None:
    page = sign_in(engineer)
    page.goto(pages.canvas)
    for _ in range(7):
        page.keyboard.press("j")
    page.get_by_role("region", name="Details").get_by_role("heading", level=3).first.wait_for()
    assert page.evaluate("[scrollY, document.documentElement.scrollHeight - innerHeight]") == [0, 0]


def test_everything_that_can_be_used_has_a_name(sign_in: SignIn, engineer: User, pages: Pages) -> None:
    found = each(sign_in(engineer), pages.every, lambda page: page.evaluate(NAMELESS))
    assert found == {}, json.dumps(found, indent=1)


def test_the_first_stop_of_the_keyboard_leads_to_the_content(sign_in: SignIn, engineer: User) -> None:
    page = sign_in(engineer)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_scripts_of_a_page_stay_small(sign_in: SignIn, engineer: User, pages: Pages) -> None:
    page = sign_in(engineer)
    page.goto(pages.canvas)
    page.wait_for_load_state()
    loaded = "performance.getEntriesByType('resource').map((one) => one.name).filter((name) => name.endsWith('.js'))"
    addresses = page.evaluate(loaded)
    sizes = {url: len(gzip.compress(page.request.get(url).body(), 9)) for url in addresses}
    assert any("/frontend/js/timeline" in url for url in addresses)
    assert sum(sizes.values()) < 50_000, sizes
