"""Incidents with commits, deploys and flags: one story each, among harmless changes close to the onset."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.rca.case import Case, iso
from benchmarks.rca.stories import HARMLESS, INNOCENT, STORIES, Story
from benchmarks.rca.system import SUFFIXES, WORDS

ALL = {story.kind: story for story in (*STORIES, *INNOCENT)}


def incident(seed: int, kind: str) -> Case:
    """Make an incident of one of the stories."""
    rng = np.random.default_rng(seed)
    story = ALL[kind]
    suffix = str(rng.choice(SUFFIXES))
    names = [f"{word}{suffix}" for word in rng.choice(WORDS, 6, replace=False)]
    who = {"CALLER": names[0], "NAME": names[1], "CALLEE": names[2]}
    minutes, onset = 90 + story.slow, 70 + story.slow
    start = 1.785e9 + float(rng.integers(0, 9_999)) * 60
    at = start + onset * 60
    alerted = story.moves[0] if story.moves else ("NAME", "error_rate", 0.0, 0.0)
    alert = {
        "service": who[alerted[0]],
        "metric": alerted[1],
        "threshold": 1,
        "observed": alerted[3],
        "severity": "high",
    }
    alert |= {
        "fired_at": iso(at + float(rng.integers(120, 420))),
        "summary": f"{who[alerted[0]]} {alerted[1]} out of bounds",
    }
    case = Case(kind=kind, alert=alert, service=who["NAME"])
    case.metrics = _metrics(story, who, names, start, minutes, onset, rng)
    case.logs = _logs(story, who, names, start, minutes, at, rng)
    case.spans = _spans(who, start, at, rng)
    _history(case, story, who, names, start, at, rng)
    return case


def _named(text: str, who: dict[str, str]) -> str:
    for place, name in who.items():
        text = text.replace(place, name)
    return text


def _metrics(
    story: Story, who: Any, names: Any, start: float, minutes: int, onset: int, rng: Any
) -> list[dict[str, Any]]:
    moved = {(who[one], metric): (usual, then) for one, metric, usual, then in story.moves}
    steady = {
        (name, metric): usual
        for name in names
        for metric, usual in (("requests_per_sec", 200.0), ("error_rate", 0.003))
    }
    ramp = np.clip((np.arange(minutes) - (onset - story.slow)) / max(story.slow, 2), 0, 1)
    rows = []
    for (name, metric), usual in {**steady, **{key: pair[0] for key, pair in moved.items()}}.items():
        then = moved.get((name, metric), (usual, usual))[1]
        noise = rng.lognormal(0, 0.05, minutes) * rng.lognormal(0, 0.02)
        values = (usual + (then - usual) * ramp) * noise
        for place, value in enumerate(values):
            rows.append(
                {"timestamp": iso(start + place * 60), "service": name, "metric": metric, "value": f"{value:.6g}"}
            )
    rng.shuffle(rows)
    return rows


def _logs(story: Story, who: Any, names: Any, start: float, minutes: int, at: float, rng: Any) -> list[dict[str, Any]]:
    found = []
    for name in names:
        for _ in range(minutes // 4):
            when = start + rng.uniform(0, minutes * 60)
            found.append({"timestamp": iso(when), "service": name, "severity_text": "INFO", "msg": "handled request"})
    for one, severity, text in story.says:
        for _ in range(int(rng.integers(8, 40))):
            when = at + rng.uniform(10, 900)
            found.append(
                {"timestamp": iso(when), "service": who[one], "severity_text": severity, "msg": _named(text, who)}
            )
    return found


def _spans(who: Any, start: float, at: float, rng: Any) -> list[dict[str, Any]]:
    found = []
    for number, when in enumerate((start + 300, at + 200)):
        chain = [None, "a", "b"]
        for place, one in enumerate(("CALLER", "NAME", "CALLEE")):
            found.append(
                {
                    "trace_id": f"trace{number}",
                    "span_id": f"{'abc'[place]}{number}",
                    "parent_id": chain[place] and f"{chain[place]}{number}",
                    "service": who[one],
                    "name": f"{one.lower()} op",
                    "start": iso(when),
                    "duration_ms": 100 - 20 * place,
                    "status": "OK",
                }
            )
    return found


def _history(case: Case, story: Story, who: Any, names: Any, start: float, at: float, rng: Any) -> None:
    """Add harmless commits and deploys of all services, some right at the onset, and the guilty one among them."""
    for number in range(int(rng.integers(8, 20))):
        message, path, diff = HARMLESS[rng.integers(len(HARMLESS))]
        name = names[rng.integers(len(names))] if number > 2 else who["NAME"]
        when = at - rng.uniform(30, 3_000) if number > 1 else at - rng.uniform(20, 200)
        sha = _commit(case, {"NAME": name}, message, path, diff, when, rng)
        if rng.random() < 0.5 or number < 2:
            case.decoys.append(sha)
            case.deploys.append(_deploy(name, sha, when + 20))
    if story.diff:
        moment = at - story.slow * 60 - rng.uniform(60, 600)
        case.change = _commit(case, who, story.message, story.path, story.diff, moment - 60, rng)
        sha = case.change
        if story.apart:
            sha = _commit(
                case,
                who,
                "bump shared libraries",
                f"{who['NAME']}/go.mod",
                "-\tlibs/money v1.2.0\n+\tlibs/money v1.3.0",
                moment - 30,
                rng,
            )
        case.deploys.append(_deploy(who["NAME"], sha, moment))
    case.flags = [
        {
            "timestamp": iso(at - rng.uniform(60, 4_000)),
            "flag": "new_banner",
            "service": names[3],
            "change": "off->on",
            "actor": "ops",
        }
    ]
    case.commits.sort(key=lambda one: one["timestamp"])


def _commit(case: Case, who: Any, message: str, path: str, diff: str, at: float, rng: Any) -> str:
    sha = "".join(rng.choice(list("0123456789abcdef"), 40))
    file = _named(path, who)
    body = (
        f"@@ {file}: @@\n{_named(diff, who)}"
        if rng.random() < 0.5
        else f"--- a/{file}\n+++ b/{file}\n@@ -1,9 +1,9 @@\n{_named(diff, who)}"
    )
    case.commits.append(
        {
            "sha": sha,
            "author": "someone",
            "timestamp": iso(at),
            "message": _named(message, who),
            "files_changed": [file],
            "diff": body,
        }
    )
    return sha


def _deploy(service: str, sha: str, at: float) -> dict[str, Any]:
    return {"timestamp": iso(at), "service": service, "commit_sha": sha, "version": f"v-{sha[:6]}"}
