"""The suspects engine as an engineer meets it: what it blames, what it leaves alone, and that it does not waver."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rca import changes, rollouts, services
from benchmarks.rca.case import Case
from investigations.bundles import petshop, reading
from investigations.suspects import ENGINE_VERSION, Answer, Scene, rank
from investigations.suspects.metrics import Facet, facet
from investigations.suspects.scene import Window
from tests.shared import incidents

BLAMED = ("timeout", "leak", "contract", "shared library", "memory limit")
INNOCENT = ("provider", "dns", "certificate", "surge", "machine")
SOURCES = ("series", "lines", "spans", "commits", "deploys", "flips", "calls")


def scene(case: Case, folder: Path) -> Scene:
    case.write(folder)
    return reading.read(folder)


def first(answer: Answer, kind: str) -> str:
    return next((one.id for one in answer.ranking if one.kind == kind), "")


def verdict(answer: Answer) -> tuple[str, str, bool]:
    return first(answer, "change"), first(answer, "service"), answer.no_change_cause


@pytest.fixture(params=("change", "system", "rollout"))
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    """Return an incident of each family."""
    made = {
        "change": changes.incident(5, "timeout"),
        "system": services.incident(5, "delay"),
        "rollout": rollouts.incident(5),
    }
    return scene(made[request.param], tmp_path)


@pytest.mark.parametrize("kind", BLAMED)
def test_the_guilty_change_is_blamed_with_a_reason(kind: str, tmp_path: Path) -> None:
    case = changes.incident(11, kind)
    answer = rank(scene(case, tmp_path))
    assert first(answer, "change") == case.change
    assert next(one for one in answer.ranking if one.id == case.change).evidence


@pytest.mark.parametrize("kind", INNOCENT)
def test_no_change_is_blamed_for_what_comes_from_outside(kind: str, tmp_path: Path) -> None:
    answer = rank(scene(changes.incident(11, kind), tmp_path))
    assert answer.no_change_cause
    assert answer.reasons


@pytest.mark.parametrize("kind", services.KINDS)
def test_the_guilty_service_of_a_system_is_ranked_first(kind: str, tmp_path: Path) -> None:
    case = services.incident(7, kind)
    assert first(rank(scene(case, tmp_path)), "service") == case.service


def test_the_bad_one_of_several_releases_is_blamed(tmp_path: Path) -> None:
    case = rollouts.incident(5)
    assert first(rank(scene(case, tmp_path)), "change") == case.change


def test_where_nothing_is_wrong_nobody_is_named(tmp_path: Path) -> None:
    assert rank(scene(services.incident(207, "none"), tmp_path)).ranking == ()


def test_a_change_after_the_onset_is_never_blamed(tmp_path: Path) -> None:
    case = changes.incident(11, "timeout")
    told = scene(case, tmp_path)
    late = told.alert.fired_at + 60
    moved = replace(
        told,
        commits=tuple(replace(one, at=late) if one.sha == case.change else one for one in told.commits),
        deploys=tuple(replace(one, at=late) if one.sha == case.change else one for one in told.deploys),
    )
    assert case.change not in {one.id for one in rank(moved).ranking}


def test_the_order_of_rows_does_not_matter(told: Scene) -> None:
    chance = random.Random(3)
    mixed: dict[str, Any] = {}
    for name in SOURCES[:-1]:
        rows = getattr(told, name)
        mixed[name] = tuple(chance.sample(list(rows), len(rows)))
    assert verdict(rank(replace(told, **mixed))) == verdict(rank(told))


def test_the_clock_does_not_matter(told: Scene) -> None:
    ahead = 5_000_000.0
    later = replace(
        told,
        alert=replace(told.alert, fired_at=told.alert.fired_at + ahead),
        baseline=Window(told.baseline.start + ahead, told.baseline.end + ahead) if told.baseline else None,
        series=tuple(replace(one, times=one.times + ahead) for one in told.series),
        spans=tuple(replace(one, start=one.start + ahead) for one in told.spans),
        lines=tuple(replace(one, at=one.at + ahead) for one in told.lines),
        commits=tuple(replace(one, at=one.at + ahead) for one in told.commits),
        deploys=tuple(replace(one, at=one.at + ahead) for one in told.deploys),
        flips=tuple(replace(one, at=one.at + ahead) for one in told.flips),
    )
    assert verdict(rank(later)) == verdict(rank(told))


def test_the_unit_of_a_metric_does_not_matter(told: Scene) -> None:
    without = (Facet.ERRORS, Facet.HEALTH)
    series = tuple(
        one if facet(one.metric) in without else replace(one, values=one.values * 1_000) for one in told.series
    )
    assert verdict(rank(replace(told, series=series))) == verdict(rank(told))


def test_the_names_of_services_do_not_matter(tmp_path: Path) -> None:
    case = changes.incident(5, "pool")
    case.write(tmp_path / "a")
    names = sorted({row["service"] for row in case.metrics}, key=len, reverse=True)
    for path in (tmp_path / "a").rglob("*.*"):
        text = path.read_text()
        for number, name in enumerate(names):
            text = text.replace(name, f"x{number}yq")
        other = tmp_path / "b" / path.relative_to(tmp_path / "a")
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text(text)
    assert first(rank(reading.read(tmp_path / "b")), "change") == case.change


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_is_missing_leaves_an_answer(source: str, told: Scene) -> None:
    without: dict[str, Any] = {source: frozenset() if source == "calls" else ()}
    assert rank(replace(told, **without)).as_json()["engine_version"] == ENGINE_VERSION


def test_an_alert_alone_names_nobody(told: Scene) -> None:
    nothing: Any = dict.fromkeys(SOURCES[:-1], ())
    assert rank(replace(told, **nothing, calls=frozenset())).ranking == ()


def test_the_given_incidents_are_answered_right() -> None:
    wrong = []
    for path in sorted(incidents("bundles_truth").glob("*.json")):
        truth = json.loads(path.read_text())["root_cause_commit"]
        answer = rank(reading.read(incidents("bundles", path.stem)))
        if (first(answer, "change") or "none") != truth:
            wrong.append(path.stem)
    assert wrong == []


@pytest.mark.parametrize("issue", ["train/issue_2", "test/issue_9", "test/issue_17"])
def test_the_deepest_node_that_explains_the_alert_is_first(issue: str) -> None:
    folder = incidents("petshop", "low_traffic", *issue.split("/"))
    truth = json.loads((folder / "target.json").read_text())["root_cause"]["node"]
    assert first(rank(petshop.read(folder)), "service") == truth
