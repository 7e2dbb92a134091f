"""The assistant drafts while one waits, with scripts and without; a person takes what it wrote, or does not."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from accounts.models import User
from connectors.tasks import write_drafts
from connectors.tests.peers import Asked, Peer
from investigations.models import Draft, Investigation, Note
from investigations.tests.factories import InvestigationFactory, LinkFactory
from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser


def answer(asked: Asked) -> object:
    """Write a sentence that cites the first event, and one that cites nothing."""
    handle = json.loads(asked.json()["messages"][1]["content"])["events"][0]["id"]
    told = [{"section": "summary", "text": "The gateway timed out.", "cites": [handle]}]
    told.append({"section": "summary", "text": "All is well.", "cites": []})
    return {"model": "small:1b", "message": {"content": json.dumps({"sentences": told})}}


@pytest.fixture(autouse=True)
def model(settings: Settings) -> Iterator[None]:
    with Peer({"/api/chat": answer}) as peer:
        settings.ASSISTANT_URL, settings.ASSISTANT_MODEL = peer.url, "small:1b"
        yield


@pytest.fixture
def case(engineer: User) -> Investigation:
    case = InvestigationFactory(title="Payments fail", created_by=engineer)
    LinkFactory(investigation=case, event__title="Gateway timed out")
    return case


def drafted(page: Page, case: Investigation, *, scripts: bool) -> None:
    """Ask for a summary with the keyboard, and wait until it is there."""
    page.goto(f"/investigations/{case.pk}/?pane=assistant")
    page.get_by_role("button", name="Draft a summary").press("Enter")
    expect(page.get_by_role("button", name="Cancel: Summary")).to_be_visible()
    write_drafts()
    if not scripts:
        page.get_by_role("link", name="Look again").press("Enter")
    expect(page.get_by_text("The gateway timed out.")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_draft_is_asked_for_read_and_taken(
    sign_in: SignIn, engineer: User, case: Investigation, scripts: bool
) -> None:
    page = sign_in(engineer, java_script_enabled=scripts)
    drafted(page, case, scripts=scripts)
    expect(page.locator("#drafts .event-chip", has_text="Gateway timed out")).to_be_visible()
    expect(page.get_by_text("All is well.")).to_have_count(0)
    assert not Note.objects.exists()
    page.get_by_role("button", name="Take as a note").press("Enter")
    expect(page.locator(".note", has_text="Drafted by the language model small:1b")).to_be_visible()
    assert Note.objects.get().author == engineer


def test_one_that_nobody_wants_is_discarded(sign_in: SignIn, engineer: User, case: Investigation) -> None:
    page = sign_in(engineer)
    drafted(page, case, scripts=True)
    page.get_by_role("button", name="Discard: Summary").press("Enter")
    expect(page.get_by_text("The gateway timed out.")).to_have_count(0)
    assert Draft.objects.get().state == "discarded"
