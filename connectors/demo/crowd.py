"""Decision: what a large installation's events look like. No files, no database; the same seed tells the same story.

Thirty services, a few of which tell most; a daily rhythm, quieter weekends, and bursts in which one service fails.
`TERMS` names words of every frequency, for whoever measures searching.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from math import cos, pi
from random import Random
from typing import Any

from events.choices import Severity, Source
from events.drafts import EventDraft

# How often each kind of term occurs: 17, 15 and 19 of 100 rows, 2 of 100, 6 of 10,000, 1 of 1,000; `old` in every
# third row of the first tenth of the time, and never since.
TERMS = {
    "common": "timeout",
    "common too": "retrying",
    "most common": "upstream",
    "medium": "deadlock",
    "rare": "segfault",
    "phrase": "circuit breaker opened",
    "old": "mainframe",
    "nowhere": "zeppelin",
}
_SPRINKLED = (
    (0.17, ", timeout"),
    (0.15, ", retrying"),
    (0.19, " (upstream)"),
    (0.02, ", deadlock found"),
    (0.0006, ", segfault"),
    (0.001, ", circuit breaker opened"),
    (0.01, ", breaker of the circuit closed"),
)
_OLD_TERM, _OLD_RATE, _OLD_PART = " on the mainframe", 0.33, 0.1

SERVICES = tuple(
    """
    storefront checkout payments inventory search notifications auth-service user-profile pricing recommendations
    shipping orders cart-api catalog media-proxy fraud-check ledger billing webhooks-out mail-relay sms-gateway
    session-store feature-flags config-service audit-log data-export report-builder geo-lookup tax-engine chat
    """.split()
)
COMPONENTS = ("api", "worker", "database", "cache", "queue", "scheduler", "gateway", "client")
ENVIRONMENTS = ("production", "staging", "canary")
_SERVICE_WEIGHTS = list(accumulate(1 / rank for rank in range(1, len(SERVICES) + 1)))
_SOURCES = list(Source)
_SOURCE_WEIGHTS = list(accumulate((10, 12, 55, 8, 7, 5, 3)))
_SEVERITIES = list(Severity)
_CALM, _FAILING = list(accumulate((1, 6, 18, 25, 50))), list(accumulate((12, 38, 30, 12, 8)))
_TYPES = {
    Source.GIT: ("commit", "commit", "push", "pull_request"),
    Source.CI: ("build_success", "build_failure", "deployment", "test_failure"),
    Source.LOGS: ("error", "log"),
    Source.METRICS: ("anomaly", "threshold", "spike"),
    Source.TRACES: ("slow_trace", "error_span"),
    Source.ALERTS: ("alert", "alert_resolved"),
    Source.MANUAL: ("observation",),
}
_DEEDS = """
    Could not read, Could not write, Refused, Dropped, Rebuilt, Expired, Reloaded, Validated, Rolled back, Lost,
    Replayed, Rejected, Throttled, Skipped, Served, Changed, Migrated, Locked
"""
_THINGS = """
    the order, a session token, the price list, connection to the replica, an index segment, the feature flag,
    a payment intent, stock level, the webhook call, an image variant, PaymentError handler, the cache entry
"""
TEMPLATES = tuple(f"{deed.strip()} {thing.strip()}" for deed in _DEEDS.split(",") for thing in _THINGS.split(","))
_TAGS = ("release", "slo", "database", "network", "customer", "canary", "nightly", "security", "infra", "on-call")
_STACK = (
    "Traceback (most recent call last): File handler.py, line {line}, in handle: return self.repository.load(key) "
    "File repository.py, line {line}, in load: row = self.pool.fetch(query, key, deadline=self.deadline) "
    "File pool.py, line {line}, in fetch: return self.connection().execute(query, key)"
)
_BURSTS_A_DAY = 2
_BURST_FACTOR = 8.0


@dataclass(frozen=True, slots=True)
class Burst:
    """Minutes in which one service fails and tells of it again and again."""

    service: str
    start: datetime
    minutes: int

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.minutes)


def any_service(random: Random) -> str:
    """Return a service; the first tells most (Zipf's law)."""
    return random.choices(SERVICES, cum_weights=_SERVICE_WEIGHTS)[0]


def bursts(*, seed: int, start: datetime, days: int) -> list[Burst]:
    """Return when which service failed, oldest first."""
    random = Random(f"bursts {seed}")
    begun = sorted(random.randrange(days * 1440) for _ in range(days * _BURSTS_A_DAY))
    return [Burst(any_service(random), start + timedelta(minutes=minute), random.randint(8, 40)) for minute in begun]


def drafts(*, events: int, seed: int, start: datetime, days: int) -> Iterator[EventDraft]:
    """Yield so many events from ``start`` on, oldest first."""
    random = Random(f"events {seed}")
    failing = _by_minute(bursts(seed=seed, start=start, days=days), start)
    weights = [_weight(start + timedelta(minutes=minute), minute in failing) for minute in range(days * 1440)]
    total, told, passed = sum(weights), 0, 0.0
    for minute, weight in enumerate(weights):
        passed += weight
        due = events if minute == len(weights) - 1 else int(events * passed / total)
        moment, old = start + timedelta(minutes=minute), minute < len(weights) * _OLD_PART
        for second in sorted(random.uniform(0, 60) for _ in range(due - told)):
            told += 1
            yield _draft(random, f"{seed}-{told}", moment + timedelta(seconds=second), failing.get(minute), old=old)


def _by_minute(failures: list[Burst], start: datetime) -> dict[int, str]:
    return {
        int((burst.start - start).total_seconds()) // 60 + minute: burst.service
        for burst in failures
        for minute in range(burst.minutes)
    }


def _weight(moment: datetime, failing: bool) -> float:
    daily = 1 - 0.6 * cos((moment.hour + moment.minute / 60 - 3) / 12 * pi)  # least at three in the morning
    return daily * (0.5 if moment.weekday() > 4 else 1.0) * (_BURST_FACTOR if failing else 1.0)


def _draft(random: Random, number: str, at: datetime, failing: str | None, *, old: bool) -> EventDraft:
    source = random.choices(_SOURCES, cum_weights=_SOURCE_WEIGHTS)[0]
    struck = failing is not None and random.random() < 0.8
    service = failing if failing and struck else any_service(random)
    sha = f"{random.getrandbits(160):040x}"
    title = _title(random, sha, old=old)
    return EventDraft(
        source=source,
        source_id=sha if source == Source.GIT else f"{source}-{number}",
        timestamp=at,
        title=title,
        event_type=random.choice(_TYPES[source]),
        severity=random.choices(_SEVERITIES, cum_weights=_FAILING if struck else _CALM)[0],
        service=service,
        component=random.choice(COMPONENTS),
        environment=random.choices(ENVIRONMENTS, cum_weights=(8, 9, 10))[0],
        tags=random.sample(_TAGS, random.choices((0, 1, 2, 3), cum_weights=(4, 7, 9, 10))[0]),
        url=f"https://{source}.example.org/{service}/{number}",
        data=_data(random, service, title, sha),
        content_addressed=source == Source.GIT,
    )


def _title(random: Random, sha: str, *, old: bool) -> str:
    """Return a message with an identifier, a path or a hash in it, and now and then one of `TERMS`."""
    where = (f"order {int(sha[:6], 16)}", f"/api/v1/{random.choice(COMPONENTS)}/{sha[:6]}", f"req-{sha[:8]}", sha[:12])
    title = f"{random.choice(TEMPLATES)}: {random.choice(where)}"
    title += "".join(text for rate, text in _SPRINKLED if random.random() < rate)
    return title + _OLD_TERM if old and random.random() < _OLD_RATE else title


def _data(random: Random, service: str, title: str, sha: str) -> dict[str, Any]:
    line = random.randrange(10, 900)
    return {
        "message": title,
        "logger": f"{service}.{random.choice(COMPONENTS)}",
        "host": f"{service}-{random.randrange(12)}.eu-1.example.org",
        "request_id": f"req-{sha[:8]}",
        "trace_id": sha[8:],
        "span_id": sha[:16],
        "status": random.choice((200, 200, 404, 500, 502, 504)),
        "duration_ms": round(random.lognormvariate(4, 1), 1),
        "attempt": random.randrange(1, 4),
        "stack": _STACK.format(line=line),
    }
