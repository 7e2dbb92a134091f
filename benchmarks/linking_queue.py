"""What `benchmarks.linking` runs inside the product: it makes a store, then works its queue off in turns."""

import os
import random
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.db import connection, transaction
from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts.models import Role, User
from events.choices import OriginKind, Severity, Source
from events.drafts import EventDraft
from events.models import Event
from events.services import origin_named, store
from investigations import services
from investigations.choices import Status
from investigations.linking import BATCH, link_investigation, link_pending
from investigations.models import Investigation, Link
from investigations.scenes import Caseload

SERVICES = (
    "auth cart orders payments search shipping mail ledger pricing stock returns refunds coupons wishlist reviews "
    "media images profile gateway-edge sessions audit billing invoices tax fraud geo maps loyalty reports exports"
).split()
TROUBLED = SERVICES[::5]
EACH = 5  # open investigations of each service in trouble
COMMON = (
    "timeout latency connection refused retry queue database pool cache slow memory disk request response gateway "
    "upstream deploy rollback config certificate expired token session user order customer region node cluster pod "
    "restart crash leak thread lock deadlock replica lag backlog consumer producer topic partition schema migration "
    "index query scan throttle quota limit spike drop traffic balancer health probe dns route network packet loss"
).split()
OWN = {service: [f"{service}word{chr(97 + number)}" for number in range(20)] for service in SERVICES}
ROUNDS = 3
Turn = Callable[[datetime], int]


def main(events: int, investigations: int) -> None:
    """Print the rates, side by side."""
    now, dice = timezone.now(), random.Random(1)
    actor = User.objects.create_user("benchmark", role=Role.ENGINEER)
    for number in range(investigations):
        opened(number, actor, now, dice)
    began = time.perf_counter()
    for start in range(0, events, 5_000):
        drafts = [draft(number, now, dice) for number in range(start, min(start + 5_000, events))]
        store(drafts=drafts, origin=origin_named("benchmark", OriginKind.CONNECTOR), now=now)
    print(f"{events:,} events stored in {time.perf_counter() - began:.1f} s, {investigations} investigations")
    share, took, busy, done = events // (3 * ROUNDS), defaultdict(float), defaultdict(float), defaultdict(int)
    for _ in range(ROUNDS):
        for name, still_open, turn in (("500", investigations, linking()), ("1", 1, linking()), ("bare", 1, bare)):
            leave_open(still_open)
            began, began_busy, considered = time.perf_counter(), processor_time(), 0
            while considered < share and (number := turn(now)):
                considered += number
            took[name] += time.perf_counter() - began
            busy[name] += processor_time() - began_busy
            done[name] += considered
    for measure, spent in (("by the clock", took), ("of processor time", busy)):
        report(measure, {name: done[name] / spent[name] for name in spent}, investigations)
    print(f"{Link.objects.count():,} links of {done['500'] + done['1']:,} events")
    look_back(now)


def report(measure: str, rates: dict[str, float], investigations: int) -> None:
    """Print the rates and their ratios."""
    many, one, none = rates["500"], rates["1"], rates["bare"]
    print(f"events a second {measure}:")
    print(
        f"  against {investigations} open investigations {many:,.0f}, against 1 {one:,.0f}, nothing decided {none:,.0f}"
    )
    print(f"  ratio to 1: {many / one:.2f}; ratio to the bare queue: {many / none:.2f}")


def processor_time() -> float:
    """Return the seconds that this process, and PostgreSQL's for it if that runs here, have been on a processor."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    ticks = sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13])) if stat.exists() else 0
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def look_back(now: datetime) -> None:
    """Print how long it takes to look back over the whole store."""
    for investigation in Investigation.objects.order_by("id")[:: max(1, Investigation.objects.count() // 3)][:3]:
        began = time.perf_counter()
        links = link_investigation(investigation=investigation, now=now)
        print(
            f"looked back for {investigation.service_affected}: {links:,} links in {time.perf_counter() - began:.2f} s"
        )


def linking() -> Turn:
    """Return what links a batch as the worker does."""
    caseload = Caseload()
    return lambda now: link_pending(now=now, caseload=caseload)


@transaction.atomic
def bare(now: datetime) -> int:
    """Read a batch of the queue and mark it, deciding nothing."""
    queue = Event.objects.unlinked().select_for_update(skip_locked=True, no_key=True)
    these = RawSQL("SELECT unnest(%s::uuid[])", [list(queue.values_list("id", flat=True)[:BATCH])])
    return Event.objects.filter(pk__in=these).update(linked_at=now)


def leave_open(number: int) -> None:
    """Leave so many investigations open."""
    first = list(Investigation.objects.order_by("id").values_list("pk", flat=True)[:number])
    Investigation.objects.update(status=Status.CLOSED)
    Investigation.objects.filter(pk__in=first).update(status=Status.OPEN)


def opened(number: int, actor: User, now: datetime, dice: random.Random) -> Investigation:
    """Open an investigation: of a service in trouble, or of one that has no events here but is spoken of alike."""
    troubled = number < EACH * len(TROUBLED)
    service = TROUBLED[number % len(TROUBLED)] if troubled else f"vendor{number}"
    words = dice.sample(COMMON, 4) + (dice.sample(OWN[service], 3) if troubled else [])
    values = {
        "title": f"{' '.join(words[:3])} at {service}",
        "description": " ".join(words),
        "service_affected": service,
        "detected_at": now - timedelta(minutes=dice.randrange(5, 60)),
    }
    return services.create(values=values, actor=actor, now=now)


def draft(number: int, now: datetime, dice: random.Random) -> EventDraft:
    """Return an event of the last half hour."""
    service = dice.choice(SERVICES)
    words = dice.sample(COMMON, 2) + dice.sample(OWN[service], 3)
    return EventDraft(
        source=dice.choice([Source.LOGS, Source.LOGS, Source.LOGS, Source.METRICS, Source.GIT, Source.CI]),
        source_id=f"{number:040x}",
        timestamp=now - timedelta(seconds=dice.randrange(1_800)),
        title=f"{' '.join(words)} after {dice.randrange(10_000)} ms",
        event_type="error",
        severity=Severity.MEDIUM,
        service=service,
        component=dice.choice(["api", "model", "views", ""]),
        environment="production",
        tags=["release", f"az{dice.randrange(4)}"],
        data={"trace_id": f"{dice.getrandbits(128):032x}", "path": f"/api/v1/{service}", "stack": "at line 1\n" * 40},
    )
