"""What a thousand open pages cost one web process, how soon they hear, and how soon a second browser shows a change.

Run: `.venv/bin/python -m benchmarks.stream [--clients 1000] [--bells 30] [--changes 10]`

Serves a small store of its own by one process. The clients are sockets that listen to the stream of one investigation,
and each message carries when it was sent; then one browser writes notes and another one, on the same investigation,
says when it knew.
"""

import argparse
import asyncio
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from http.cookiejar import CookieJar
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import orjson
from playwright.sync_api import Browser, sync_playwright
from redis import Redis

from benchmarks.canvas import signed_in
from benchmarks.mixed import PEOPLE
from benchmarks.processor import children, spent
from benchmarks.reads import PASSWORD, Store, Web, web
from benchmarks.report import Row, at_most, table

AT_ONCE = 20
KNEW = """() => { window.knew = 0; new MutationObserver(() => {
  if (document.querySelector("live-news").textContent.includes("wrote a note")) window.knew ||= Date.now();
}).observe(document.querySelector("live-news"), { childList: true, subtree: true }); }"""
WROTE = (
    """() => document.addEventListener("htmx:beforeRequest", () => { window.wrote = Date.now(); }, { once: true })"""
)


def session(port: int, name: str) -> str:
    """Sign somebody in and return the cookies as a header has them."""
    jar = CookieJar()
    opener = build_opener(HTTPCookieProcessor(jar))
    address = f"http://localhost:{port}/sign-in"
    opener.open(address).read()
    token = next(one.value for one in jar if one.name == "csrftoken")
    form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": token}
    opener.open(address, urlencode(form).encode()).read()
    return "; ".join(f"{one.name}={one.value}" for one in jar)


async def listener(
    port: int, path: str, cookie: str, gate: asyncio.Semaphore, waits: list[float], here: list[int]
) -> None:
    """Listen until cancelled; note how long each message took to come."""
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
        status = await reader.readline()
        if b" 200 " not in status:
            raise SystemExit(f"A client was refused: {status.decode()}")
        await reader.readuntil(b"retry:")
        here.append(1)
    try:
        while line := await reader.readline():
            if line.startswith(b"data:") and (sent := orjson.loads(line[5:]).get("sent")):
                waits.append((time.monotonic() - sent) * 1_000)
    finally:
        writer.close()


async def crowd(
    port: int, path: str, cookies: Sequence[str], ring: Redis, topic: str, *, clients: int, bells: int
) -> list[float]:
    """Let so many clients, of several people, hear so many bells; return the milliseconds each message took."""
    waits, here, gate = list[float](), list[int](), asyncio.Semaphore(AT_ONCE)
    tasks = [
        asyncio.create_task(listener(port, path, cookie, gate, waits, here))
        for cookie in islice(cycle(cookies), clients)
    ]
    while len(here) < clients:
        await asyncio.sleep(0.1)
        if failed := [task for task in tasks if task.done()]:
            failed[0].result()
    await asyncio.sleep(1)
    for bell in range(bells):
        message = orjson.dumps({"kind": "noted", "bell": bell, "sent": time.monotonic()})
        await asyncio.to_thread(ring.publish, f"rca:{topic}", message)
        await asyncio.sleep(0.5)
    await asyncio.sleep(2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return sorted(waits)


def processor_seconds(server: Web) -> float:
    """Return what the web server's processes have computed so far."""
    return sum(map(spent, children(server.process.pid)))


def delivered(server: Web, store: Store, case: str, clients: int, bells: int) -> list[Row]:
    """Return what many listeners cost, and how soon each hears."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(clients * 2 + 200, 4_096),) * 2)
    ring, cookies = Redis.from_url(store.environment["REDIS_URL"]), [session(server.port, name) for name in PEOPLE]
    before, spent = server.memory(), processor_seconds(server)
    topic, path = f"investigation:{case}", f"/stream/investigations/{case}"
    waits = asyncio.run(crowd(server.port, path, cookies, ring, topic, clients=clients, bells=bells))
    after, spent = server.memory(), processor_seconds(server) - spent
    due = clients * bells
    return [
        Row(
            f"{clients:,} clients, messages delivered",
            f"{len(waits):,} of {due:,}",
            target="all",
            met=len(waits) == due,
        ),
        at_most("delivery, p50", waits[len(waits) // 2], 250, "ms"),
        at_most("delivery, p99", waits[int(len(waits) * 0.99)], 300, "ms"),
        Row("memory of the process", f"{after:,.0f} MiB, {after - before:,.0f} MiB of it for the clients"),
        Row("on a processor, connecting and all messages", f"{spent:,.1f} s, {spent * 1e6 / due:,.0f} us a message"),
    ]


def seen(browser: Browser, port: int, case: str, changes: int) -> Row:
    """Return how long after a click in one browser another one shows the change."""
    waits = []
    writer, reader = signed_in(browser, port), signed_in(browser, port, "admin")
    for number in range(changes):
        for page in (writer, reader):
            page.goto(f"/investigations/{case}/")
            page.locator("time-line[ready], .timeline .empty").first.wait_for(state="attached")
        reader.wait_for_timeout(3_500)
        reader.evaluate(KNEW)
        writer.evaluate(WROTE)
        writer.get_by_label("Write a note").fill(f"Change {number}")
        writer.get_by_role("button", name="Save note").click()
        reader.locator("live-news", has_text="wrote a note").wait_for()
        waits.append(reader.evaluate("window.knew") - writer.evaluate("window.wrote"))
    return at_most(
        f"from a click to a second browser, median of {changes}",
        median(waits),
        300,
        "ms",
        bare=f"worst {max(waits)} ms",
    )


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1_000, help="How many listen.")
    parser.add_argument("--bells", type=int, default=30, help="How many messages each hears.")
    parser.add_argument("--changes", type=int, default=10, help="How many changes a second browser sees.")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = Store(folder, 1_000, 5, stack)
        store.environment["WEB_WORKERS"] = "1"
        server = stack.enter_context(web(store))
        # A browser of Playwright's holds an event loop, so it goes before the crowd comes.
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = signed_in(browser, server.port)
            case = str(page.locator("tbody a").first.get_attribute("href")).strip("/").rpartition("/")[2]
            rows = [seen(browser, server.port, case, options.changes)]
            browser.close()
        rows += delivered(server, store, case, options.clients, options.bells)
    sys.stdout.write(f"{table(rows)}\n")


if __name__ == "__main__":
    main()
