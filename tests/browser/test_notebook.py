"""Nothing that somebody typed is ever lost: two people, one note, and everything that goes wrong around them."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from accounts.tests.factories import PASSWORD
from investigations import services
from investigations.models import Evidence, Hypothesis, Investigation, Note
from investigations.tests.factories import HypothesisFactory, InvestigationFactory, LinkFactory
from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser
SAVED = re.compile(r"Saved \d")


@pytest.fixture
def case(engineer: User) -> Investigation:
    return InvestigationFactory(title="Payments fail", created_by=engineer)


@pytest.fixture
def note(case: Investigation, engineer: User) -> Note:
    return services.write_note(investigation=case, body="one\ntwo\nthree", actor=engineer, now=timezone.now())


def open_note(page: Page, note: Note) -> None:
    page.goto(f"/investigations/{note.investigation_id}/notes/{note.pk}")


def stored(note: Note) -> str:
    note.refresh_from_db()
    return note.body


def test_ctrl_s_saves_and_the_second_browser_learns_of_it(
    sign_in: SignIn, engineer: User, admin: User, case: Investigation, note: Note
) -> None:
    mine, theirs = sign_in(engineer), sign_in(admin)
    with theirs.expect_response(re.compile("/stream/")):
        theirs.goto(f"/investigations/{case.pk}/")
    open_note(mine, note)
    mine.get_by_label("Note").fill("one\ntwo\nthree\nfour")
    expect(mine.locator(".save-state")).to_have_text("Not saved yet: kept in this browser")
    mine.keyboard.press("Control+s")
    expect(mine.locator(".save-state")).to_have_text(SAVED)
    expect(theirs.locator("live-news")).to_contain_text("engineer wrote a note")
    theirs.locator("live-news").get_by_role("link", name="Show").click()
    expect(theirs.locator(".note")).to_contain_text("four")
    expect(theirs.locator("who-is-here")).to_be_attached()


def test_what_one_stops_typing_is_saved_by_itself(sign_in: SignIn, engineer: User, note: Note) -> None:
    page = sign_in(engineer)
    open_note(page, note)
    page.get_by_label("Note").fill("by itself")
    expect(page.locator(".save-state")).to_have_text(SAVED, timeout=10_000)
    assert stored(note) == "by itself"


def test_a_new_note_is_saved_by_itself_once_and_the_button_finishes_it(
    sign_in: SignIn, engineer: User, case: Investigation
) -> None:
    page = sign_in(engineer)
    page.goto(f"/investigations/{case.pk}/")
    field, state = page.get_by_label("Write a note"), page.locator(".note-form .save-state")
    field.fill("Half a thought")
    expect(state).to_have_text("Not saved yet: kept in this browser")
    expect(state).to_have_text(SAVED, timeout=10_000)
    assert Note.objects.get().body == "Half a thought"
    field.fill("A whole thought")
    expect(state).to_have_text("Not saved yet: kept in this browser")
    page.get_by_role("button", name="Save note").click()
    expect(page.locator(".note .prose")).to_have_text("A whole thought")
    expect(field).to_have_value("")
    assert Note.objects.get().body == "A whole thought"


def test_a_new_note_is_one_whatever_became_of_the_answer(sign_in: SignIn, engineer: User, case: Investigation) -> None:
    page = sign_in(engineer)
    page.goto(f"/investigations/{case.pk}/")

    def lose(route: Route) -> None:
        route.fetch()
        route.fulfill(status=429, json={"detail": "The answer is lost"})

    page.route("**/notes", lose, times=1)
    page.get_by_label("Write a note").fill("Said once")
    state = page.locator(".note-form .save-state")
    expect(state).to_contain_text("The server does not answer", timeout=10_000)
    assert Note.objects.get().body == "Said once"
    page.reload()
    expect(page.get_by_text("Restored what you had not saved")).to_be_visible()
    page.get_by_label("Write a note").fill("Said once, and more")
    expect(state).to_have_text(SAVED, timeout=15_000)
    expect(page.get_by_text("Restored what you had not saved")).to_have_count(0)
    assert Note.objects.get().body.startswith("Said once")


def test_a_preview_does_not_pass_for_saved(sign_in: SignIn, engineer: User, note: Note) -> None:
    page = sign_in(engineer)
    open_note(page, note)
    page.get_by_label("Note").fill("Only looked at")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".note-preview")).to_have_text("PreviewOnly looked at")
    expect(page.locator(".save-state")).to_have_text("Not saved yet: kept in this browser")
    expect(page.locator(".save-state")).to_have_text(SAVED, timeout=10_000)
    assert stored(note) == "Only looked at"


def test_a_comment_on_a_note_is_written_beneath_it(sign_in: SignIn, engineer: User, note: Note) -> None:
    page = sign_in(engineer)
    page.goto(f"/investigations/{note.investigation_id}/")
    page.locator(".note").get_by_text("Comment").first.click()
    page.get_by_label("Comment on this note").fill("I saw that too")
    page.keyboard.press("Control+s")
    expect(page.locator(".note .remark")).to_contain_text("I saw that too")
    expect(page.locator(".note-form .save-state")).to_have_count(0)


def test_two_changes_of_one_note_are_merged_before_anybodys_eyes(
    sign_in: SignIn, engineer: User, admin: User, note: Note
) -> None:
    page = sign_in(engineer)
    open_note(page, note)
    page.get_by_label("Note").fill("one\ntwo\nthree, mine")
    services.edit_note(note=Note.objects.get(), body="one, theirs\ntwo\nthree", actor=admin, now=timezone.now())
    page.keyboard.press("Control+s")
    conflict = page.get_by_role("group", name="Conflict")
    expect(conflict).to_contain_text("The changes go together")
    expect(conflict.get_by_label("Merged")).to_have_value("one, theirs\ntwo\nthree, mine")
    expect(page.locator(".save-state")).to_contain_text("Conflict")
    assert stored(note) == "one, theirs\ntwo\nthree"
    conflict.get_by_role("button", name="Use merged").click()
    expect(page.locator(".save-state")).to_have_text(SAVED)
    assert stored(note) == "one, theirs\ntwo\nthree, mine"


def test_where_both_changed_one_line_both_texts_stand_until_somebody_chooses(
    sign_in: SignIn, engineer: User, admin: User, note: Note
) -> None:
    page = sign_in(engineer)
    open_note(page, note)
    page.get_by_label("Note").fill("one\nmine\nthree")
    services.edit_note(note=Note.objects.get(), body="one\ntheirs\nthree", actor=admin, now=timezone.now())
    page.keyboard.press("Control+s")
    conflict = page.get_by_role("group", name="Conflict")
    expect(conflict.get_by_label("Merged")).to_have_value("one\nmine\ntheirs\nthree")
    conflict.get_by_role("button", name="Keep mine").click()
    expect(page.locator(".save-state")).to_have_text(SAVED)
    assert stored(note) == "one\nmine\nthree"


def test_a_change_elsewhere_in_the_investigation_is_no_conflict_of_the_findings(
    sign_in: SignIn, engineer: User, admin: User, case: Investigation
) -> None:
    page = sign_in(engineer)
    page.goto(f"/investigations/{case.pk}/?pane=findings")
    page.get_by_label("Root cause").fill("A timeout")
    expect(page.locator("[data-count]").first).to_have_text("9 / 2000")
    services.edit(
        investigation=Investigation.objects.get(),
        changes={"priority": "p0", "remediation": "Restarted"},
        actor=admin,
        now=timezone.now(),
    )
    page.keyboard.press("Control+s")
    expect(page.locator(".save-state")).to_have_text(SAVED)
    expect(page.get_by_label("Remediation")).to_have_value("Restarted")
    case.refresh_from_db()
    assert (case.root_cause, case.remediation, case.priority) == ("A timeout", "Restarted", "p0")


def test_what_is_typed_offline_is_kept_and_saved_when_the_network_is_back(
    sign_in: SignIn, engineer: User, note: Note
) -> None:
    page = sign_in(engineer)
    open_note(page, note)
    page.context.set_offline(True)
    page.get_by_label("Note").fill("typed offline")
    page.keyboard.press("Control+s")
    expect(page.locator(".save-state")).to_have_text("Offline: kept in this browser")
    page.context.set_offline(False)
    expect(page.locator(".save-state")).to_have_text(SAVED)
    assert stored(note) == "typed offline"


def test_an_ended_session_keeps_the_text_and_signing_in_elsewhere_saves_it(
    sign_in: SignIn, engineer: User, note: Note
) -> None:
    page = sign_in(engineer)
    open_note(page, note)
    page.context.clear_cookies(name="sessionid")
    page.get_by_label("Note").fill("typed after the end")
    page.keyboard.press("Control+s")
    expect(page.locator(".save-state")).to_contain_text("Signed out: kept in this browser")
    other = page.context.new_page()
    other.goto("/sign-in")
    other.get_by_label("Username").fill(engineer.username)
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    other.get_by_role("heading", name="Investigations").wait_for()
    page.bring_to_front()
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.locator(".save-state")).to_have_text(SAVED)
    assert stored(note) == "typed after the end"


def test_somebody_elses_session_never_saves_what_one_typed(
    sign_in: SignIn, engineer: User, admin: User, note: Note
) -> None:
    page, theirs = sign_in(engineer), sign_in(admin)
    open_note(page, note)
    page.context.clear_cookies(name="sessionid")
    page.context.add_cookies([cookie for cookie in theirs.context.cookies() if cookie["name"] == "sessionid"])  # type: ignore[misc]
    page.get_by_label("Note").fill("the engineer's words")
    page.keyboard.press("Control+s")
    expect(page.locator(".save-state")).to_contain_text("Signed out: kept in this browser")
    assert stored(note) == "one\ntwo\nthree"


def test_a_crash_before_the_save_loses_nothing_even_when_a_colleague_changed_the_note_meanwhile(
    sign_in: SignIn, engineer: User, admin: User, note: Note
) -> None:
    page = sign_in(engineer)
    open_note(page, note)
    page.route("**/api/v1/**", lambda route: route.abort())
    page.get_by_label("Note").fill("one\ntwo\nthree, mine")
    expect(page.locator(".save-state")).to_be_visible()
    services.edit_note(note=Note.objects.get(), body="one, theirs\ntwo\nthree", actor=admin, now=timezone.now())
    page.unroute("**/api/v1/**")
    page.reload()
    expect(page.get_by_text("Restored what you had not saved")).to_be_visible()
    conflict = page.get_by_role("group", name="Conflict")
    expect(conflict.get_by_label("Merged")).to_have_value("one, theirs\ntwo\nthree, mine")
    assert stored(note) == "one, theirs\ntwo\nthree"


def test_a_server_that_fails_is_asked_again_and_the_text_is_kept(sign_in: SignIn, engineer: User, note: Note) -> None:
    page = sign_in(engineer)
    open_note(page, note)

    def refuse(route: Route) -> None:
        route.fulfill(status=429, json={"detail": "Later"}) if route.request.method == "PATCH" else route.continue_()

    page.route("**/api/v1/**", refuse)
    page.get_by_label("Note").fill("kept meanwhile")
    page.keyboard.press("Control+s")
    expect(page.locator(".save-state")).to_contain_text("kept in this browser")
    page.unroute("**/api/v1/**")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(".save-state")).to_have_text(SAVED)
    assert stored(note) == "kept meanwhile"


def test_a_second_tab_shows_what_is_typed_in_the_first(sign_in: SignIn, engineer: User, case: Investigation) -> None:
    first = sign_in(engineer)
    second = first.context.new_page()
    for page in (first, second):
        page.goto(f"/investigations/{case.pk}/")
    first.get_by_label("Write a note").fill("typed in the first")
    expect(second.get_by_label("Write a note")).to_have_value("typed in the first")


def test_a_switch_of_tabs_keeps_what_is_half_written(sign_in: SignIn, engineer: User, case: Investigation) -> None:
    page = sign_in(engineer)
    page.goto(f"/investigations/{case.pk}/")
    page.get_by_label("Write a note").fill("Half a thought")
    tabs = page.get_by_role("navigation", name="Notebook")
    tabs.get_by_role("link", name="Related").click()
    expect(page.get_by_role("heading", name="Like this one")).to_be_visible()
    expect(page).to_have_url(re.compile("pane=related"))
    tabs.get_by_role("link", name="Notes").click()
    expect(page.get_by_label("Write a note")).to_have_value("Half a thought")


@pytest.mark.parametrize("scripted", [True, False])
def test_a_hypothesis_is_weighed_by_an_event_and_ruled_out(
    sign_in: SignIn, engineer: User, case: Investigation, scripted: bool
) -> None:
    LinkFactory(investigation=case, event__title="Disk at 12 %")
    page = sign_in(engineer, java_script_enabled=scripted)
    page.goto(f"/investigations/{case.pk}/?pane=hypotheses")
    page.get_by_label("What might have caused it?").fill("The disk was full")
    page.get_by_role("button", name="Add hypothesis").click()
    thought = page.get_by_role("article", name="The disk was full")
    thought.get_by_text("Weigh an event").click()
    thought.get_by_label("Contradicts").check()
    thought.get_by_label("Why").fill("Nearly empty")
    thought.get_by_role("button", name="Add evidence").click()
    expect(thought.locator(".stance-contradicts")).to_contain_text("Nearly empty")
    thought.get_by_role("button", name="Ruled out").click()
    expect(thought.locator("s")).to_have_text("The disk was full")
    assert (Hypothesis.objects.get().verdict, Evidence.objects.get().stance) == ("ruled_out", "contradicts")


def test_a_quoted_event_is_a_way_back_to_it(sign_in: SignIn, engineer: User, case: Investigation) -> None:
    event = LinkFactory(investigation=case, event__title="Gateway timed out").event
    page = sign_in(engineer)
    page.goto(f"/investigations/{case.pk}/")
    expect(page.get_by_role("button", name="Quote this event")).to_have_count(0)
    page.goto(f"/investigations/{case.pk}/?event={event.pk}")
    page.get_by_label("Write a note").fill("Look at")
    page.get_by_role("button", name="Quote this event").click()
    expect(page.get_by_label("Write a note")).to_have_value(f"Look at [[{event.pk}]] ")
    page.get_by_role("button", name="Save note").click()
    page.locator(".note .event-chip", has_text="Gateway timed out").click()
    expect(page.get_by_role("region", name="Details")).to_contain_text("Gateway timed out")


def test_colleagues_see_who_is_here(sign_in: SignIn, engineer: User, admin: User, case: Investigation) -> None:
    HypothesisFactory(investigation=case)
    first, second = sign_in(engineer), sign_in(admin)
    first.goto(f"/investigations/{case.pk}/")
    expect(first.locator("who-is-here")).to_be_attached()
    with first.expect_response(re.compile("/here")):
        first.reload()
    second.goto(f"/investigations/{case.pk}/")
    expect(second.locator("who-is-here")).to_contain_text("engineer")
