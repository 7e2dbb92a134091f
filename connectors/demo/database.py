"""Decision: the incident of this hour: a database has no connections left, and orders wait for it. Not over yet."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from connectors.demo.plot import Guess, Plot, Told
from investigations.choices import ImpactSeverity, Priority, Stance, Verdict

REPORT = "Scheduled job ledger-report started"
_POOL = "Connections of orders-db: 100 of 100, usually 22"
_FLAG = "Flag live-stock-badges is off, checked"


def _minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def _told() -> Iterator[Told]:
    random = Random(22)
    database = {"component": "orders-db"}
    yield Told(_minutes(-11), "shop-flags", "job_started", "info", "orders", REPORT, more={"job": "ledger-report"})
    yield Told(
        *(_minutes(-7), "shop-monitor", "anomaly", "medium", "orders", "Disk reads of orders-db: 840 MB/s, usually 60"),
        more={**database, "metric": "disk_read_bytes", "value": 840e6, "usual": 60e6},
    )
    yield Told(
        *(_minutes(-4), "shop-monitor", "anomaly", "critical", "orders", _POOL),
        more={**database, "metric": "connections_in_use", "value": 100, "usual": 22},
    )
    yield Told(
        *(_minutes(0), "shop-alerts", "alert", "critical", "orders", "DatabaseSaturated"),
        *("orders-db: no free connection for 3 min",),
        more=database,
    )
    for number in range(30):
        after = _minutes(-5 + number * random.uniform(0.5, 0.8))
        took = random.randint(5_000, 14_900)
        trace = {**database, "trace_id": f"{random.getrandbits(128):032x}"}
        if number % 2:
            title = f"INSERT orders waited {took:,} ms for a connection"
            yield Told(
                *(after, "shop-tracing", "slow_trace", "high", "orders", title), more={**trace, "duration_ms": took}
            )
        failed = after + timedelta(milliseconds=took)
        said = "Connection pool of orders-db exhausted, order is queued"
        yield Told(failed, "shop-errors", "error", "high", "orders", said, more={**trace, "waiting": number})
    yield Told(_minutes(9), "shop-flags", "flag_checked", "info", "orders", _FLAG, more={"flag": "live-stock-badges"})


PLOT = Plot(
    key="database",
    ago=timedelta(minutes=24),
    onset=_minutes(-5),
    values={
        "title": "Orders are late: the database is saturated",
        "description": "All connections of orders-db are taken. Orders are queued, none is lost so far.",
        "service_affected": "orders",
        "component_affected": "orders-db",
        "impact_severity": ImpactSeverity.CRITICAL,
        "priority": Priority.P0,
        "tags": ["orders", "database", "saturation"],
        "impact_domain": "Data",
        "business_impact": "Orders are confirmed minutes late.",
    },
    told=tuple(sorted(_told(), key=lambda told: told.at)),
    notes=(
        "All **100 connections** of `orders-db` are taken; the disk reads fourteen times as much as usual.",
        "Next: see which query reads so much, and whether `ledger-report` can wait until the night.",
    ),
    guesses=(
        Guess(
            "The ledger report reads a whole table while people order.",
            Verdict.OPEN,
            (
                (REPORT, Stance.SUPPORTS, "Four minutes before the disk was busy."),
                (_POOL, Stance.NEUTRAL, "A consequence; says nothing about who holds them."),
            ),
        ),
        Guess(
            "The live stock badges are on again.",
            Verdict.RULED_OUT,
            ((_FLAG, Stance.CONTRADICTS, "It is off since yesterday."),),
        ),
    ),
)
