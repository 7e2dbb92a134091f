"""The part of `benchmarks.ingest` that runs inside Django: a bare COPY and the store, in turn, in one process.

Prints one JSON object: events per second by name, and the access token with which the rest is measured.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from statistics import median

import django

django.setup()

from django.db import connection, transaction  # noqa: E402 - Django must be ready first
from django.utils import timezone  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.services import create_user  # noqa: E402
from accounts.tokens import AccessToken  # noqa: E402
from benchmarks.ingest_load import told  # noqa: E402
from events.choices import OriginKind  # noqa: E402
from events.drafts import EventDraft  # noqa: E402
from events.models import Origin  # noqa: E402
from events.services import COLUMNS, _escaped, key_of, origin_named, row, store  # noqa: E402
from events.told import plain  # noqa: E402

COPY = f"COPY events_event ({', '.join(COLUMNS)}) FROM STDIN"
BATCHES = (1_000, 10_000)


def drafts(first: int, number: int) -> list[EventDraft]:
    """Return so many drafts that nobody has told yet."""
    read = (plain(told(index), source_id="", now=timezone.now()) for index in range(first, first + number))
    return [draft for draft in read if draft is not None]


def bare_copy(batch: list[EventDraft], origin: Origin) -> Callable[[], None]:
    """Return what writes a batch into the table as fast as PostgreSQL takes it; the rows are ready before."""
    rows = [row(key_of(draft, origin), draft, origin, timezone.now()) for draft in batch]
    text = "".join("\t".join(r"\N" if value is None else _escaped(value) for value in row) + "\n" for row in rows)

    def write() -> None:
        with transaction.atomic(), connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.write(text)

    return write


def main() -> None:
    """Take turns, so that a busy machine is busy for both."""
    events, origin = int(sys.argv[1]), origin_named("bench", OriginKind.API)
    took: dict[str, list[float]] = defaultdict(list)
    first = int(sys.argv[2])
    for size in BATCHES:
        for _ in range(max(3, events // size // 4)):
            write = bare_copy(drafts(first, size), origin)
            batch = drafts(first + size, size)
            first += 2 * size
            now = timezone.now()
            tell = partial(store, drafts=batch, origin=origin, now=now)
            for name, do in {"bare COPY": write, "store()": tell}.items():
                began = time.perf_counter()
                do()
                took[f"{name}, {size:,} a commit"].append(size / (time.perf_counter() - began))
    made = {"username": "bench", "password": "a long enough one", "role": "engineer"}
    user = User.objects.filter(username="bench").first() or create_user(**made, actor=None)
    rates = {name: median(each) for name, each in took.items()}
    print(json.dumps({"token": str(AccessToken.for_user(user)), "rates": rates}))


if __name__ == "__main__":
    main()
