"""An export for strangers: addresses, and what looks like a secret, are blanked whoever writes it."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pypdf import PdfReader
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from events.tests.factories import EventFactory
from investigations.choices import ExportState
from investigations.exports import document, making
from investigations.models import Export, Investigation
from investigations.tasks import make_exports
from investigations.tests.factories import CommentFactory, InvestigationFactory, LinkFactory, NoteFactory

pytestmark = pytest.mark.django_db
EMAIL, IP, TOKEN, NESTED = "joe.doe@shop.example", "203.0.113.9", "rca_" + "Qq7-" * 8, "hunter2"
PERSONAL = (EMAIL, IP, TOKEN, NESTED)
NAMES = ("ann@shop.example", "203.0.113.10", "203.0.113.11", "rca_" + "Zz9-" * 8)  # of fields, and nowhere else
SUMS = (71_001, 71_002, 71_003, 71_004)  # what those fields hold
Taken = Callable[[str], Any]


@pytest.fixture
def case() -> Investigation:
    case = InvestigationFactory(title=f"{EMAIL} cannot pay", root_cause=f"Fixed from {IP}.")
    data = {"author_email": EMAIL, "peer": [{"ip": IP}], "request": {"headers": {"Authorization": NESTED}}}
    data["sums"] = dict(zip(NAMES, SUMS, strict=True))
    event = EventFactory(title=f"Refused {TOKEN}", data=data, raw_data=data, message=f"from {IP}")
    LinkFactory(investigation=case, event=event)
    note = NoteFactory(investigation=case, body=f"Ask {EMAIL}; the pool has 25 connections.")
    CommentFactory(investigation=case, note=note, body=f"I did, with password={NESTED}.")
    return case


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    """Return the engineer's way in."""
    return api(engineer)


def at_once(client: APIClient, case: Investigation, written_in: str, redact: str) -> Any:
    return client.get(f"/api/v1/investigations/{case.pk}/export?format={written_in}&redact={redact}")


def queued(client: APIClient, case: Investigation, written_in: str, redact: str) -> Any:
    body = {"format": written_in, "redact": redact == "true"}
    asked = client.post(f"/api/v1/investigations/{case.pk}/exports", body)
    make_exports()
    return client.get(f"{asked['Location']}/file")


def text(answer: Any, written_in: str) -> str:
    """Return what a file says, without what a format puts between its letters."""
    assert answer.status_code == 200
    if written_in == "pdf":
        said = "".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages)
    else:
        said = answer.content.decode()
    return "".join(said.replace("\\", "").split())


@pytest.mark.parametrize("written_in", ["json", "markdown", "pdf"])
@pytest.mark.parametrize("way", [at_once, queued])
def test_nothing_personal_is_told_where_one_asks_for_that(
    client: APIClient, case: Investigation, way: Callable[..., Any], written_in: str
) -> None:
    personal = (*PERSONAL, *NAMES) if written_in == "json" else PERSONAL  # data is in no format for people
    plain = text(way(client, case, written_in, "false"), written_in)
    assert [word for word in personal if word not in plain] == [], "all of it is there otherwise"
    answer = way(client, case, written_in, "true")
    blanked = text(answer, written_in)
    assert [word for word in (*PERSONAL, *NAMES) if word in blanked] == []
    assert "25connections" in blanked
    assert "wereblanked" in blanked
    assert "-redacted." in answer["Content-Disposition"]


def test_a_field_whose_name_is_blanked_keeps_its_value(client: APIClient, case: Investigation) -> None:
    (event,) = at_once(client, case, "json", "true").json()["events"]
    assert sorted(event["data"]["sums"].values()) == list(SUMS)


@pytest.mark.parametrize("written_in", ["json", "markdown", "pdf"])
def test_what_takes_long_is_redacted_in_the_background(
    client: APIClient, case: Investigation, monkeypatch: pytest.MonkeyPatch, written_in: str
) -> None:
    monkeypatch.setitem(document.AT_ONCE, written_in, 0)
    refused = at_once(client, case, written_in, "true")
    assert (refused.status_code, refused.json()["code"]) == (409, "takes_long")
    assert "has it made in the background" in refused.json()["detail"]
    assert queued(client, case, written_in, "true").status_code == 200


def test_a_redacted_one_is_not_taken_for_one_that_is_whole(client: APIClient, case: Investigation) -> None:
    where = f"/api/v1/investigations/{case.pk}/exports"
    asked = [client.post(where, {"format": "json", "redact": redact}).json() for redact in (False, True, False, True)]
    assert [one["redact"] for one in asked] == [False, True, False, True]
    assert [one["id"] for one in asked[:2]] == [one["id"] for one in asked[2:]]
    make_exports()
    rows = client.get(where).json()["results"]
    told = {row["redact"]: client.get(f"{where}/{row['id']}/file") for row in rows}
    assert EMAIL in told[False].content.decode()
    assert EMAIL not in told[True].content.decode()
    assert told[False]["Content-Disposition"] != told[True]["Content-Disposition"]
    assert client.get(f"{where}/{asked[1]['id']}").json()["name"] == f"investigation-{case.pk}-redacted.json"


@pytest.mark.parametrize("redact", ["maybe", None, 7])
def test_what_is_neither_yes_nor_no_is_refused(client: APIClient, case: Investigation, redact: Any) -> None:
    body = {"format": "json", "redact": redact}
    refused = client.post(f"/api/v1/investigations/{case.pk}/exports", body)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["redact"])
    assert not Export.objects.exists()


def test_whether_it_was_to_be_redacted_is_on_record(client: APIClient, case: Investigation) -> None:
    made = client.post(f"/api/v1/investigations/{case.pk}/exports", {"format": "json", "redact": True})
    client.delete(made["Location"])
    entries = AuditEntry.objects.filter(target_id=str(case.pk)).order_by("id")
    assert [entry.change["redact"] for entry in entries] == [[None, True], [True, None]]


@pytest.mark.parametrize("redact", [True, False])
def test_a_file_that_is_not_as_it_was_asked_for_cannot_be_kept(
    client: APIClient, case: Investigation, redact: bool
) -> None:
    client.post(f"/api/v1/investigations/{case.pk}/exports", {"format": "json", "redact": redact})
    done = {"state": ExportState.DONE, "content": b"{}", "finished_at": case.created_at, "redacted": not redact}
    with pytest.raises(IntegrityError, match="export_done_is_redacted_as_asked"), transaction.atomic():
        Export.objects.update(**done)


def test_one_that_a_worker_of_the_release_before_writes_whole_fails(
    client: APIClient, case: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = client.post(f"/api/v1/investigations/{case.pk}/exports", {"format": "json", "redact": True})

    def take(now: Any) -> Export | None:
        export = found(now)
        if export:
            export.redact = False  # it knows nothing of it
        return export

    found = making._take
    monkeypatch.setattr(making, "_take", take)
    make_exports()
    assert client.get(asked["Location"]).json()["state"] == "failed"
    assert client.get(f"{asked['Location']}/file").status_code == 409
