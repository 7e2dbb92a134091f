"""Decision: what a large installation's investigations look like. No database; the same seed tells the same story."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from connectors.demo import crowd
from investigations.choices import CauseCategory, ImpactSeverity, Priority, Status

ACTIVE_SHARE = 0.05  # 500 of 10,000
NOTES = (
    "**Seen first** in the logs of the service; customers notice a little later.",
    "The pool was exhausted. Restarting one worker helped for ten minutes.\n\n- looked at the last deploys",
    "Rolled the last release back; the error rate is falling.",
)
_IMPACTS = (list(ImpactSeverity), (8, 30, 75, 100))
_HOURS_TO_RESOLVE = {"critical": 0.4, "high": 1.0, "medium": 2.5, "low": 6.0}  # median of a log-normal distribution
_SYMPTOMS = ("fails", "is slow", "answers with 502", "loses messages", "runs out of connections", "shows stale data")


@dataclass(frozen=True, slots=True)
class Case:
    """Field values of an investigation, and the notes people wrote in it."""

    values: dict[str, Any]
    notes: tuple[str, ...]


def cases(*, investigations: int, seed: int, start: datetime, days: int) -> Iterator[Case]:
    """Yield so many investigations: one for each burst first, then for lesser incidents; the active ones are recent."""
    random = Random(f"cases {seed}")
    failures = crowd.bursts(seed=seed, start=start, days=days)[:investigations]
    active = round(investigations * ACTIVE_SHARE)
    end = start + timedelta(days=days)
    for number in range(investigations):
        if number >= investigations - active:
            detected = end - timedelta(minutes=random.uniform(5, 7 * 1440))
            yield _case(random, number, crowd.any_service(random), max(start, detected), end, active=True)
        elif number < len(failures):
            burst = failures[number]
            yield _case(random, number, burst.service, burst.start + timedelta(minutes=3), end, active=False)
        else:
            detected = start + timedelta(minutes=random.uniform(0, days * 1440 - 60))
            yield _case(random, number, crowd.any_service(random), detected, end, active=False)


def _case(random: Random, number: int, service: str, detected: datetime, end: datetime, *, active: bool) -> Case:
    component = random.choice(crowd.COMPONENTS)
    impact = random.choices(_IMPACTS[0], cum_weights=_IMPACTS[1])[0]
    values: dict[str, Any] = {
        "title": f"{service} {random.choice(_SYMPTOMS)} ({component}), case {number}",
        "description": f"{random.choice(crowd.TEMPLATES)} again and again since {service} was changed last.",
        "status": Status.IN_PROGRESS if number % 10 > 6 else Status.OPEN,
        "impact_severity": impact,
        "priority": random.choice(list(Priority)),
        "started_at": detected - timedelta(minutes=random.uniform(1, 20)),
        "detected_at": detected,
        "service_affected": service,
        "component_affected": component,
        "tags": [service, component],
        "impact_domain": random.choice(("Customers", "Payments", "Data", "")),
    }
    if not active:
        values |= _ending(random, service, detected, end, _HOURS_TO_RESOLVE[impact])
    notes = random.choices((0, 1, 2, 3), cum_weights=(80, 92, 97, 100))[0]
    return Case(values, tuple(random.choices(NOTES, k=notes)))


def _ending(random: Random, service: str, detected: datetime, end: datetime, median: float) -> dict[str, Any]:
    took = timedelta(hours=median * random.lognormvariate(0, 0.9))
    return {
        "status": random.choices((Status.RESOLVED, Status.CLOSED), cum_weights=(3, 10))[0],
        "resolved_at": max(detected, min(detected + took, end)),
        "root_cause": f"{random.choice(crowd.TEMPLATES)} after a change of {service}.",
        "remediation": "Rolled back.",
        "cause_category": random.choice(list(CauseCategory)),
    }
