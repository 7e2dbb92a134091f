"""Questions: the bones of a timeline as columns, so that a browser can hold a hundred thousand events.

An event's handle is its place by time among all linked events. Handles hold for one revision of the timeline; which
events they stand for is kept for an hour, so that a page goes on while others link and judge.
"""

import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from math import floor
from typing import Any, TypeVar
from uuid import UUID

import orjson
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Max, Q
from redis.exceptions import RedisError

from events.choices import Severity, Source
from investigations.choices import LinkState
from investigations.models import Investigation, Link

MOST = 200_000
MOST_ROWS = 200
KEPT_SECONDS = 3_600
COMPRESSION = 3
LOOKED_AT = 5_000
Answer = TypeVar("Answer")
# So many events that say the same thing may stand as one row.
LEAST_SAID = 5
CAUSE, CONFIRMED, MANUAL, REJECTED, CHANGE = 1, 2, 4, 8, 16
_STATES: dict[str, int] = {LinkState.CONFIRMED: CONFIRMED, LinkState.MANUAL: MANUAL, LinkState.REJECTED: REJECTED}
_CHANGES = frozenset(("deployment", "release", "rollback", "config_change", "feature_flag", "deployment_failure"))
_SEVERITIES = {value: chr(48 + rank) for rank, value in enumerate(Severity.values)}
_SOURCES = {value: chr(48 + rank) for rank, value in enumerate(Source.values)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIDTH = 16
_COLUMNS = (
    "event_id event__timestamp event__severity event__source event__fingerprint event__event_type state is_cause"
).split()


@dataclass(frozen=True, slots=True)
class Skeleton:
    """All linked events of one revision.

    Attributes:
        revision: what it was made of; another when a link or an event has changed.
        body: the columns as JSON, compressed by gzip.
        ids: the ids of the events by handle, sixteen bytes each.
    """

    revision: str
    body: bytes
    ids: bytes

    def __len__(self) -> int:
        return len(self.ids) // _WIDTH

    def event(self, handle: int) -> UUID | None:
        """Return which event a handle stands for, if it is one."""
        at = handle * _WIDTH
        return UUID(bytes=self.ids[at : at + _WIDTH]) if 0 <= handle < len(self) else None

    def handles(self, events: Iterable[UUID]) -> list[int]:
        """Return the handles of ``events``, in the order of time; those that are not linked have none."""
        wanted = {event.bytes for event in events}
        places = range(0, len(self.ids), _WIDTH)
        return [at // _WIDTH for at in places if self.ids[at : at + _WIDTH] in wanted] if wanted else []


def revision(investigation: Investigation) -> str:
    """Return a text that changes whenever the skeleton does.

    Of very many events only their links are looked at: that one was edited or deleted shows an hour later at most, or
    when a link changes.
    """
    links = Link.objects.filter(investigation=investigation)
    told = links.aggregate(
        Count("id"), Max("created_at"), Max("decided_at"), causes=Count("id", filter=Q(is_cause=True))
    )
    if told["id__count"] <= LOOKED_AT:
        told |= links.aggregate(Max("event__updated_at"), gone=Count("event__deleted_at"))
    moments = (investigation.started_at, investigation.detected_at, investigation.resolved_at)
    return blake2b(repr((sorted(told.items()), moments)).encode(), digest_size=8).hexdigest()


def remembered(investigation: Investigation, what: str, links: int, make: Callable[[], Answer]) -> Answer:
    """Return what ``make`` does, of very many ``links`` as it was at their present revision."""
    if links <= LOOKED_AT:
        return make()
    key = f"skeleton:{investigation.pk}:{revision(investigation)}:{what}"
    with suppress(RedisError):
        if (found := cache.get(key)) is not None:
            answer: Answer = found
            return answer
    made = make()
    with suppress(RedisError):
        cache.set(key, made, timeout=KEPT_SECONDS)
    return made


def kept(investigation: Investigation, wanted: str) -> Skeleton | None:
    """Return the skeleton of a revision that was shown lately; None when it is forgotten."""
    with suppress(RedisError):
        found = cache.get(_key(investigation, wanted))
        return Skeleton(wanted, *found) if found else None
    return None


def present(investigation: Investigation, now_at: str) -> Skeleton:
    """Return the skeleton as it is now; ``now_at`` is its `revision`."""
    if found := kept(investigation, now_at):
        return found
    made = _make(investigation, now_at)
    with suppress(RedisError):
        cache.set(_key(investigation, now_at), (made.body, made.ids), timeout=KEPT_SECONDS)
    return made


def unpacked(skeleton: Skeleton) -> bytes:
    """Return its columns as JSON, for who cannot read gzip."""
    return gzip.decompress(skeleton.body)


def rows(investigation: Investigation, skeleton: Skeleton, handles: Sequence[int]) -> dict[int, list[Any]]:
    """Return id, title, service, type and confidence by handle; what is gone is left out."""
    wanted = {event: handle for handle in handles[:MOST_ROWS] if (event := skeleton.event(handle))}
    linked = Link.objects.filter(investigation=investigation, event__in=wanted, event__deleted_at__isnull=True)
    found = linked.values_list("event_id", "event__title", "event__service", "event__event_type", "score")
    return {
        wanted[event]: [event, title, service, kind.replace("_", " "), round(score * 100)]
        for event, title, service, kind, score in found
    }


def _key(investigation: Investigation, at: str) -> str:
    return f"skeleton:{investigation.pk}:{at}"


def _make(investigation: Investigation, at: str) -> Skeleton:
    linked = Link.objects.filter(investigation=investigation, event__deleted_at__isnull=True)
    found = linked.order_by("event__timestamp", "event_id").values_list(*_COLUMNS)[:MOST]
    # Read without the models' converters: these are a third of the time, and the driver gives what is meant.
    sql, params = found.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        columns = tuple(zip(*cursor.fetchall(), strict=True)) or ((),) * len(_COLUMNS)
    ids, times, severities, sources, said, kinds, states, causes = columns
    start = times[0] if times else _EPOCH
    body = {
        "revision": at,
        "start": _since_epoch(start),
        "steps": list(_steps(times)),
        "severity": "".join(map(_SEVERITIES.__getitem__, severities)),
        "source": "".join(map(_SOURCES.__getitem__, sources)),
        "flags": "".join(chr(48 + flag) for flag in map(_flags, kinds, states, causes)),
        "said": list(_numbered(said)),
        "marks": _marks(investigation),
    }
    packed = gzip.compress(orjson.dumps(body), COMPRESSION, mtime=0)
    return Skeleton(at, packed, b"".join(event.bytes for event in ids))


def _steps(times: Sequence[datetime]) -> Iterator[int]:
    """Yield how many milliseconds after the one before each event happened."""
    before = _since_epoch(times[0]) if times else 0
    for time in times:
        at = _since_epoch(time)
        yield at - before
        before = at


def _since_epoch(time: datetime) -> int:
    return floor(time.timestamp() * 1000)


def _flags(kind: str, state: str, cause: bool) -> int:
    return (CAUSE if cause else 0) | _STATES.get(state, 0) | (CHANGE if kind in _CHANGES else 0)


def _numbered(said: Sequence[int]) -> Iterator[int]:
    """Yield a small number for what each event says, the same for the same; 0 where too few say it."""
    numbers: dict[int, int] = {}
    counts = Counter(said)
    for fingerprint in said:
        enough = fingerprint and counts[fingerprint] >= LEAST_SAID
        yield numbers.setdefault(fingerprint, len(numbers) + 1) if enough else 0


def _marks(investigation: Investigation) -> list[tuple[str, int]]:
    moments = (
        ("Onset", investigation.started_at),
        ("Detected", investigation.detected_at),
        ("Resolved", investigation.resolved_at),
    )
    return [(label, _since_epoch(at)) for label, at in moments if at]
