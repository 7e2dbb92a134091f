"""Take the pictures of the README and the docs from a running installation with the demo incident.

    python docs/screenshots/make.py [ADDRESS]

ADDRESS is http://127.0.0.1:8000 unless given. Signs in as engineer with DEMO_PASSWORD, or with the password that the
first start made (var/demo-password). Needs Chromium; changes nothing but which events were seen. The picture of an
imported incident is taken where it was imported before:

    python -m benchmarks.rca --write DIR --kind pool --seed 5 && python manage.py import_bundle DIR
"""
# ruff: noqa: INP001

import os
import shutil
import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CASE = "Payments fail at checkout"
SUSPECT = "payments: Fail fast"
IMPORTED = "gateway-service http_server_duration_p99_ms out of bounds"
DESK: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


def password() -> str:
    """Return the password of the demo people."""
    made = Path(os.environ.get("RCA_DATA_DIR") or ROOT / "var") / "demo-password"
    return os.environ.get("DEMO_PASSWORD") or made.read_text().strip()


def signed_in(browser: Browser, address: str, *, scheme: Literal["light", "dark"], size: ViewportSize) -> Page:
    """Return a page on the list of investigations."""
    context = browser.new_context(base_url=address, color_scheme=scheme, viewport=size, device_scale_factor=1.5)
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Username").fill("engineer")
    page.get_by_label("Password").fill(password())
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Investigations").wait_for()
    return page


def shoot(page: Page, name: str) -> None:
    """Take one picture once nothing moves any more."""
    page.wait_for_load_state("load")
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)
    page.screenshot(path=HERE / f"{name}.png", caret="initial")
    sys.stdout.write(f"{name}.png\n")


def open_suspect(page: Page) -> None:
    """Open the demo incident at the change that caused it."""
    page.get_by_role("link", name=CASE).click()
    page.locator("#suspects").get_by_role("link", name=SUSPECT).click()
    page.locator("#details").get_by_role("heading", name=SUSPECT).wait_for()


def main(address: str) -> None:
    """Take every picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        light = signed_in(browser, address, scheme="light", size=DESK)
        shoot(light, "investigations")
        open_suspect(light)
        shoot(light, "canvas")
        light.goto("/investigations/?q=gateway-service")
        if (imported := light.get_by_role("link", name=IMPORTED)).count():
            imported.first.click()
            light.locator("#suspects").wait_for()
            shoot(light, "imported")
        light.goto("/events/")
        shoot(light, "events")
        dark = signed_in(browser, address, scheme="dark", size=DESK)
        open_suspect(dark)
        shoot(dark, "canvas-dark")
        phone = signed_in(browser, address, scheme="light", size=PHONE)
        open_suspect(phone)
        shoot(phone, "canvas-phone")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
