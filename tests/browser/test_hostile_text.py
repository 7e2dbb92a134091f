"""What a browser makes of hostile text, with the content policy switched off: without that, is anything run at all?"""

import pytest
from playwright.sync_api import Dialog

from accounts.models import User
from events.models import Event
from tests.browser.conftest import SignIn
from tests.security.hostile import SCRIPTS
from tests.security.test_xss import infested

pytestmark = pytest.mark.browser
ACTING = [payload for payload in SCRIPTS.values() if "alert(" in payload]


def test_nothing_that_was_written_runs_even_without_a_content_policy(sign_in: SignIn, admin: User) -> None:
    ran: list[str] = []
    cases = [infested(payload, admin) for payload in ACTING[:12]]
    page = sign_in(admin, bypass_csp=True)

    def note(dialog: Dialog) -> None:
        ran.append(page.url)
        dialog.dismiss()

    page.on("dialog", note)
    page.set_content("<script>alert('the browser shows what runs')</script>")
    assert len(ran) == 1
    for case in cases:
        event = Event.objects.get(links__investigation=case, data__has_key="diff")
        for pane in (f"?event={event.pk}", "?pane=hypotheses"):
            page.goto(f"/investigations/{case.pk}/{pane}")
            page.get_by_role("heading", level=1).first.wait_for()
    assert len(ran) == 1, ran
