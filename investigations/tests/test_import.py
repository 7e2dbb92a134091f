"""An investigation that left as a document comes back as the same investigation; what comes is trusted with nothing."""
# mypy: disable-error-code="index"

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from accounts.tests.factories import UserFactory
from events.choices import OriginKind
from events.dedupe import GLOBAL, dedupe_key
from events.models import Event, Origin
from events.tests.factories import EventFactory, OriginFactory
from investigations import services
from investigations.choices import LinkState
from investigations.models import Investigation, Link, LookBack, Note
from investigations.tests.factories import (
    CommentFactory,
    EvidenceFactory,
    HypothesisFactory,
    InvestigationFactory,
    LinkFactory,
    NoteFactory,
    SuspectFactory,
    SuspectReportFactory,
)

pytestmark = pytest.mark.django_db
Told = dict[str, Any]
URL = "/api/v1/investigations/import"


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    """Return the engineer's way in."""
    return api(engineer)


@pytest.fixture
def case(engineer: User) -> Investigation:
    """Return an investigation with something of everything."""
    now = timezone.now()
    colleague = UserFactory(username="colleague")
    case = InvestigationFactory(
        title="Checkout <b>answers</b> 500",
        description="Since noon.",
        status="resolved",
        started_at=datetime(2026, 3, 1, 9, 5, tzinfo=UTC),
        detected_at=datetime(2026, 3, 1, 9, 14, tzinfo=UTC),
        resolved_at=datetime(2026, 3, 1, 10, 2, tzinfo=UTC),
        root_cause="The pool was too small.",
        cause_category="capacity",
        tags=["pool", "Überlast"],
        metadata={"ticket": {"id": 7}},
        created_by=engineer,
        assigned_to=colleague,
        updated_by=colleague,
    )
    ruling = {"state": LinkState.CONFIRMED, "decided_by": colleague, "decided_at": now}
    commit = EventFactory(
        source="git", source_id="a688323", title="Pool of 5", data={"files": ["a", "b"]}, raw_data={"sha": "a688323"}
    )
    commit.dedupe_key = dedupe_key(scope=GLOBAL, source="git", source_id="a688323")
    commit.save()
    LinkFactory(investigation=case, event=commit, is_cause=True, **ruling)
    symptom = LinkFactory(investigation=case, event__title="Timeouts 決済", event__tags=["slow"]).event
    LinkFactory(investigation=case, event__title="Unrelated", **{**ruling, "state": LinkState.REJECTED})
    note = NoteFactory(investigation=case, author=engineer, body="Seen before.")
    services.edit_note(note=note, body="Seen *twice* before.", actor=colleague, now=now)
    CommentFactory(investigation=case, event=symptom, author=colleague, body="That was me.")
    CommentFactory(investigation=case, event=EventFactory(title="Not linked"), author=engineer)
    CommentFactory(investigation=case, note=note, author=engineer)
    supposed = HypothesisFactory(investigation=case, author=engineer, verdict="ruled_out")
    EvidenceFactory(hypothesis=supposed, event=symptom, stance="contradicts", why="Half empty.", author=colleague)
    report = SuspectReportFactory(investigation=case, engine_version=3, blast_radius=["cart"], reasons=["None."])
    said = [{"text": "It came 2 min before.", "events": [str(commit.pk)]}]
    confirmed = {"state": "confirmed", "decided_by": engineer, "decided_at": now}
    SuspectFactory(report=report, place=1, event=commit, evidence=said, **confirmed)
    case.related.add(InvestigationFactory(title="Cart answers 500", created_by=engineer))
    return case


@pytest.fixture
def told(client: APIClient, case: Investigation) -> Told:
    """Return the document of that investigation."""
    return exported(client, case.pk)


def exported(client: APIClient, pk: Any) -> Told:
    document: Told = client.get(f"/api/v1/investigations/{pk}/export?format=json").json()
    return document


def forgotten() -> None:
    """Empty the database of everything but people and the related investigation."""
    Investigation.objects.filter(title__contains="Checkout").delete()
    Event.objects.all().delete()
    Origin.objects.all().delete()


def same(document: Told) -> Told:
    """Return a document without what the format says may differ: when it was made or received, and who told of it."""
    plain: Told = json.loads(json.dumps(document))
    del plain["made_at"]
    for event in (*plain["events"], *plain["ruled_out"], *plain["other_events"]):
        for name in ("received_at", "origin_name", "origin_kind", "dedupe_key"):
            del event[name]
    return plain


def test_it_comes_back_as_the_same_investigation(
    api: Callable[[User | None], APIClient], admin: User, told: Told
) -> None:
    forgotten()
    answer = api(admin).post(URL, told)
    assert (answer.status_code, answer.json()["events"]) == (201, {"stored": 4, "known": 0})
    assert answer.json()["id"] == told["investigation"]["id"]
    assert same(exported(api(admin), answer.json()["id"])) == same(told)


def test_what_came_back_goes_out_and_comes_back_again(
    api: Callable[[User | None], APIClient], admin: User, told: Told
) -> None:
    client = api(admin)
    forgotten()
    first = exported(client, client.post(URL, told).json()["id"])
    forgotten()
    second = exported(client, client.post(URL, first).json()["id"])
    assert same(second) == same(told)
    names = {event["origin_name"] for event in second["events"]}
    assert all(name.startswith("Import: ") and name.count("Import: ") == 1 for name in names)


def test_the_same_document_makes_it_once(client: APIClient, told: Told) -> None:
    forgotten()
    first = client.post(URL, told)
    told["made_at"] = "2026-04-01T00:00:00Z"
    again = client.post(URL, told)
    assert (again.status_code, again.json()["created"], again.json()["id"]) == (200, False, first.json()["id"])
    assert Investigation.objects.filter(title__contains="Checkout").count() == 1


def test_beside_the_one_it_was_written_from_it_gets_ids_of_its_own(
    client: APIClient, case: Investigation, told: Told
) -> None:
    answer = client.post(URL, told).json()
    assert answer["id"] != str(case.pk)
    assert answer["events"] == {"stored": 0, "known": 4}
    copy = exported(client, answer["id"])
    assert [event["id"] for event in copy["events"]] == [event["id"] for event in told["events"]]
    assert not {note["id"] for note in copy["notes"]} & {note["id"] for note in told["notes"]}
    assert exported(client, case.pk)["notes"] == told["notes"]


def test_a_commit_that_is_known_here_is_the_same_event(client: APIClient, told: Told) -> None:
    forgotten()
    key = dedupe_key(scope=GLOBAL, source="git", source_id="a688323")
    known = EventFactory(source="git", source_id="a688323", title="As it is called here", dedupe_key=key)
    answer = client.post(URL, told).json()
    assert answer["events"] == {"stored": 3, "known": 1}
    assert Link.objects.filter(investigation=answer["id"], event=known, is_cause=True).exists()
    assert Event.objects.get(pk=known.pk).title == "As it is called here"


def test_nothing_is_told_in_a_connectors_name(client: APIClient, told: Told) -> None:
    forgotten()
    connector = OriginFactory(name="shop logs")
    for event in told["events"]:
        event["origin_name"], event["origin_kind"] = "shop logs", "connector"
    client.post(URL, told)
    assert not connector.events.exists()
    kinds = set(Event.objects.values_list("origin__kind", flat=True))
    assert kinds == {OriginKind.IMPORT}


def test_no_document_takes_the_place_of_what_a_connector_will_tell(client: APIClient, told: Told) -> None:
    forgotten()
    connector = OriginFactory(name="shop logs")
    future = dedupe_key(scope=str(connector.pk), source="logs", source_id="record-99")
    told["events"][1].update(source="logs", source_id="record-99", dedupe_key=str(future))
    client.post(URL, told)
    assert not Event.objects.filter(dedupe_key=future).exists()


def test_an_engineer_speaks_for_nobody_else(client: APIClient, told: Told, engineer: User) -> None:
    forgotten()
    answer = client.post(URL, told).json()
    assert answer["standins"] == ["colleague"]
    note = Note.objects.get(investigation=answer["id"])
    assert note.author == engineer
    edited = note.revisions.get(number=2).author
    assert (edited.username, edited.is_active, edited.has_usable_password()) == ("colleague@imported", False, False)
    assert Investigation.objects.get(pk=answer["id"]).assigned_to is None


def test_an_administrator_puts_words_down_to_their_authors_by_name_or_address(
    api: Callable[[User | None], APIClient], admin: User, told: Told
) -> None:
    colleague = User.objects.get(username="colleague")
    User.objects.filter(pk=colleague.pk).update(email="Colleague@example.org")
    told["notes"][0]["author_name"] = "colleague@example.org"
    forgotten()
    answer = api(admin).post(URL, told).json()
    assert answer["standins"] == []
    assert Note.objects.get(investigation=answer["id"]).author == colleague


def test_who_may_not_create_events_may_not_import(
    api: Callable[[User | None], APIClient], user: User, told: Told
) -> None:
    assert api(user).post(URL, told).status_code == 403


def test_what_is_related_but_not_here_is_named(client: APIClient, told: Told) -> None:
    Investigation.objects.all().delete()
    answer = client.post(URL, told).json()
    assert answer["unrelated"] == [one["id"] for one in told["related"]]


def test_linking_leaves_it_as_it_came(client: APIClient, told: Told) -> None:
    forgotten()
    client.post(URL, told)
    assert not LookBack.objects.exists()
    assert not Event.objects.unlinked().exists()


def test_who_imported_it_is_on_record(client: APIClient, told: Told, engineer: User) -> None:
    forgotten()
    pk = client.post(URL, told).json()["id"]
    entry = AuditEntry.objects.get(target_id=pk, verb="import")
    assert (entry.actor, entry.change["events"]) == (engineer, [0, 4])


def test_one_that_was_deleted_since_is_brought_back_by_its_owner_alone(client: APIClient, told: Told) -> None:
    forgotten()
    pk = client.post(URL, told).json()["id"]
    client.delete(f"/api/v1/investigations/{pk}")
    refused = client.post(URL, told)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


def put(path: str, value: Any) -> Callable[[Told], None]:
    """Return a change of a document: put ``value`` at ``path``."""

    def change(document: Told) -> None:
        *way, last = path.split(".")
        place: Any = document
        for step in way:
            place = place[int(step)] if step.isdigit() else place[step]
        if last.isdigit():
            place[int(last)] = value
        else:
            place[last] = value

    return change


ELSEWHERE = "01890000-0000-7000-8000-000000000000"
WRONG = [
    ("format", "rca-investigation/2"),
    ("owner", "x"),
    ("investigation.is_superuser", True),
    ("investigation.title", ""),
    ("investigation.title", "x" * 301),
    ("investigation.status", "won"),
    ("investigation.resolved_at", "2026-03-01T09:00:00Z"),
    ("investigation.detected_at", "1066-01-01T00:00:00Z"),
    ("investigation.version", 0),
    ("investigation.metadata", []),
    ("events.0.score", 1.5),
    ("events.0.score", "NaN"),
    ("events.0.url", "javascript:alert(1)"),
    ("events.1.factors.0.weight", -1),
    ("events.1.decided_by_name", None),
    ("events.1.state", "confirmed and more"),
    ("ruled_out.0.state", "confirmed"),
    ("events.0.linked_at", "2026-03-01T09:00:00Z"),
    ("events.0.source", "mail"),
    ("notes.0.body", ""),
    ("notes.0.revisions.1.number", 1),
    ("comments.0.event", ELSEWHERE),
    ("comments.0.author_name", "x" * 151),
    ("hypotheses.0.evidence.0.event", ELSEWHERE),
    ("hypotheses.0.evidence.0.stance", "maybe"),
    ("suspects.suspects.0.kind", "person"),
    ("ruled_out.0.is_cause", True),
    ("related.0.id", "x"),
    ("events", {}),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=lambda part: str(part)[:40])
def test_what_is_wrong_is_named_by_its_path_and_nothing_is_kept(
    client: APIClient, told: Told, path: str, value: Any
) -> None:
    forgotten()
    put(path, value)(told)
    refused = client.post(URL, told)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, [path])
    assert not Investigation.objects.filter(title__contains="Checkout").exists()


def test_what_stands_there_twice_is_named(client: APIClient, told: Told) -> None:
    told["events"][1]["id"] = told["events"][0]["id"]
    assert "events.1.id" in client.post(URL, told).json()["errors"]


def test_of_much_that_is_wrong_a_little_is_named(client: APIClient, told: Told) -> None:
    told["events"] = [{} for _ in range(50)]
    assert len(client.post(URL, told).json()["errors"]) == 20


def test_null_characters_and_deep_nests_are_refused(client: APIClient, told: Told) -> None:
    told["notes"][0]["body"] = "a\x00b"
    assert list(client.post(URL, told).json()["errors"]) == ["notes"]
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    told["notes"][0]["body"] = deep
    assert client.post(URL, told).status_code == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"{}"])
def test_what_is_no_document_is_refused(client: APIClient, body: bytes) -> None:
    assert client.post(URL, body, content_type="application/json").status_code == 400


def test_one_that_is_too_long_is_refused(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("investigations.api.imports.MOST_BYTES", 1_000)
    bomb: Any = gzip.compress(b" " * 1_000_000)
    refused = client.generic("POST", URL, bomb, content_type="application/json", HTTP_CONTENT_ENCODING="gzip")
    assert refused.status_code == 413


def test_what_people_wrote_stays_text_on_the_page(client: APIClient, told: Told, engineer: User) -> None:
    forgotten()
    told["notes"][0]["body"] = told["events"][0]["title"] = "<script>alert(1)</script>"
    pk = client.post(URL, told).json()["id"]
    page = APIClient()
    page.force_login(engineer)
    assert "<script>alert" not in page.get(f"/investigations/{pk}/").content.decode()


@pytest.mark.parametrize("packed", [False, True])
def test_an_operator_imports_a_file(client: APIClient, told: Told, tmp_path: Path, packed: bool) -> None:
    forgotten()
    file = tmp_path / "investigation.json"
    content = json.dumps(told).encode()
    file.write_bytes(gzip.compress(content) if packed else content)
    out = StringIO()
    call_command("import_investigation", file, stdout=out)
    assert "4 new events, 0 known before." in out.getvalue()
    assert same(exported(client, told["investigation"]["id"])) == same(told)
    call_command("import_investigation", file, stdout=out)
    assert "Imported before" in out.getvalue()


def test_an_operator_is_told_what_is_wrong_with_a_file(told: Told, tmp_path: Path) -> None:
    told["events"][0]["score"] = 7
    file = tmp_path / "investigation.json"
    file.write_text(json.dumps(told))
    with pytest.raises(CommandError, match=r"events\.0\.score: "):
        call_command("import_investigation", file)


def test_what_left_out_something_is_imported_as_far_as_it_goes(client: APIClient, told: Told) -> None:
    forgotten()
    gone = told["events"].pop()["id"]
    told["complete"], told["left_out"] = False, {"events": 1}
    pk = client.post(URL, told).json()["id"]
    assert gone not in json.dumps(exported(client, pk)["comments"])
    assert Link.objects.filter(investigation=pk).count() == 2
