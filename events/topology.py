"""Deeds about who calls whom: count the calls that a source tells, each time they are told for the first time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from django.db import connection, transaction

from events.calls import Calls, together
from events.models import CountedCalls, Dependency, Origin
from rcaplatform.kit.batches import delete_in_batches
from rcaplatform.kit.ids import uuid7

BATCH = 5_000
_COUNTED = (
    "INSERT INTO events_countedcalls (id, hour) SELECT * FROM unnest(%s::uuid[], %s::timestamptz[]) "
    "ON CONFLICT (id) DO NOTHING RETURNING id"
)
_ADD = """
INSERT INTO events_dependency AS known (id, hour, environment, caller, callee, calls, errors, durations)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (hour, environment, caller, callee) DO UPDATE SET
    calls = known.calls + excluded.calls,
    errors = known.errors + excluded.errors,
    durations = ARRAY(
        SELECT one + other FROM unnest(known.durations, excluded.durations) WITH ORDINALITY AS pair (one, other, place)
        ORDER BY place
    )
"""


@transaction.atomic
def count_calls(*, told: Mapping[str, Sequence[Calls]], origin: Origin) -> int:
    """Add up calls, by the reference of the record that told of them; what one origin told before counts once.

    Call it inside the transaction that stores the events of these records: both stand or fall together. Rows go in
    in the order of their keys, so that two transactions cannot deadlock.

    Returns:
        How many records were counted for the first time.
    """
    keyed = {_key(origin, reference): calls for reference, calls in told.items() if calls}
    if not keyed:
        return 0
    ordered = sorted(keyed)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [ordered, [max(one.hour for one in keyed[key]) for key in ordered]])
        fresh = [key for (key,) in cursor.fetchall()]
        found = together(one for key in fresh for one in keyed[key])
        rows = [(uuid7(), *one.key, one.calls, one.errors, list(one.durations)) for one in found]
        if rows:
            cursor.executemany(_ADD, rows)
    return len(fresh)


def _key(origin: Origin, reference: str) -> UUID:
    told = f"{origin.pk}\n{reference}".encode(errors="replace")
    return UUID(bytes=blake2b(told, digest_size=16).digest())


def purge(*, before: datetime) -> int:
    """Forget the hours before a time, and which records told of them; return how many rows were deleted."""
    old = (Dependency.objects.filter(hour__lt=before), CountedCalls.objects.filter(hour__lt=before))
    return sum(delete_in_batches(rows.order_by("hour"), size=BATCH) for rows in old)
