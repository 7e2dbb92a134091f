"""Insecure direct object references: an id below another is looked up there and nowhere else."""

import re
from typing import Any

import pytest
from django.core import serializers
from django.test import Client
from django.urls import reverse

from accounts.models import User
from connectors.models import DeadLetter
from frontend import urls
from investigations.models import (
    Comment,
    Draft,
    Evidence,
    Export,
    Hypothesis,
    Investigation,
    Link,
    Note,
    SavedView,
    Suspect,
)
from tests.security.routes import Row, things
from tests.test_api_roles import CASES, V1, call

__all__ = ["call"]  # a fixture
pytestmark = pytest.mark.django_db
WORDS = {"tag", "git", "high", "checkout", "open"}  # values, not ids
KEPT = (Investigation, Export, Draft, Link, Note, Comment, Hypothesis, Evidence, Suspect, SavedView, DeadLetter)


def names(address: str) -> list[str]:
    """Return the ids in an address."""
    return [name for name in re.findall(r"{(\w+)}", address) if name not in WORDS]


NESTED = [row for row in CASES if len(names(row[0])) > 1]
# What each name in an address of a page stands for in the table of the API's routes.
PAGE_IDS = {
    "pk": "case",
    "event": "linked",
    "note": "note",
    "hypothesis": "guess",
    "evidence": "piece",
    "suspect": "suspect",
    "export": "exported",
    "draft": "drafted",
}
PAGES = [one for one in urls.urlpatterns if len(getattr(one.pattern, "converters", {})) > 1]
FORM = {
    "body": "x",
    "decision": "confirm",
    "state": "confirmed",
    "verdict": "ruled_out",
    "version": "1",
    "note-body": "x",
}
# Taking back what is not there leads back to the page, as doing so twice does; a remark is asked for on the page.
SAID_OTHERWISE = {"note-restore": 302, "hypothesis-restore": 302, "event-comment": 422}


def picture() -> str:
    """Return everything that could have been changed."""
    return str(serializers.serialize("json", [row for kind in KEPT for row in kind.objects.order_by("pk")]))


def test_the_tables_hold_what_they_should() -> None:
    assert len(NESTED) > 25
    assert len(PAGES) > 10


@pytest.mark.parametrize("row", NESTED, ids=lambda row: f"{row[1]} {row[0]}")
def test_an_id_of_the_api_below_another_parent_is_not_found(row: Row, call: Any, api: Any, admin: User) -> None:
    address, method, body, _ = row
    ours, theirs = things(call, admin), things(call, admin)
    before, ids = picture(), names(address)
    for depth in range(1, len(ids)):
        mixed = {**ours, **{name: theirs[name] for name in ids[depth:]}}
        given = body and {n: v.format(**mixed) if isinstance(v, str) else v for n, v in body.items()}
        answer = getattr(api(admin), method.lower())(V1 + address.format(**mixed), given)
        assert answer.status_code == 404, (mixed, answer.content)
        assert picture() == before


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_id_of_a_page_below_another_parent_is_not_found(
    page: Any, method: str, call: Any, client: Client, admin: User
) -> None:
    client.force_login(admin)
    ours, theirs = things(call, admin), things(call, admin)
    before, ids = picture(), list(page.pattern.converters)
    for depth in range(1, len(ids)):
        mixed = {name: (ours if place < depth else theirs)[PAGE_IDS[name]] for place, name in enumerate(ids)}
        answer = getattr(client, method)(reverse(page.name, kwargs=mixed), FORM if method == "post" else {})
        assert answer.status_code in {404, 405, SAID_OTHERWISE.get(page.name)}, mixed
        assert picture() == before


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/investigations/{case}/comments", {"body": "x", "event": "{linked}"}),
        ("/investigations/{case}/comments", {"body": "x", "note": "{note}"}),
        ("/investigations/{case}/hypotheses/{guess}/evidence", {"event": "{linked}", "stance": "neutral"}),
    ],
)
def test_an_id_in_a_body_belongs_to_the_investigation_in_the_address(
    address: str, body: dict[str, str], call: Any, api: Any, admin: User
) -> None:
    ours, theirs = things(call, admin), things(call, admin)
    before = picture()
    given = {name: value.format(**theirs) for name, value in body.items()}
    answer = api(admin).post(V1 + address.format(**ours), given)
    assert answer.status_code in {400, 404, 409}, answer.content
    assert picture() == before


def test_a_view_that_is_not_shared_is_nobodys_but_its_owners(call: Any, api: Any, engineer: User, user: User) -> None:
    ids = things(call, user)
    SavedView.objects.filter(pk=ids["view"]).update(shared=False)
    for method, body in (("get", None), ("patch", {"name": "mine"}), ("delete", None)):
        assert getattr(api(engineer), method)(f"{V1}/views/{ids['view']}", body).status_code == 404
