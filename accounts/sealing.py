"""Deeds and Questions about the chain over the audit trail: whoever changes an entry must make every later link anew.

Entries are written by many transactions at once; a chain in the entries themselves would let only one of them go on at
a time. So one process seals, seconds later, what has been committed. What the chain cannot show is a change in these
seconds, and a chain made anew from end to end by somebody who owns the database: keep the head's digest elsewhere
(``manage.py audit head``) and have it looked for (``manage.py audit verify --expect``).

After B. Schneier and J. Kelsey, "Secure audit logs to support computer forensics", ACM TISSEC 2(2), 1999.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import orjson
from django.db import connection, transaction

from accounts.models import AuditEntry, AuditSeal

BATCH = 5_000
ORIGIN = "0" * 64
# No transaction lasts so long. An older entry without a seal was put in behind our back; `verify` shows it.
SETTLED = timedelta(days=1)
_LOCK = 4_711_000_012


def digest(before: str, entry: AuditEntry) -> str:
    """Return the digest of an entry as the database gives it, chained to the digest ``before`` it. Pure."""
    said = [
        str(entry.id),
        entry.at.isoformat(),
        str(entry.actor_id or ""),
        entry.verb,
        entry.target_type,
        entry.target_id,
        entry.change,
        entry.request_id,
        entry.address or "",
    ]
    return sha256(before.encode() + orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def seal(*, now: datetime) -> int:
    """Seal what has been written since; return how much. A second process leaves it to the first."""
    done = 0
    while sealed := _seal_batch(now):
        done += sealed
    return done


@transaction.atomic
def _seal_batch(now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if cursor.fetchone() != (True,):
            return 0
    last = AuditSeal.objects.select_related("entry").first()
    before, position = (last.digest, last.position) if last else (ORIGIN, 0)
    links = []
    # By the age of what was sealed last, not by when: what waited for days, in more than one batch, is sealed whole.
    for entry in AuditEntry.objects.unsealed(last.entry.at - SETTLED if last else None)[:BATCH]:
        before, position = digest(before, entry), position + 1
        links.append(AuditSeal(position=position, entry=entry, digest=before, sealed_at=now))
    AuditSeal.objects.bulk_create(links)
    return len(links)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the whole chain found.

    Attributes:
        links: how many links are right, from the first one on.
        head: the digest of the last of them; `ORIGIN` of an empty chain.
        fault: what is wrong at the next one; "" where all are right.
    """

    links: int
    head: str
    fault: str = ""


def verify(*, now: datetime, expect: str = "") -> Verdict:
    """Reckon every digest anew.

    Args:
        expect: a head noted earlier, which must still be a link of the chain.
    """
    links, before, met = 0, ORIGIN, not expect
    seals = AuditSeal.objects.select_related("entry").order_by("position").iterator(chunk_size=BATCH)
    for link in seals:
        if link.position != links + 1:
            return Verdict(links, before, f"Link {links + 1} is missing.")
        if link.digest != digest(before, link.entry):
            return Verdict(links, before, f"Entry {link.entry_id} at link {link.position} is not what was sealed.")
        links, before = link.position, link.digest
        met = met or before == expect
    if not met:
        return Verdict(links, before, "The expected head is not in the chain: it was made anew or cut off.")
    late = AuditEntry.objects.unsealed(None).filter(at__lt=now - SETTLED).first()
    return Verdict(links, before, f"Entry {late.pk} was never sealed." if late else "")
