"""A real Chromium before the real server: its own process, the test's own database, one origin for pages and stream.

Without a browser these tests are skipped, and say so; where CI is set they fail.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright, Response

from accounts.models import User
from accounts.tests.factories import PASSWORD
from tests.browser.pages import Pages, one_of_everything

# Playwright's loop runs in the test's thread, where Django would refuse to touch the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# What the browser and htmx report of a refusal, which the page shows, and of a network that a test took away.
HANDLED = (
    "Failed to load resource: the server responded with a status of 4",
    "Response Status Error Code 4",
    "Failed to load resource: net::ERR_INTERNET_DISCONNECTED",
)
PHONE, TABLET, DESK = ((390, 844), (820, 1180), (1440, 900))
SignIn = Callable[..., Page]


@pytest.fixture(scope="session")
def browser_type_launch_args(playwright: Playwright, browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Return how to start the system's Chromium, else Playwright's own."""
    found = next(filter(None, map(shutil.which, SYSTEM_BROWSERS)), None)
    if found is None and not Path(playwright.chromium.executable_path).exists():
        reason = "No browser: install chromium, or run `playwright install chromium`."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # Root, as in containers, has no sandbox.
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": found, "args": arguments}


@pytest.fixture(scope="session")
def base_url(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the test database for the session and return the address."""
    with served(tmp_path_factory.mktemp("served")) as address:
        yield address


@contextmanager
def served(data_dir: Path, **variables: str) -> Iterator[str]:
    """Serve the test database as ``variables`` say, for as long as the block lasts, and return the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = urlsplit(os.environ["DATABASE_URL"])
    database = urlunsplit(address._replace(path=f"/{settings.DATABASES['default']['NAME']}"))
    # In a data directory of its own, where nothing is collected, static files come from where they lie.
    own = {"RCA_DATA_DIR": str(data_dir), "PORT": port, "SITE_URL": "", "LOG_LEVEL": "ERROR"}
    # The tab of the assistant shows; nobody is asked.
    assistant = {"ASSISTANT_URL": "http://127.0.0.1:9", "ASSISTANT_MODEL": "small:1b"}
    environment = {**os.environ, **own, **assistant, **variables, "DATABASE_URL": database}
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", port, "--no-ws"]
    with subprocess.Popen([*command, "rcaplatform.asgi:application"], env=environment) as server:
        try:
            _wait_for(int(port), server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()  # it lets what is open end, and the stream of an open page does not by itself
            with suppress(subprocess.TimeoutExpired):
                server.wait(5)
            server.kill()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail("The server does not start.")
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _quick_passwords() -> None:
    """Hash as the server does, which is to check them."""


@pytest.fixture(autouse=True)
def _database(transactional_db: None) -> None:
    """Commit what a test makes, so that the server sees it."""


@pytest.fixture
def watched(base_url: str) -> Iterator[Callable[[BrowserContext], Page]]:
    """Return a page in a context; what it complains of, and each answer that is our fault, fails the test."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(HANDLED):
            complaints.append(f"{message.type}: {message.text}")

    def check(response: Response) -> None:
        if response.status >= 500:
            complaints.append(f"{response.status}: {response.url}")

    def page_of(context: BrowserContext) -> Page:
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("response", check)
        return page

    yield page_of
    assert complaints == []


@pytest.fixture
def sign_in(new_context: Callable[..., BrowserContext], watched: Callable[[BrowserContext], Page]) -> SignIn:
    """Return a page of a browser in which a person has signed in by hand."""

    def signed_in(person: User, size: tuple[int, int] = DESK, **context: Any) -> Page:
        viewport = {"width": size[0], "height": size[1]}
        page = watched(new_context(viewport=viewport, **context))
        page.goto("/sign-in")
        page.get_by_label("Username").fill(person.username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Investigations").wait_for()
        return page

    return signed_in


@pytest.fixture
def pages(engineer: User) -> Pages:
    """Return the address of each page, filled with one of everything."""
    return one_of_everything(engineer)
