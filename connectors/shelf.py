"""Questions about metrics that were pushed: what came in between two times, and up to when that is all of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID
from zlib import crc32

from django.db import connection, transaction
from django.db.models import QuerySet

from connectors.models import Connector, PushedSamples, PushedSeries
from connectors.sources.metricseries import Series
from connectors.sources.pushedmetrics import unpacked

LOCK_PATIENCE = "5s"
_LOCKS = 17_001  # tells these locks from those of others


@contextmanager
def storing(connector: UUID) -> Iterator[None]:
    """Hold off readers of what came in until this transaction has ended. Give a time to what is stored inside only."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_PATIENCE])
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [_LOCKS, _number(connector)])
    yield


class MetricShelf:
    """What one connector was told."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    @transaction.atomic
    def settled(self) -> datetime:
        """Return up to when all that came in is there to be read: whoever stores now has not taken the time yet.

        Raises:
            OperationalError: somebody did not come to an end in time.
        """
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_PATIENCE])
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCKS, _number(self._connector.pk)])
            cursor.execute("SELECT statement_timestamp()")
            at: datetime = cursor.fetchone()[0]
        return at

    def holds(self, start: datetime, end: datetime) -> bool:
        """Tell whether anything came in from ``start`` up to, and without, ``end``."""
        return self._between(start, end).exists()

    def series(self, start: datetime, end: datetime) -> Iterator[Series]:
        """Return what came in from ``start`` up to, and without, ``end``, each series in the order of its samples."""
        known = dict(PushedSeries.objects.filter(connector=self._connector).values_list("key", "told"))
        bodies = self._between(start, end).order_by("received_at", "id").values_list("body", flat=True)
        return unpacked(map(bytes, bodies.iterator(chunk_size=50)), known)

    def _between(self, start: datetime, end: datetime) -> QuerySet[PushedSamples]:
        return PushedSamples.objects.filter(connector=self._connector, received_at__gte=start, received_at__lt=end)


def _number(connector: UUID) -> int:
    """Return a connector as one of the two numbers of a lock; two that share it wait for each other, at most."""
    return crc32(connector.bytes) - 2**31
