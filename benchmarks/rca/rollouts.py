"""Rolling releases: several services are released at once, pod by pod, and one of the new versions is bad."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.rca.case import Case, iso
from benchmarks.rca.system import Fault, System, simulate, system

KINDS = ("cpu", "delay", "exception", "mem", "loss")


def incident(seed: int) -> Case:
    """Make an incident that one of several releases caused."""
    rng = np.random.default_rng(seed)
    made = system(rng, int(rng.integers(8, 16)))
    minutes, step = int(rng.integers(45, 70)), 60
    start = 1.79e9 + float(rng.integers(0, 10_000)) * 60
    apps = [name for name in made.services if not name.endswith(("-db", "-redis", "-mongo", "-mysql"))]
    released = [str(name) for name in rng.choice(apps, size=min(int(rng.integers(2, 6)), len(apps)), replace=False)]
    guilty = released[int(rng.integers(len(released)))]
    pods = {name: [f"{name}-{number}" for number in range(int(rng.integers(2, 5)))] for name in made.services}
    begun = {name: int(minutes * rng.uniform(0.4, 0.55)) for name in released}
    pace = int(rng.integers(2, 6))
    share = np.zeros(minutes)
    for number in range(len(pods[guilty])):
        share[begun[guilty] + number * pace :] = (number + 1) / len(pods[guilty])
    kind = KINDS[rng.integers(len(KINDS))]
    fault = Fault(guilty, kind, begun[guilty], float(rng.uniform(1.0, 2.5)), share)
    told = simulate(made, fault, minutes, rng)
    shas = {name: "".join(rng.choice(list("0123456789abcdef"), 40)) for name in released}
    alert = {"service": made.entry if rng.random() < 0.5 else None, "metric": None, "severity": "critical"}
    alert |= {"fired_at": iso(start + (begun[guilty] + int(rng.integers(2, 8))) * step), "summary": "slo breached"}
    case = Case(kind=f"rollout {kind}", alert=alert, service=guilty, change=shas[guilty])
    case.decoys = [sha for name, sha in shas.items() if name != guilty]
    for name in released:
        case.deploys += _steps(name, shas[name], pods[name], begun[name], pace, start, step)
    case.metrics = _metrics(made, told, pods, begun, pace, fault, start, step, rng)
    if rng.random() < 0.5:
        case.graph = [(caller, callee) for caller in made.services for callee in made.calls[caller]]
    return case


def _steps(
    name: str, sha: str, pods: list[str], begun: int, pace: int, start: float, step: int
) -> list[dict[str, Any]]:
    return [
        {
            "timestamp": iso(start + (begun + number * pace) * step),
            "service": name,
            "commit_sha": sha,
            "version": sha[:7],
            "step": number + 1,
            "instances_added": [f"{pod}-new"],
            "instances_removed": [pod],
        }
        for number, pod in enumerate(pods)
    ]


def _metrics(
    made: System, told: Any, pods: Any, begun: Any, pace: int, fault: Fault, start: float, step: int, rng: Any
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    minutes = len(told[made.entry]["latency"])
    for name in made.services:
        for number, pod in enumerate(pods[name]):
            turn = begun[name] + number * pace if name in begun else minutes
            rows += _pod(made, told[name], name, pod, "old", range(turn), fault, start, step, rng)
            rows += _pod(made, told[name], name, f"{pod}-new", "new", range(turn, minutes), fault, start, step, rng)
    rng.shuffle(rows)
    return rows


def _pod(
    made: System,
    one: Any,
    name: str,
    pod: str,
    version: str,
    when: range,
    fault: Fault,
    start: float,
    step: int,
    rng: Any,
) -> list[dict[str, Any]]:
    """Return the rows of one pod. Only new pods of the guilty service have what is wrong with it, and in full."""
    rows = []
    share = np.asarray(fault.share)
    bad = version == "new" and name == fault.service
    for sign in ("latency", "error", "cpu", "mem", "traffic"):
        values = one[sign].copy()
        if name == fault.service and sign == "latency":
            values = values - one["slower"] + (one["slower"] / np.maximum(share, 0.01) if bad else 0)
        if name == fault.service and sign in ("error", "cpu", "mem"):
            usual = float(np.median(values[: fault.at]))
            values = usual + (values - usual) / np.maximum(share, 0.01) if bad else np.full(len(values), usual)
        if sign == "error" and "success" in made.style[sign]:
            values = 1 - values
        values = (
            values
            * (made.unit if sign == "latency" else 1)
            * rng.lognormal(0, 0.0 if sign == "error" else 0.05, len(values))
        )
        rows += [
            {
                "timestamp": iso(start + place * step),
                "service": name,
                "metric": made.style[sign],
                "value": f"{values[place]:.6g}",
                "instance": pod,
                "version": version,
            }
            for place in when
        ]
    return rows
