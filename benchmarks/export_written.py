"""What `benchmarks.export` runs inside the product: it fills a store, then writes one investigation down in turns."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import orjson
from django.db import transaction
from django.utils import timezone

from accounts.models import Role, User
from events.choices import OriginKind, Severity, Source
from events.drafts import EventDraft
from events.models import Event
from events.services import origin_named, store
from investigations import services
from investigations.exports import wording
from investigations.exports.document import write
from investigations.exports.gathering import gather
from investigations.imports import bringing
from investigations.imports.reading import read
from investigations.models import ImportedDocument, Investigation, Link

TURNS = 3
FACTORS = [
    {"strategy": "time", "score": 0.8, "weight": 0.4, "reason": "Two minutes before the onset."},
    {"strategy": "service", "score": 1.0, "weight": 0.35, "reason": "The service is the one affected."},
    {"strategy": "words", "score": 0.4, "weight": 0.25, "reason": "Both speak of the pool."},
]
_SET = """
import sys, typst
source = '#let d = json(bytes(sys.inputs.d))\\n#for one in d { par(one) }'
sys.stdout.buffer.write(typst.Compiler(source.encode(), sys_inputs={"d": sys.stdin.read()}).compile(format="pdf"))
"""


def fill(sizes: tuple[int, ...]) -> None:
    """Make an investigation of each size."""
    now = timezone.now()
    actor = User.objects.create_user("benchmark", role=Role.ENGINEER)
    origin = origin_named("benchmark", OriginKind.CONNECTOR)
    for size in sizes:
        values = {"title": f"{size} events", "detected_at": now, "root_cause": "The pool was too small."}
        case = services.create(values=values, actor=actor, now=now)
        drafts = [_draft(size, number, now) for number in range(size)]
        stored = store(drafts=drafts, origin=origin, now=now)
        links = [
            Link(investigation=case, event_id=pk, score=0.75, factors=FACTORS, rule_version=1)
            for pk in stored.fresh.values()
        ]
        Link.objects.bulk_create(links, batch_size=1_000)


def _draft(size: int, number: int, now: datetime) -> EventDraft:
    return EventDraft(
        source=Source.LOGS,
        source_id=f"{size}-{number}",
        timestamp=now + timedelta(seconds=7 * number),
        title=f"TimeoutError: no connection within {number} ms for order {number * 7919 % 10_007}",
        event_type="error_spike",
        severity=Severity.values[number % 5],
        service="checkout",
        component="api",
        environment="production",
        tags=["pool", "timeout"],
        url=f"https://logs.example.org/records/{number}" if number % 3 == 0 else "",
        data={"count": number, "level": "error", "logger": "shop.pool", "message": f"no connection in {number} ms" * 3},
        raw_data={"line": number, "text": f"ERROR shop.pool no connection in {number} ms " * 6},
    )


def measure(written_in: str, size: int) -> None:
    """Print, as JSON, the best times of ours and of the yardstick in seconds, bytes written, and MiB of memory."""
    case, now = Investigation.objects.get(title=f"{size} events"), timezone.now()
    if written_in == "import":
        ours, bare, produced = _importing(case, now)
    else:
        ours, bare, produced = _writing(case, written_in, now)
    best = {"ours": float("inf"), "bare": float("inf")}
    memory = 0
    for _ in range(TURNS):
        best["ours"] = min(best["ours"], ours())
        memory = memory or _memory()  # before the yardstick takes any
        best["bare"] = min(best["bare"], bare())
    sys.stdout.write(orjson.dumps({**best, "bytes": produced(), "memory": memory / 1024}).decode() + "\n")


def _timed(deed: Callable[[], object]) -> float:
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began


def _memory() -> int:
    """Return the KiB that this process took at most, and the largest that it started."""
    return sum(resource.getrusage(whose).ru_maxrss for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


# Two turns that return the seconds they took, and how many bytes were written.
Turns = tuple[Callable[[], float], Callable[[], float], Callable[[], int]]


def _writing(case: Investigation, written_in: str, now: datetime) -> Turns:
    made: list[bytes] = []

    def ours() -> None:
        made.append(write(investigation=case, written_in=written_in, now=now).content)

    def dumped() -> None:
        linked = Link.objects.filter(investigation=case)
        columns = ("event__title", "event__data", "event__raw_data", "event__timestamp", "event__source_id", "factors")
        orjson.dumps(list(linked.values("event_id", *columns)))

    report = gather(investigation=case, now=now) if written_in == "pdf" else None
    said = [
        f"{event['timestamp']} {event['title']} {wording.kind(event)} {wording.standing(event)} "
        f"{wording.reasons(event)} {event['id']} {event['origin_name']}: {event['source_id']}"
        for event in (report.events if report else ())
    ]

    def set_plainly() -> None:
        subprocess.run([sys.executable, "-c", _SET], input=orjson.dumps(said), capture_output=True, check=True)

    bare = set_plainly if written_in == "pdf" else dumped
    return lambda: _timed(ours), lambda: _timed(bare), lambda: len(made[-1])


def _importing(case: Investigation, now: datetime) -> Turns:
    """Import an export into the emptied store; the yardstick stores the events of the document alone."""
    content = write(investigation=case, written_in="json", now=now).content

    @transaction.atomic
    def emptied(deed: Callable[[], object]) -> float:
        ImportedDocument.objects.all().delete()
        Link.objects.filter(investigation=case).delete()
        Event.objects.filter(source_id__startswith=f"{case.title.split()[0]}-").delete()
        took = _timed(deed)
        transaction.set_rollback(True)
        return took

    def ours() -> None:
        bringing.bring(document=read(content), actor=None, now=now)

    def bare() -> None:
        drafts = [one.draft for one in read_once.told]
        store(drafts=drafts, origin=origin_named("benchmark", OriginKind.CONNECTOR), now=now)

    read_once = read(content)
    return lambda: emptied(ours), lambda: emptied(bare), lambda: len(content)
