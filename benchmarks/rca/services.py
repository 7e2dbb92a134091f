"""Incidents of whole systems of services: a fault in one of them (or none), seen by metrics, spans and logs."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.rca.case import Case, iso
from benchmarks.rca.system import Fault, System, simulate, system

KINDS = ("cpu", "mem", "disk", "socket", "delay", "loss", "exception")
USUAL = (
    "request {} handled in {} ms",
    "cache lookup for {} took {} ms",
    "session {} opened, {} active",
    "GET /v1/{} 200 {}",
)
WRONG = (
    "java.lang.IllegalStateException: item {} in state {}",
    "Traceback: KeyError {} at handler {}",
    "panic: index {} out of range {}",
)


def incident(seed: int, kind: str) -> Case:
    """Make an incident; ``kind`` is one of `KINDS`, or "none" for a system in which nothing is wrong."""
    rng = np.random.default_rng(seed)
    made = system(rng, int(rng.integers(8, 32)))
    minutes, step = int(rng.integers(36, 70)), int(rng.choice([60, 60, 120]))
    at = int(minutes * rng.uniform(0.45, 0.65))
    candidates = [name for name in made.services[1:] if kind not in ("exception",) or not _store(name)]
    guilty = str(rng.choice(candidates)) if kind != "none" else ""
    fault = Fault(guilty, "" if kind == "none" else kind, at, float(rng.uniform(0.6, 2.5)))
    told = simulate(made, fault, minutes, rng)
    start = 1.78e9 + float(rng.integers(0, 10_000)) * 60
    fired = start + (at + int(rng.integers(0, 5))) * step
    case = Case(kind=kind, service=guilty, alert=_alert(made, fired, rng))
    if rng.random() < 0.4:
        case.alert["baseline"] = {"from": iso(start), "to": iso(start + (at - 3) * step), "sources": ["metrics"]}
    case.metrics = metrics(made, told, start, step, rng)
    sources = rng.random(4)
    if sources[0] < 0.4:
        case.graph = [(caller, callee) for caller in made.services for callee in made.calls[caller]]
    if sources[1] < 0.5:
        case.spans = spans(made, told, start, step, rng)
    if sources[2] < 0.6:
        case.logs = logs(made, told, fault, start, step, rng)
    return case


def _store(name: str) -> bool:
    return name.endswith(("-db", "-redis", "-mongo", "-mysql"))


def _alert(made: System, fired: float, rng: np.random.Generator) -> dict[str, Any]:
    named = rng.random() < 0.4
    return {
        "service": made.entry if named else None,
        "metric": made.style["latency"] if named else None,
        "threshold": None,
        "observed": None,
        "fired_at": iso(fired),
        "severity": "critical",
        "monitor": "slo",
        "summary": "users report trouble",
    }


def metrics(made: System, told: Any, start: float, step: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return the rows of metrics.csv; some services have several instances."""
    rows = []
    for name in made.services:
        pods = [""] if rng.random() < 0.6 else [f"{name}-{number}" for number in range(int(rng.integers(1, 4)))]
        for pod in pods:
            for sign, metric in sorted(made.style.items()):
                if rng.random() < 0.05:
                    continue
                values = _values(told[name], sign, metric, made, rng)
                for place, value in enumerate(values):
                    rows.append(
                        {
                            "timestamp": iso(start + place * step),
                            "service": name,
                            "metric": metric,
                            "value": f"{value:.6g}",
                            "instance": pod,
                        }
                    )
    rng.shuffle(rows)
    return rows


def _values(one: dict[str, np.ndarray], sign: str, metric: str, made: System, rng: np.random.Generator) -> np.ndarray:
    noise = rng.lognormal(0, 0.02, len(one["traffic"]))
    if sign in ("latency", "tail"):
        factor = 1.0 if sign == "latency" else 2.5 * rng.lognormal(0, 0.15, len(noise))
        return one["latency"] * made.unit * noise * factor
    if sign == "error":
        value = one["error"] * (100 if "%" in metric or "rate" in metric else 1)
        return (100 - value) if "success" in metric else value
    return one[sign] * noise


def spans(made: System, told: Any, start: float, step: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return some traces for each few minutes."""
    found: list[dict[str, Any]] = []
    minutes = len(told[made.entry]["latency"])
    for number in range(120):
        minute = int(rng.integers(minutes))
        at = start + minute * step + rng.uniform(0, step)
        _span(found, made, told, made.entry, f"t{number:06d}", "", at, minute, rng, 0)
    return found


def _span(
    found: Any,
    made: System,
    told: Any,
    name: str,
    trace: str,
    parent: str,
    at: float,
    minute: int,
    rng: Any,
    depth: int,
) -> tuple[float, bool]:
    one = told[name]
    mine = f"s{len(found):07d}"
    body = {
        "trace_id": trace,
        "span_id": mine,
        "parent_id": parent or None,
        "service": name,
        "name": f"{name}/do",
        "start": iso(at),
    }
    found.append(body)
    spent = made.own[name] * rng.lognormal(0, 0.2) + one["slower"][minute]
    failed = rng.random() < max(
        one["error"][minute] - max((told[c]["error"][minute] for c in made.calls[name]), default=0), 0
    )
    for callee in made.calls[name]:
        if depth < 6 and rng.random() < 0.7:
            took, broke = _span(found, made, told, callee, trace, mine, at + spent / 2e3, minute, rng, depth + 1)
            spent += took
            failed = failed or (broke and rng.random() < 0.8)
    body |= {"duration_ms": round(spent, 3), "status": "ERROR" if failed else "OK"}
    return spent, failed


def logs(
    made: System, told: Any, fault: Fault, start: float, step: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return log lines: usual ones, and of the failures those of the service itself and of its callers."""
    found = []
    for name in made.services:
        if _store(name):
            continue
        for minute, errors in enumerate(told[name]["error"]):
            at = start + minute * step
            for _ in range(int(rng.integers(0, 3))):
                text = USUAL[rng.integers(len(USUAL))].format(int(rng.integers(1e6)), int(rng.integers(90)))
                found.append(_line(at + rng.uniform(0, step), name, "INFO", text))
            callee = max(made.calls[name], key=lambda one: told[one]["error"][minute], default="")
            own = name == fault.service and fault.kind == "exception"
            for _ in range(min(int(rng.poisson(errors * 15)), 6)):
                text = WRONG[fault.at % len(WRONG)] if own else f"call to {callee or 'peer'} failed: status 500"
                found.append(_line(at + rng.uniform(0, step), name, "ERROR", text.format(int(rng.integers(99)), 7)))
    return found


def _line(at: float, service: str, severity: str, text: str) -> dict[str, Any]:
    return {"timestamp": iso(at), "service": service, "severity_text": severity, "msg": text}
