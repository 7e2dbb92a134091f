"""An export for strangers: addresses, and what looks like a secret, are blanked wherever they stand."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from events.tests.factories import EventFactory
from investigations.exports import document
from investigations.models import Investigation
from investigations.tests.factories import CommentFactory, InvestigationFactory, LinkFactory, NoteFactory

pytestmark = pytest.mark.django_db
EMAIL, IP, TOKEN, NESTED = "joe.doe@shop.example", "203.0.113.9", "rca_" + "Qq7-" * 8, "hunter2"
PERSONAL = (EMAIL, IP, TOKEN, NESTED)


@pytest.fixture
def case() -> Investigation:
    case = InvestigationFactory(title=f"{EMAIL} cannot pay", root_cause=f"Fixed from {IP}.")
    data = {"author_email": EMAIL, "peer": [{"ip": IP}], "request": {"headers": {"Authorization": NESTED}}}
    event = EventFactory(title=f"Refused {TOKEN}", data=data, raw_data=data, message=f"from {IP}")
    LinkFactory(investigation=case, event=event)
    note = NoteFactory(investigation=case, body=f"Ask {EMAIL}; the pool has 25 connections.")
    CommentFactory(investigation=case, note=note, body=f"I did, with password={NESTED}.")
    return case


def text(case: Investigation, query: str, client: APIClient) -> str:
    answer = client.get(f"/api/v1/investigations/{case.pk}/export?{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize("written_in", ["json", "markdown"])
def test_nothing_personal_is_told_where_one_asks_for_that(
    case: Investigation, api: Callable[[User], APIClient], engineer: User, written_in: str
) -> None:
    plain = text(case, f"format={written_in}", api(engineer))
    assert [word for word in PERSONAL if word not in plain.replace("\\", "")] == [], "all of it is there otherwise"
    blanked = text(case, f"format={written_in}&redact=true", api(engineer))
    assert [word for word in PERSONAL if word in blanked.replace("\\", "")] == []
    assert "25 connections" in blanked
    assert "were blanked" in blanked


def test_the_pdf_is_set_from_the_same(case: Investigation, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    def typeset(report: Any, **_: Any) -> bytes:
        told.append(report)
        return b""

    monkeypatch.setattr(document, "typeset", typeset)
    now = case.detected_at + timedelta(hours=1)
    document.write_at_once(investigation=case, written_in="pdf", now=now, redact=True)
    assert [word for word in PERSONAL if word in repr(told[0])] == []


def test_what_takes_long_is_not_redacted_rather_than_told_whole(
    case: Investigation, api: Callable[[User], APIClient], engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(document.AT_ONCE, "json", 0)
    refused = api(engineer).get(f"/api/v1/investigations/{case.pk}/export?redact=true")
    assert (refused.status_code, refused.json()["code"]) == (409, "takes_long")
    assert "redacted" in refused.json()["detail"]


def test_the_page_offers_both(case: Investigation, client: Any, engineer: User) -> None:
    client.force_login(engineer)
    assert "redact=true" in client.get(f"/investigations/{case.pk}/exports").content.decode()
    told = client.get(f"/investigations/{case.pk}/export?format=json&redact=true").content.decode()
    assert EMAIL not in told
