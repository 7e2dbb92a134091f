"""Take a picture of every page and state from a running installation with the demo incidents.

    python docs/screenshots/make.py [ADDRESS] [--all FOLDER]

ADDRESS is http://127.0.0.1:8000 unless given. Signs in as engineer with DEMO_PASSWORD, or with the password that the
first start made (var/demo-password). Without --all the pictures that the documentation keeps are taken anew, beside
this file; with it, each page and state in light and dark, on a desk and on a phone, goes to FOLDER, to be looked at.
Needs Chromium; changes nothing but which events were seen.
"""
# ruff: noqa: INP001

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CASE = "Payments fail at checkout"
SUSPECT = "payments: Fail fast"
SIZES: dict[str, ViewportSize] = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
SOURCES = ("git", "ci", "logs", "alerts")
IMPORTED = "gateway-service http_server_duration_p99_ms out of bounds"
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
# What the documentation keeps: state, scheme, size.
KEPT: tuple[tuple[str, Scheme, str], ...] = (
    ("investigations", "light", "desk"),
    ("investigations", "dark", "phone"),
    ("canvas", "light", "desk"),
    ("canvas", "dark", "desk"),
    ("canvas", "light", "phone"),
    ("suspects", "light", "desk"),
    ("details-git", "dark", "desk"),
    ("notebook-hypotheses", "light", "desk"),
    ("events", "light", "desk"),
    ("analytics", "light", "desk"),
    ("analytics", "dark", "phone"),
    ("connectors", "light", "desk"),
    ("palette", "dark", "desk"),
    ("keys", "light", "desk"),
    ("style", "light", "desk"),
    ("sign-in", "light", "desk"),
)


def password() -> str:
    """Return the password of the demo people."""
    made = Path(os.environ.get("RCA_DATA_DIR") or ROOT / "var") / "demo-password"
    return os.environ.get("DEMO_PASSWORD") or made.read_text().strip()


def sign_in(page: Page) -> None:
    """Come to the list of investigations."""
    page.goto("/sign-in")
    page.get_by_label("Username").fill("engineer")
    page.get_by_label("Password").fill(password())
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Investigations").wait_for()


def at(path: str) -> Callable[[Page], object]:
    """Return how to come to an address."""
    return lambda page: page.goto(path)


def case(query: str = "") -> Callable[[Page], object]:
    """Return how to come to the canvas of the demo incident, its timeline in use."""

    def go(page: Page) -> None:
        page.goto("/investigations/")
        path = page.get_by_role("link", name=CASE).first.get_attribute("href")
        page.goto(f"{path}{query}")
        page.locator("time-line[ready]").wait_for(state="attached")

    return go


def suspect(page: Page) -> None:
    """Open the change that caused the demo incident."""
    case()(page)
    page.locator("#suspects").get_by_role("link", name=SUSPECT).click()
    page.locator("#details").get_by_role("heading", name=SUSPECT).wait_for()


def details(source: str) -> Callable[[Page], object]:
    """Return how to open the first event of a source."""

    def go(page: Page) -> None:
        case(f"?source={source}")(page)
        page.locator(".windowed [data-event]").first.click()
        page.locator("#details .event-heading").wait_for()

    return go


def alone(source: str) -> Callable[[Page], object]:
    """Return how to open the newest event of a source on a page of its own, whatever incident it belongs to."""

    def go(page: Page) -> None:
        page.goto(f"/events/?source={source}")
        page.locator("tbody .title a").first.click()
        page.locator("#linked-title").wait_for()

    return go


def pressed(keys: str) -> Callable[[Page], object]:
    """Return how to open on the canvas what some keys open."""

    def go(page: Page) -> None:
        case()(page)
        page.keyboard.press(keys)
        page.get_by_role("dialog").wait_for()

    return go


def merge(page: Page) -> None:
    """Bring a draft of the findings back that was made from what is not stored any more."""
    case("?pane=findings")(page)
    page.evaluate("""() => {
      const form = document.querySelector("#notes form[data-draft]"), field = form.querySelector("textarea");
      const name = `rca.draft.${document.body.dataset.user}.${form.dataset.draft}`;
      const words = { [field.name]: "A timeout that is too short.\\nFound by the trace." };
      localStorage.setItem(name, JSON.stringify({ words, base: { [field.name]: "Unknown." }, at: Date.now() }));
    }""")
    page.reload()
    page.locator(".merge").wait_for()
    page.locator(".merge").scroll_into_view_if_needed()


def selected(page: Page) -> None:
    """Select two events of the timeline."""
    case()(page)
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    page.locator(".selection").wait_for()


def exporting(page: Page) -> None:
    """Unfold the menu of exports."""
    case()(page)
    page.locator(".case-title .menu summary").click()


def unlinked(page: Page) -> None:
    """Look at a canvas on which the filters leave nothing."""
    case("?q=nosuchword")(page)
    page.locator("#events .empty").wait_for()


def imported(page: Page) -> None:
    """Look at an incident that `benchmarks.rca --write` made and `manage.py import_bundle` brought in."""
    page.goto("/investigations/?q=gateway-service")
    page.get_by_role("link", name=IMPORTED).first.click()
    page.locator("#suspects").wait_for()


STATES: dict[str, Callable[[Page], object]] = {
    "investigations": at("/investigations/"),
    "investigations-no-match": at("/investigations/?q=nosuchword&status=closed"),
    "investigation-new": at("/investigations/new"),
    "canvas": suspect,
    "suspects": case(),
    "imported": imported,
    "canvas-no-match": unlinked,
    "canvas-table": lambda page: (case()(page), page.goto(f"{page.url}?view=table")),
    "selected": selected,
    **{f"details-{source}": details(source) for source in SOURCES},
    **{f"event-{source}": alone(source) for source in ("metrics", "traces")},
    **{f"notebook-{tab}": case(f"?pane={tab}") for tab in ("notes", "findings", "hypotheses", "related")},
    "merge": merge,
    "export": exporting,
    "palette": pressed("Control+k"),
    "keys": pressed("?"),
    "events": at("/events/"),
    "events-no-match": at("/events/?q=nosuchword"),
    "analytics": at("/analytics/"),
    "analytics-empty": at("/analytics/?first=2001-01-01&last=2001-01-31"),
    "analytics-error": at("/analytics/?first=2026-03-02&last=2026-03-01"),
    "connectors": at("/connectors/"),
    "account": at("/account/"),
    "second-factor": at("/account/second-factor"),
    "style": at("/style/"),
    "not-found": at("/nothing-here"),
}


def shoot(browser: Browser, address: str, states: list[str], scheme: Scheme, size: str, folder: Path) -> None:
    """Take pictures of some states in one scheme and size; what the demo does not hold is named and left out."""
    scale = 1.5 if folder == HERE else 1
    context = browser.new_context(
        base_url=address, color_scheme=scheme, viewport=SIZES[size], device_scale_factor=scale
    )
    page = context.new_page()
    page.set_default_timeout(8_000)
    for state in (one for one in states if one == "sign-in"):
        page.goto("/sign-in")
        picture(page, folder / f"{state}-{scheme}-{size}.jpg")
    sign_in(page)
    for state in (one for one in states if one != "sign-in"):
        try:
            STATES[state](page)
        except Exception as problem:
            sys.stderr.write(f"{state} {scheme} {size}: {str(problem).splitlines()[0]}\n")
            continue
        picture(page, folder / f"{state}-{scheme}-{size}.jpg")
        page.evaluate("localStorage.clear()")
    context.close()


def picture(page: Page, path: Path) -> None:
    """Take one picture once nothing moves any more."""
    page.wait_for_load_state("load")
    page.mouse.move(0, 0)
    page.wait_for_timeout(400)
    page.screenshot(path=path, caret="initial", type="jpeg", quality=80)
    sys.stdout.write(f"{path.name}\n")


def main() -> None:
    """Take the pictures that are kept, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", nargs="?", default="http://127.0.0.1:8000", help="Where the installation answers.")
    parser.add_argument("--all", type=Path, help="Where to put a picture of each page and state.")
    options = parser.parse_args()
    every = ["sign-in", *STATES]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme in SCHEMES:
            for size in SIZES:
                states = [state for state, *where in KEPT if where == [scheme, size]]
                folder = options.all or HERE
                folder.mkdir(parents=True, exist_ok=True)
                shoot(browser, options.address, every if options.all else states, scheme, size, folder)
        browser.close()


if __name__ == "__main__":
    main()
