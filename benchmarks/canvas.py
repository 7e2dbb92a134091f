"""How fast the canvas is in a real browser: with 300 events, and with 100,000.

Run: `.venv/bin/python -m benchmarks.canvas [--events 100000] [--keep FOLDER]`

Makes both investigations with `demo --stress` on a PostgreSQL and a Redis of their own, serves them as in production,
and opens each in headless Chromium with an empty cache. FOLDER keeps the stores for the next run.
"""

import argparse
import gzip
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.product import ROOT
from benchmarks.reads import PASSWORD, Store, web
from benchmarks.report import Row, at_most, table

FEW, TURNS, FRAMES = 300, 5, 240
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
READY = "performance.getEntriesByName('timeline')[0].startTime"
NODES = "document.querySelectorAll('.windowed *').length"
# Scrolls by 120 pixels in each frame, 7,200 a second, as after a hard flick, and returns how long each frame took.
SCROLLED = """(frames) => new Promise((done) => {
  const view = document.querySelector("#events"), took = [];
  let before = performance.now();
  const step = (now) => {
    took.push(now - before);
    before = now;
    view.scrollTop += 120;
    if (took.length < frames) requestAnimationFrame(step);
    else done(took.slice(2));
  };
  requestAnimationFrame(step);
})"""


@contextmanager
def stored(folder: Path, events: int) -> Iterator[Store]:
    """Fill a store with both investigations, once."""
    with ExitStack() as stack:
        store = Store(folder, 1_000, 0, stack)
        if not (folder / f"stressed-{events}").exists():
            for seed, number in enumerate((FEW, events), 1):
                store.manage("demo", "--stress", f"--events={number}", f"--seed={seed}")
            (folder / f"stressed-{events}").touch()
        yield store


def signed_in(browser: Browser, port: int, person: str = "engineer") -> Page:
    """Return a page of an empty browser in which somebody has signed in."""
    context = browser.new_context(base_url=f"http://localhost:{port}", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Username").fill(person)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Investigations").wait_for()
    return page


def opened(browser: Browser, port: int, events: int) -> tuple[Page, float, float]:
    """Open the investigation with so many events; return the page, and milliseconds to first paint and to use."""
    page = signed_in(browser, port)
    address = page.get_by_role("link", name=f"Stress: {events:,} events").first.get_attribute("href")
    page.goto(str(address))
    page.locator("time-line[ready]").wait_for(state="attached")
    return page, float(page.evaluate(PAINTED)), float(page.evaluate(READY))


def measure(browser: Browser, port: int, events: int, paint: float, use: float) -> list[Row]:
    """Return the figures of one investigation; times are medians of five browsers."""
    found = [opened(browser, port, events) for _ in range(TURNS)]
    page = found[-1][0]
    frames = sorted(page.evaluate(SCROLLED, FRAMES))
    what = f"{events:,} events"
    return [
        at_most(f"{what}: first paint", median(one[1] for one in found), paint, "ms"),
        at_most(f"{what}: timeline in use", median(one[2] for one in found), use, "ms"),
        at_most(f"{what}: frame while scrolling, p99", frames[int(len(frames) * 0.99)], 20, "ms"),
        at_most(f"{what}: elements in the list", float(page.evaluate(NODES)), 400, "nodes"),
    ]


def scripts() -> Row:
    """Return how much of our own JavaScript the canvas loads, as it goes over the wire."""
    files = (ROOT / "frontend/static/frontend/js").glob("*.js")
    size = sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)
    return at_most("JavaScript of our own, gzipped", size / 1024, 50, "KiB")


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="How many the large investigation has.")
    parser.add_argument("--keep", type=Path, help="Where to keep the stores.")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(web(stack.enter_context(stored(folder, options.events))))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        rows = [
            *measure(browser, server.port, FEW, 300, 500),
            *measure(browser, server.port, options.events, 1_000, 1_000),
            scripts(),
        ]
        browser.close()
    sys.stdout.write(f"{table(rows)}\n")


if __name__ == "__main__":
    main()
