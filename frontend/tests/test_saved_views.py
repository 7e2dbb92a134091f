"""Saved views above the list of investigations: kept, shown, shared, deleted."""

import pytest
from django.test import Client

from accounts.models import User
from frontend.filters import InvestigationFilter
from frontend.tests.conftest import Browse
from investigations.listquery import NAMES, normalised
from investigations.models import SavedView
from investigations.tests.factories import SavedViewFactory
from rcaplatform.kit.errors import Invalid

pytestmark = pytest.mark.django_db
LIST = "/investigations/"
SAVE = "/investigations/views"
FORM = {"name": "Mine at night", "query": "sort=-severity&status=active"}
CURRENT = 'aria-current="page">Mine at night</a>'


def test_a_view_is_saved_and_shown_as_the_current_one(window: Client) -> None:
    page = window.post(SAVE, FORM, follow=True)
    assert page.redirect_chain == [(f"{LIST}?status=active&sort=-severity", 302)]
    assert CURRENT in page.text
    assert CURRENT not in window.get(LIST).text
    assert "Mine at night" in window.get(LIST).text


def test_a_view_is_current_however_its_filters_are_ordered_and_on_every_page(window: Client) -> None:
    window.post(SAVE, FORM)
    assert CURRENT in window.get(f"{LIST}?sort=-severity&q=&page=1&status=active").text


def test_the_form_stands_there_when_there_is_something_to_save(window: Client) -> None:
    assert "Save this view" not in window.get(LIST).text
    assert 'name="query" value="priority=p1"' in window.get(f"{LIST}?priority=p1&q=").text
    assert "Save this view" not in window.get(f"{LIST}?priority=p9").text


def test_the_bar_comes_with_the_part_that_a_filter_renews(window: Client) -> None:
    window.post(SAVE, FORM)
    part = window.get(f"{LIST}?{FORM['query']}", headers={"HX-Request": "true", "HX-Target": "results"})
    assert CURRENT in part.text
    assert "<html" not in part.text


def test_a_shared_view_is_everybodys_to_read_and_its_owners_to_delete(window: Client) -> None:
    theirs = SavedViewFactory(name="The night shift", shared=True)
    SavedViewFactory(name="A secret")
    page = window.get(LIST).text
    assert "The night shift" in page
    assert f"by {theirs.owner}" in page
    assert "A secret" not in page
    assert f"{SAVE}/{theirs.pk}/delete" not in page
    assert window.post(f"{SAVE}/{theirs.pk}/delete").status_code == 403


def test_somebody_elses_private_view_does_not_exist(window: Client) -> None:
    assert window.post(f"{SAVE}/{SavedViewFactory().pk}/delete").status_code == 404


def test_a_deleted_view_is_gone_and_the_list_stays_as_it_was(window: Client, engineer: User) -> None:
    view = SavedViewFactory(owner=engineer)
    answer = window.post(f"{SAVE}/{view.pk}/delete", headers={"Referer": f"http://testserver{LIST}?priority=p1"})
    assert answer["Location"] == f"{LIST}?priority=p1"
    assert not SavedView.objects.exists()


def test_a_name_is_told_as_text(window: Client, engineer: User) -> None:
    SavedViewFactory(owner=engineer, name="<script>alert(1)</script>")
    assert "<script>alert(1)" not in window.get(LIST).text


def test_sharing_is_a_tick(browse: Browse, user: User) -> None:
    browse(user).post(SAVE, {**FORM, "shared": "on"})
    assert SavedView.objects.get().shared


def test_a_name_that_is_taken_is_refused_in_words(window: Client) -> None:
    window.post(SAVE, FORM)
    again = window.post(SAVE, FORM)
    assert (again.status_code, SavedView.objects.count()) == (400, 1)
    assert "There is a view “Mine at night” already." in again.text


def test_a_view_may_hold_what_the_list_can_be_asked() -> None:
    assert set(NAMES) == set(InvestigationFilter.base_filters)


def test_a_view_may_hold_days_causes_and_what_is_not_written_down() -> None:
    asked = "without=component&cause=code&detected_from=2026-11-01&without=cause&without=cause"
    assert normalised(asked) == "cause=code&without=cause&without=component&detected_from=2026-11-01"


@pytest.mark.parametrize("asked", ["detected_from=soon", "without=title", "cause=bad luck", "resolved_to=20261101"])
def test_a_view_holds_no_value_that_the_list_does_not_know(asked: str) -> None:
    with pytest.raises(Invalid):
        normalised(asked)
