"""An incident from files becomes an investigation whose suspects are those that its files name."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, User
from benchmarks.rca import changes, rollouts, services
from benchmarks.rca.case import Case, iso
from events.choices import Source
from events.models import Dependency, Event, Origin
from investigations import intake, suspicion
from investigations.bundles import drafts, folders
from investigations.choices import LinkState
from investigations.models import Investigation, Link, Suspect, SuspectReport
from investigations.reconstruction import reconstruct
from investigations.suspects import Scene, rank
from tests.shared import incidents

pytestmark = pytest.mark.django_db
STORIES = sorted(changes.ALL)
LATER = timedelta(days=1)  # after the alert, when all that the files hold has happened
LAST = datetime(2199, 1, 1, tzinfo=UTC)


def folder_of(case: Case, folder: Path) -> Path:
    case.write(folder)
    return folder


def take_in(folder: Path, actor: User) -> tuple[Scene, intake.Imported]:
    scene = folders.read(folder)
    now = datetime.fromtimestamp(scene.alert.fired_at, UTC) + LATER
    title = folders.headline(folder, scene)
    return scene, intake.take_in(scene=scene, title=title, actor=actor, now=now)


def tops(ranking: list[tuple[str, str, float]]) -> dict[str, tuple[str, float]]:
    """Return the first of each kind and its score."""
    return {kind: (name, score) for kind, name, score in reversed(ranking)}


def same_answer(folder: Path, actor: User) -> None:
    scene, done = take_in(folder, actor)
    report = suspicion.newest(done.investigation.pk)
    assert report is not None
    assert report.problem == ""
    answer = rank(scene)
    shown = tops([(one.kind, one.name, round(one.score, 1)) for one in report.suspects.all()])
    assert shown == tops([(one.kind, one.id, round(one.score, 1)) for one in answer.ranking])
    assert report.no_change_cause == answer.no_change_cause


@pytest.mark.parametrize("kind", STORIES)
def test_the_first_suspects_are_those_of_the_files(kind: str, tmp_path: Path, engineer: User) -> None:
    same_answer(folder_of(changes.incident(100_020, kind), tmp_path), engineer)


@pytest.mark.parametrize("kind", services.KINDS)
def test_so_they_are_where_no_change_is_known(kind: str, tmp_path: Path, engineer: User) -> None:
    same_answer(folder_of(services.incident(100_119, kind), tmp_path), engineer)


@pytest.mark.parametrize("seed", [100_043, 100_074, 100_105])
def test_so_they_are_in_a_rolling_release(seed: int, tmp_path: Path, engineer: User) -> None:
    same_answer(folder_of(rollouts.incident(seed), tmp_path), engineer)


def test_so_they_are_for_the_given_incidents_though_some_are_of_one_hour(tmp_path: Path, engineer: User) -> None:
    for folder in sorted(incidents("bundles").glob("*/data")):
        same_answer(folder, engineer)


def test_so_they_are_for_metrics_with_a_matrix_of_calls(engineer: User) -> None:
    same_answer(incidents("petshop", "low_traffic", "train", "issue_2"), engineer)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of(changes.incident(5, "timeout"), tmp_path / "incident")


def test_everything_is_linked_and_the_rules_say_why_where_they_can(folder: Path, engineer: User) -> None:
    _, done = take_in(folder, engineer)
    links = Link.objects.filter(investigation=done.investigation)
    assert links.count() == Event.objects.count() == done.events == done.fresh
    assert {LinkState.SUGGESTED, LinkState.MANUAL} == set(links.values_list("state", flat=True))
    assert "imported" in links.filter(state=LinkState.MANUAL).first().factors[0]["reason"]  # type: ignore[union-attr]


def test_each_kind_of_source_told_its_own(folder: Path, engineer: User) -> None:
    take_in(folder, engineer)
    named = {name.partition(": ")[2] for name in Origin.objects.values_list("name", flat=True)}
    assert named == {"Alerts", "CI", "Git", "Logs", "Manual", "Metrics", "Traces"}


def test_the_graph_of_calls_is_kept(tmp_path: Path, engineer: User) -> None:
    scene, _ = take_in(folder_of(services.incident(4, "delay"), tmp_path), engineer)
    assert scene.calls
    assert set(Dependency.objects.values_list("caller", "callee")) == scene.calls
    assert set(Dependency.objects.values_list("environment", flat=True)) == {f"bundle-{drafts.mark_of(scene.alert)}"}


def test_importing_again_changes_nothing(folder: Path, engineer: User) -> None:
    first, again = (take_in(folder, engineer)[1] for _ in range(2))
    assert (again.investigation, again.opened, again.fresh) == (first.investigation, False, 0)
    assert Event.objects.count() == Link.objects.count() == first.events
    assert (Investigation.objects.count(), SuspectReport.objects.count()) == (1, 1)


def test_what_is_new_in_the_folder_is_added_and_ranked(folder: Path, engineer: User) -> None:
    take_in(folder, engineer)
    late = {"timestamp": iso(1.785e9), "service": "late", "severity_text": "INFO", "msg": "a line that came late"}
    with (folder / "logs.ndjson").open("a") as file:
        file.write(json.dumps(late) + "\n")
    _, again = take_in(folder, engineer)
    assert (again.opened, again.fresh, SuspectReport.objects.count()) == (False, 1, 2)


def test_what_people_decided_stands(folder: Path, engineer: User) -> None:
    take_in(folder, engineer)
    suspicion.decide(suspect=Suspect.objects.get(kind="change", place=1), state="confirmed", actor=engineer, now=LAST)
    take_in(folder, engineer)
    assert Link.objects.filter(is_cause=True).count() == 1


def test_an_incident_is_not_explained_by_the_events_of_another_environment(folder: Path, engineer: User) -> None:
    scene, done = take_in(folder, engineer)
    known = reconstruct(done.investigation, LAST).events
    Event.objects.filter(source="logs").update(environment="staging")
    assert reconstruct(done.investigation, LAST).events == known - len(scene.lines)


def test_the_trail_says_who_imported_it(folder: Path, engineer: User) -> None:
    take_in(folder, engineer)
    assert {"create", "link"} <= set(AuditEntry.objects.filter(actor=engineer).values_list("verb", flat=True))


def test_lines_that_are_too_many_are_left_out_far_from_the_alert_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = folders.read(folder)
    monkeypatch.setattr(drafts, "MOST_LINES", 10)
    told = drafts.tell(scene, "Alert")
    nearest = sorted(abs(one.at - scene.alert.fired_at) for one in scene.lines)[:10]
    kept = [one.timestamp.timestamp() - scene.alert.fired_at for one in told.drafts[Source.LOGS]]
    assert sorted(map(abs, kept)) == pytest.approx(nearest, abs=1e-5)
    assert told.left_out == {"log lines": len(scene.lines) - 10}


def run(*arguments: Any) -> str:
    told = StringIO()
    call_command("import_bundle", *map(str, arguments), stdout=told)
    return told.getvalue()


def test_the_command_says_how_far_it_is_and_where_to_look(folder: Path, engineer: User) -> None:
    said = run(folder)
    case = Investigation.objects.get()
    assert "Stored" in said
    assert f"/investigations/{case.pk}/" in said
    assert Suspect.objects.get(kind="change", place=1).name in said
    assert (case.created_by, case.tags, bool(case.title)) == (engineer, ["imported"], True)


def test_the_command_opens_it_for_whom_it_is_told(folder: Path, engineer: User, admin: User) -> None:
    run(folder, "--as", admin.username)
    assert Investigation.objects.get().created_by == admin


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "there is no alert.json"),
        ({"alert.json": "{"}, "alert.json: not JSON"),
        ({"alert.json": '{"service": "a"}'}, "alert.json, record 1: fired_at is missing."),
        ({"alert.json": '{"fired_at": 1, "baseline": {"from": 2, "to": 1}}'}, "baseline ends before it starts"),
        ({"alert.json": '{"fired_at": "2500-01-01"}'}, "timestamp: Give a time from 1970 to 2199."),
        ({"alert.json": '{"fired_at": 1}', "logs.ndjson": "\n\nx"}, "logs.ndjson, line 3: not JSON"),
    ],
)
def test_a_folder_that_cannot_be_read_is_refused_with_the_place(
    files: dict[str, str], said: str, tmp_path: Path, engineer: User
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CommandError, match=said):
        run(tmp_path)
    assert not Investigation.objects.exists()


def test_what_is_no_folder_is_refused(tmp_path: Path, engineer: User) -> None:
    with pytest.raises(CommandError, match="is no folder"):
        run(tmp_path / "nowhere")


def test_nobody_can_be_told_to_open_it_who_is_not_there(folder: Path, engineer: User) -> None:
    with pytest.raises(CommandError, match="--as: nobody who may link events is called nemo"):
        run(folder, "--as", "nemo")


def test_who_may_not_link_events_is_not_chosen(folder: Path, user: User) -> None:
    with pytest.raises(CommandError, match="Nobody is here who may link events"):
        run(folder)
