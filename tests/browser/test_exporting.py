"""An investigation is taken away as a file, with the keyboard alone."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from accounts.models import User
from investigations.models import Export, Investigation
from investigations.tasks import make_exports
from investigations.tests.factories import ExportFactory, InvestigationFactory, LinkFactory
from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser


@pytest.fixture
def case(engineer: User) -> Investigation:
    case = InvestigationFactory(title="Payments fail", created_by=engineer)
    LinkFactory(investigation=case, event__title="Gateway timed out")
    return case


def saved(page: Page, case: Investigation, label: str) -> Path:
    """Choose a format in the menu by keyboard, and return the file that arrives."""
    page.goto(f"/investigations/{case.pk}/")
    page.locator("summary", has_text="Export").press("Enter")
    choice = page.get_by_role("link", name=label, exact=True)
    expect(choice).to_be_visible()
    with page.expect_download() as waiting:
        choice.press("Enter")
    return waiting.value.path()


@pytest.mark.parametrize("scripts", [True, False])
def test_the_pdf_tells_of_the_case(sign_in: SignIn, engineer: User, case: Investigation, scripts: bool) -> None:
    page = sign_in(engineer, java_script_enabled=scripts)
    told = " ".join(page.extract_text() for page in PdfReader(saved(page, case, "PDF")).pages)
    assert "Payments fail" in told
    assert "Gateway timed out" in told


@pytest.mark.parametrize("label", ["Markdown", "JSON"])
def test_the_other_formats_arrive_too(sign_in: SignIn, engineer: User, case: Investigation, label: str) -> None:
    assert "Gateway timed out" in saved(sign_in(engineer), case, label).read_text()


@pytest.mark.parametrize("scripts", [True, False])
def test_what_takes_long_is_waited_for_on_its_page(
    sign_in: SignIn, engineer: User, case: Investigation, scripts: bool
) -> None:
    ExportFactory(investigation=case, created_by=engineer, written_in="pdf")
    page = sign_in(engineer, java_script_enabled=scripts)
    page.goto(f"/investigations/{case.pk}/exports")
    expect(page.get_by_text("Waiting")).to_be_visible()
    make_exports()
    if not scripts:
        page.get_by_role("link", name="Look again").press("Enter")
    ready = page.get_by_role("link", name="Download PDF, asked for")
    expect(ready).to_be_visible()
    with page.expect_download() as waiting:
        ready.press("Enter")
    assert "Payments fail" in PdfReader(waiting.value.path()).pages[0].extract_text()


def test_one_that_nobody_wants_any_more_is_cancelled(sign_in: SignIn, engineer: User, case: Investigation) -> None:
    ExportFactory(investigation=case, created_by=engineer, written_in="pdf")
    page = sign_in(engineer)
    page.goto(f"/investigations/{case.pk}/exports")
    page.get_by_role("button", name="Cancel PDF").press("Enter")
    expect(page.get_by_text("Waiting")).to_be_hidden()
    assert not Export.objects.exists()
