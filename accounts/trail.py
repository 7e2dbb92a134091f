"""Question: the audit trail as lines that leave the house."""

from collections.abc import Iterator

import orjson
from django.db.models import QuerySet

from accounts.models import AuditEntry

CHUNK = 2_000


def exported(entries: QuerySet[AuditEntry]) -> Iterator[bytes]:
    """Yield one JSON object a line, with each entry's place and digest in the chain; null while it has none."""
    columns = (
        *("id", "at", "actor__username", "verb", "target_type", "target_id", "change", "request_id", "address"),
        *("seal__position", "seal__digest"),
    )
    for row in entries.values_list(*columns).iterator(chunk_size=CHUNK):
        named = dict(zip((name.replace("__username", "").replace("seal__", "") for name in columns), row, strict=True))
        yield orjson.dumps(named, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
