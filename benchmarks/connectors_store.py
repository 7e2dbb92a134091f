"""The part of `benchmarks.connectors` that runs inside Django: each kind is decoded, then digested, round by round.

Decoding begins at the bytes of a record, as `revive` does. Copies of a record are told apart by an id of their own and
each round by a connector of its own, so that all that is stored is new. Exits with 1 when a kind passes the limit.
"""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db import transaction  # noqa: E402 - Django must be ready first
from django.utils import timezone  # noqa: E402

from benchmarks.recorded import records_of, source_of  # noqa: E402
from connectors.base import Record, Source  # noqa: E402
from connectors.models import Connector  # noqa: E402
from connectors.pipeline import digest  # noqa: E402
from connectors.registry import SOURCES  # noqa: E402
from events.choices import OriginKind  # noqa: E402
from events.drafts import EventDraft  # noqa: E402
from events.services import origin_named  # noqa: E402
from rcaplatform.kit.sealing import seal  # noqa: E402

Spent = tuple[float, float]  # seconds on the clock, and of this process on a processor
EVENTS, MOST_RECORDS = 200, 2_000
LIMIT, AIM = 500, 50  # ms per 100 events
HEAD = (
    *("kind", "payloads", "records", "events", "decoded, ms/100", "on a processor"),
    *("and stored, ms/100", "on a processor", "<= 500 ms", "<= 50 ms"),
)


def page_of(source: Source[Any], records: list[Record]) -> list[Record]:
    """Return the records, over and over until they tell of enough events, each under a reference of its own."""
    page: list[Record] = []
    events = 0
    while events < EVENTS and len(page) < MOST_RECORDS:
        for record in records:
            page.append(replace(record, reference=f"{len(page)}"))
            events += len(list(source.decode(page[-1])))
    return page


def told_apart(source: Source[Any]) -> Source[Any]:
    """Make each event of ``source`` one of its record alone, and none too many of a kind."""
    decode: Callable[[Record], Iterable[EventDraft]] = source.decode

    def apart(record: Record) -> list[EventDraft]:
        drafts = enumerate(decode(record))
        return [replace(draft, source_id=f"{record.reference}/{place}") for place, draft in drafts]

    source.decode = apart  # type: ignore[method-assign]
    source.choose = list  # type: ignore[method-assign,assignment]
    return source


def decoded(source: Source[Any], page: list[Record]) -> tuple[int, Spent]:
    """Decode a page from its bytes; return how many events it tells of, and what it took."""
    began, busy = time.perf_counter(), time.process_time()
    told = sum(len(list(source.decode(source.revive(one.reference, one.kind, one.raw)))) for one in page)
    return told, (time.perf_counter() - began, time.process_time() - busy)


def stored(source: Source[Any], page: list[Record], name: str) -> tuple[int, Spent]:
    """Decode and store a page as a poll does; return how many events are new, and what it took."""
    origin = origin_named(name, OriginKind.CONNECTOR)
    connector = Connector.objects.create(name=name, kind=source.kind, secrets=seal({}), origin=origin)
    began, busy = time.perf_counter(), time.process_time()
    revived = [source.revive(f"{name}/{record.reference}", record.kind, record.raw) for record in page]
    with transaction.atomic():
        outcomes = digest(connector=connector, source=source, records=revived, now=timezone.now())
    spent = time.perf_counter() - began, time.process_time() - busy
    if dead := [outcome.failure for outcome in outcomes if outcome.failure]:
        raise SystemExit(f"{source.kind}: {dead[0].message}")
    return sum(outcome.stored for outcome in outcomes), spent


def measured(kind: str, folder: Path | None, rounds: int) -> tuple[str, ...]:
    """Return the row of a kind."""
    source = source_of(SOURCES[kind])
    said, records = records_of(source, folder)
    page = page_of(source, records) if records else []
    decoding = [decoded(source, page) for _ in range(rounds)]
    if not decoding[0][0]:
        return (kind, "none: not measured", *[""] * (len(HEAD) - 2))
    told_apart(source)
    storing = [stored(source, page, f"{kind}-{turn}") for turn in range(rounds)]
    wall, figures = least(storing)[0], [f"{each:.1f}" for each in (*least(decoding), *least(storing))]
    met = ["yes" if wall <= limit else "NO" for limit in (LIMIT, AIM)]
    number = f"{len(records)} x {len(page) // len(records)}"
    return (kind, said, number, f"{storing[0][0]}", *figures, *met)


def least(rounds: list[tuple[int, Spent]]) -> Spent:
    """Return what the fastest round took for a hundred events, in milliseconds: the others waited for neighbours."""
    wall, busy = ([spent[place] / events * 100_000 for events, spent in rounds] for place in (0, 1))
    return min(wall), min(busy)


def main() -> None:
    """Measure every kind and print the table."""
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    rows = [measured(kind, folder, int(sys.argv[1])) for kind in sorted(SOURCES)]
    widths = [max(len(row[column]) for row in [HEAD, *rows]) for column in range(len(HEAD))]
    for row in [HEAD, tuple("-" * width for width in widths), *rows]:
        print("| " + " | ".join(map(str.ljust, row, widths)) + " |")
    sys.exit("NO" in (row[-2] for row in rows))


if __name__ == "__main__":
    main()
