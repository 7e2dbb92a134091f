"""An export that takes long is made by a worker: none is lost, none is made in vain, none is kept for ever."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from investigations.choices import ExportState
from investigations.exports import document, gathering, making
from investigations.models import Export, Investigation
from investigations.tasks import make_exports, purge_exports
from investigations.tests.factories import ExportFactory, FinishedExportFactory, InvestigationFactory, LinkFactory
from rcaplatform.kit.errors import Busy

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(api: Callable[[User | None], APIClient], engineer: User) -> APIClient:
    """Return the engineer's way in."""
    return api(engineer)


@pytest.fixture
def case() -> Investigation:
    """Return an investigation with one event."""
    made = InvestigationFactory(title="Checkout answers 500")
    LinkFactory(investigation=made, event__title="Timeouts")
    return made


def url(case: Investigation, rest: str = "") -> str:
    return f"/api/v1/investigations/{case.pk}/exports{rest}"


@pytest.mark.parametrize(("written_in", "begins"), [("json", b'{"format"'), ("markdown", b"# Ch"), ("pdf", b"%PDF")])
def test_one_is_asked_for_watched_and_fetched(
    client: APIClient, case: Investigation, written_in: str, begins: bytes
) -> None:
    asked = client.post(url(case), {"format": written_in})
    assert (asked.status_code, asked.json()["state"], asked.json()["events"]) == (202, "pending", 1)
    early = client.get(f"{asked['Location']}/file")
    assert (early.status_code, early.json()["code"]) == (409, "not_ready")
    make_exports()
    shown = client.get(asked["Location"]).json()
    assert (shown["state"], shown["progress"], shown["error"]) == ("done", 100, "")
    fetched = client.get(f"{asked['Location']}/file")
    assert fetched.content.startswith(begins)
    assert len(fetched.content) == shown["size"]
    assert fetched["Content-Disposition"] == f'attachment; filename="{shown["name"]}"'
    assert [row["id"] for row in client.get(url(case)).json()["results"]] == [shown["id"]]


def test_who_asked_is_on_record(client: APIClient, case: Investigation, engineer: User) -> None:
    made = client.post(url(case), {"format": "pdf"})
    client.delete(made["Location"])
    entries = AuditEntry.objects.filter(target_id=str(case.pk)).order_by("id")
    assert [(entry.actor, entry.verb) for entry in entries] == [(engineer, "export"), (engineer, "delete export")]


def test_asking_again_gives_the_one_that_is_under_way(client: APIClient, case: Investigation) -> None:
    first, second = (client.post(url(case), {"format": "pdf"}).json()["id"] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("body", "name"), [({}, "format"), ({"format": "docx"}, "format"), ({"format": "pdf", "pages": 3}, "pages")]
)
def test_what_is_wrong_is_named(client: APIClient, case: Investigation, body: dict[str, object], name: str) -> None:
    refused = client.post(url(case), body)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, [name])


@pytest.mark.parametrize("rest", ["", "/file"])
def test_that_of_another_investigation_is_not_found(client: APIClient, case: Investigation, rest: str) -> None:
    foreign = FinishedExportFactory()
    assert client.get(url(case, f"/{foreign.pk}{rest}")).status_code == 404
    assert client.delete(url(case, f"/{foreign.pk}")).status_code == 404


def test_those_of_a_deleted_investigation_are_gone(client: APIClient) -> None:
    made = FinishedExportFactory(investigation__deleted_at=timezone.now())
    assert client.get(url(made.investigation, f"/{made.pk}/file")).status_code == 404


def test_what_takes_long_is_not_written_while_somebody_waits(
    client: APIClient, case: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(document.AT_ONCE, "pdf", 1)
    LinkFactory(investigation=case)
    refused = client.get(f"/api/v1/investigations/{case.pk}/export?format=pdf")
    assert (refused.status_code, refused.json()["code"]) == (409, "takes_long")
    assert client.get(f"/api/v1/investigations/{case.pk}/export?format=json").status_code == 200


def test_nobody_has_more_than_a_few_waiting(case: Investigation, engineer: User) -> None:
    ExportFactory.create_batch(making.MOST_WAITING_EACH, created_by=engineer)
    with pytest.raises(Busy):
        making.ask(investigation=case, written_in="pdf", actor=engineer, now=timezone.now())


def test_who_cancels_one_stops_the_worker(case: Investigation, monkeypatch: pytest.MonkeyPatch) -> None:
    export = ExportFactory(investigation=case)

    def cancelled(**given: object) -> document.Document:
        Export.objects.filter(pk=export.pk).delete()
        return document.write(**given)  # type: ignore[arg-type]

    monkeypatch.setattr(making, "write", cancelled)
    assert making.make_next(now=timezone.now())
    assert not Export.objects.exists()


def test_the_typesetter_of_a_cancelled_one_is_stopped(case: Investigation, monkeypatch: pytest.MonkeyPatch) -> None:
    export = ExportFactory(investigation=case, written_in="pdf")
    monkeypatch.setattr("investigations.exports.pdf._PATIENCE", 0.01)
    monkeypatch.setattr(making, "TOUCH", 0)
    said: list[int] = []

    def cancel_while_it_is_set(worker: making.Worker, progress: int) -> None:
        said.append(progress)
        if progress == 50:
            Export.objects.filter(pk=export.pk).delete()
        say(worker, progress)

    say = making.Worker.say
    monkeypatch.setattr(making.Worker, "say", cancel_while_it_is_set)
    making.make_next(now=timezone.now())
    assert said == [0, 50]


def test_one_whose_worker_died_is_made_by_another(case: Investigation) -> None:
    now = timezone.now()
    export = ExportFactory(investigation=case, state="running", attempts=1, touched_at=now - making.ABANDONED)
    assert not making.make_next(now=now)
    assert making.make_next(now=now + timedelta(seconds=1))
    export.refresh_from_db()
    assert (export.state, export.attempts) == (ExportState.DONE, 2)


def test_what_kills_every_worker_is_given_up(case: Investigation) -> None:
    now = timezone.now()
    late = now - making.ABANDONED * 2
    export = ExportFactory(investigation=case, state="running", attempts=making.ATTEMPTS, touched_at=late)
    assert not making.make_next(now=now)
    export.refresh_from_db()
    assert (export.state, export.error) == (ExportState.FAILED, "The worker that made it died, again and again.")


def test_a_worker_that_was_given_up_keeps_nothing(case: Investigation, monkeypatch: pytest.MonkeyPatch) -> None:
    ExportFactory(investigation=case)

    def overtaken(**given: object) -> document.Document:
        Export.objects.update(attempts=2, progress=7)
        return document.write(**given)  # type: ignore[arg-type]

    monkeypatch.setattr(making, "write", overtaken)
    making.make_next(now=timezone.now())
    assert list(Export.objects.values_list("state", "progress")) == [("running", 7)]


def test_one_that_fails_says_why_and_stops_no_other(case: Investigation, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ExportFactory(investigation=case, written_in="pdf"), ExportFactory(investigation=case)
    monkeypatch.setattr("investigations.exports.pdf.SECONDS", 0)
    make_exports()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == (ExportState.FAILED, ExportState.DONE)
    assert first.error == "The PDF was not ready within 0 seconds: take Markdown or JSON."


def test_a_mistake_of_ours_is_not_told_in_the_words_of_python(
    case: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = ExportFactory(investigation=case)

    def broken(**_: object) -> document.Document:
        raise TypeError("unhashable type: 'dict'")

    monkeypatch.setattr(making, "write", broken)
    making.make_next(now=timezone.now())
    export.refresh_from_db()
    assert (export.state, "TypeError" in export.error) == (ExportState.FAILED, False)


def test_progress_is_told_while_events_are_read(case: Investigation, monkeypatch: pytest.MonkeyPatch) -> None:
    LinkFactory.create_batch(4, investigation=case)
    ExportFactory(investigation=case, events=5)
    monkeypatch.setattr(gathering, "_CHUNK", 1)
    monkeypatch.setattr(making, "TOUCH", 0)
    seen = []
    say = making.Worker.say

    def watched(worker: making.Worker, progress: int) -> None:
        say(worker, progress)
        seen.append(Export.objects.get().progress)

    monkeypatch.setattr(making.Worker, "say", watched)
    make_exports()
    assert seen == [0, 10, 20, 30, 40]


def test_the_oldest_make_room_for_the_newest(case: Investigation, settings: Settings) -> None:
    settings.EXPORT_STORE_BYTES = 2_000
    old = FinishedExportFactory(size=1_900)
    export = ExportFactory(investigation=case)
    make_exports()
    assert list(Export.objects.values_list("pk", "state")) == [(export.pk, ExportState.DONE)]
    assert old.pk != export.pk


def test_one_that_would_fill_the_store_alone_is_not_kept(case: Investigation, settings: Settings) -> None:
    settings.EXPORT_STORE_BYTES = 10
    export = ExportFactory(investigation=case)
    make_exports()
    export.refresh_from_db()
    assert export.state == ExportState.FAILED
    assert "more than may be kept" in export.error


def test_they_are_forgotten_after_their_time(settings: Settings) -> None:
    now = timezone.now()
    FinishedExportFactory(created_at=now - settings.EXPORT_KEPT - timedelta(minutes=1))
    kept = FinishedExportFactory(created_at=now - settings.EXPORT_KEPT + timedelta(minutes=1))
    purge_exports()
    assert [export.pk for export in Export.objects.all()] == [kept.pk]
