"""Reads that a standby of PostgreSQL may answer, and the router that sends them there.

Nothing goes to the standby unless a door asked for it (`may_lag`): lists, searches, figures. Who asks sees what they
wrote themselves, because a write leaves its position in the log under the writer's key, and a standby that has not
replayed so far is not asked. Neither is one that is behind by more than ``REPLICA_MAX_LAG_SECONDS``, nor one within a
transaction or after a write of the same request. An answer that the standby fails to give is given by the primary.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter
from rest_framework.permissions import SAFE_METHODS

from rcaplatform.kit.lag import Lag, end_of_log
from rcaplatform.kit.memory import Script
from rcaplatform.kit.middleware import key_of_user

log = structlog.get_logger(__name__)
PRIMARY, REPLICA = "default", "replica"
LOOK_EVERY, AWAY = 1.0, 10.0  # seconds between two looks at the standby; until one that was away is asked again
WAIT, PAUSE = 0.05, 0.005  # seconds that an answer worth keeping may wait for the standby, and between two looks
# A mark is kept until the standby has passed it, or is too far behind to be asked at all. In seconds.
MARKED = 10 + int(2 * settings.REPLICA_MAX_LAG_SECONDS)
INTERNAL_SERVER_ERROR = HTTPStatus.INTERNAL_SERVER_ERROR
READS = Counter("rca_replica_reads", "Reads that a standby might answer, by who did, and why.", ["outcome"])

_PRIMARY_AT = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
_STANDBY_AT = "SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint WHERE pg_is_in_recovery()"
_MARK = Script("""
local known = tonumber(redis.call('GET', KEYS[1]) or 0)
if tonumber(ARGV[1]) > known then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
return {1}
""")
# A Redis that was started afresh has no marks, and does not know of those it lost: it says how long it has known any.
_MARKED = Script("""
local now = tonumber(redis.call('TIME')[1])
local since = redis.call('GET', KEYS[2])
if not since then since = now redis.call('SET', KEYS[2], now) end
return {redis.call('GET', KEYS[1]) or '-1', now - tonumber(since)}
""")


@dataclass(slots=True)
class Asking:
    """What is known of one request: may a standby answer what it reads from now on, did one fail, did it write."""

    lagging: bool = False
    failed: bool = False
    wrote: bool = False


_asking: ContextVar[Asking | None] = ContextVar("asking", default=None)


class Router:
    """Sends to the standby what a door said may lag, and everything else to the primary."""

    def db_for_read(self, model: Any, **_hints: Any) -> str:
        """Return the standby where it may answer."""
        asking = _asking.get()
        if asking is None or not asking.lagging or connections[PRIMARY].in_atomic_block:
            return PRIMARY
        return REPLICA

    def db_for_write(self, model: Any, **_hints: Any) -> str:
        """Return the primary, which answers the rest of this request as well."""
        if (asking := _asking.get()) is not None:
            asking.wrote, asking.lagging = True, False
        return PRIMARY

    def allow_relation(self, _one: Any, _other: Any, **_hints: Any) -> bool:
        """Both hold the same rows."""
        return True

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool:
        """A standby gets its tables from the primary."""
        return db == PRIMARY


class Standby:
    """The standby as this process knows it: looked at once a second at most, and left alone when it was away."""

    def __init__(self) -> None:
        self.lag = Lag()
        self._looked = self._away_until = float("-inf")
        self._lock = Lock()

    @property
    def away(self) -> bool:
        """Whether it did not answer a moment ago."""
        return time.monotonic() < self._away_until

    def look(self) -> float:
        """Return how many seconds it may be behind, asking both servers when nobody has for a second."""
        if time.monotonic() - self._looked >= LOOK_EVERY and not self.away and self._lock.acquire(blocking=False):
            try:
                began = time.monotonic()
                primary = primary_position()
                if (position := self._asked()) is not None:
                    self.lag.note(began, primary, position)
                self._looked = time.monotonic()
            finally:
                self._lock.release()
        return self.lag.seconds(time.monotonic())

    def has(self, position: int) -> bool:
        """Tell whether it has replayed so far, asking it when it had not when it was asked last."""
        if self.lag.position < position and (there := self._asked()) is not None:
            self.lag.replayed(there)
        return self.lag.position >= position

    def reached(self, position: int) -> bool:
        """Tell whether it replays so far within a moment."""
        ends = time.monotonic() + WAIT
        while not (there := self.has(position)) and time.monotonic() < ends and not self.away:
            time.sleep(PAUSE)
        return there

    def lost(self, problem: Exception | str) -> None:
        """Leave it alone for a while."""
        self._away_until = time.monotonic() + AWAY
        log.warning("replica.away", problem=" ".join(str(problem).split()), means="the primary answers")

    def open(self) -> bool:
        """Tell whether this thread has a connection to it that stands, making one where it has none."""
        try:
            with connections[REPLICA].cursor():
                return True
        except Error as problem:
            self.lost(problem)
            return False

    def _asked(self) -> int | None:
        try:
            position = _number(REPLICA, _STANDBY_AT)
        except Error as problem:
            self.lost(problem)
            return None
        if position is None:
            self.lost("DATABASE_REPLICA_URL names a server that follows no other")
        return position


standby = Standby()


def state() -> str:
    """Return in a word how the standby is: ok, behind or unreachable."""
    behind = standby.look()
    if standby.away:
        return "unreachable"
    return "behind" if behind > settings.REPLICA_MAX_LAG_SECONDS else "ok"


def primary_position() -> int:
    """Return where the primary's log ends, in bytes."""
    return end_of_log(_number(PRIMARY, _PRIMARY_AT) or 0)


def _number(alias: str, statement: str) -> int | None:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def reading() -> BaseDatabaseWrapper:
    """Return the connection for a question in plain SQL: what the router would choose."""
    return connections[Router().db_for_read(None) if REPLICA in settings.DATABASES else PRIMARY]


def may_lag(request: Any) -> None:
    """Let a standby answer what this request reads from here on, if it is good enough for who asks.

    Call it once it is known who asks, and what they may. A part of a page that is fetched by htmx is not lagging: it
    mostly comes because something was just told. Neither is what a client asks with ``Cache-Control: no-cache``.
    """
    asking = _asking.get()
    if asking is not None and not asking.failed:
        outcome = _outcome(request)
        asking.lagging = outcome == REPLICA
        READS.labels(outcome).inc()


def settle() -> None:
    """Go on with the primary unless the standby knows everything that is committed by now: see `answers.kept`."""
    asking = _asking.get()
    if asking is not None and asking.lagging:
        asking.lagging = standby.reached(primary_position())


def _outcome(request: Any) -> str:
    if request.headers.get("HX-Request") or "no-cache" in request.headers.get("Cache-Control", ""):
        return "fresh"
    behind = standby.look()
    if standby.away:
        return "away"
    if behind > settings.REPLICA_MAX_LAG_SECONDS:
        return "behind"
    found = _MARKED.run([_mark(request.user.pk), "rca:wrote-since"])
    if found is None or int(found[1]) < MARKED:
        return "unknown"
    if not standby.open():
        return "away"
    return REPLICA if standby.has(int(found[0])) else "own_write"


def _mark(user: Any) -> str:
    return f"rca:wrote:{user}"


class ReplicaReads:
    """Follows each request: what it wrote is marked, and what the standby failed to answer is asked of the primary."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if REPLICA not in settings.DATABASES:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asking = Asking()
        token = _asking.set(asking)
        try:
            with connections[REPLICA].execute_wrapper(_noticing):
                response = self.get_response(request)
                failed = asking.failed or (asking.lagging and response.status_code >= INTERNAL_SERVER_ERROR)
                if failed and request.method in SAFE_METHODS:
                    asking.failed, asking.lagging = True, False
                    READS.labels("failed").inc()
                    response.close()
                    response = self.get_response(request)  # `may_lag` leaves it with the primary now
            if asking.wrote or request.method not in SAFE_METHODS:
                _note(key_of_user(request))
        finally:
            _asking.reset(token)
        return response


def _noticing(execute: Callable[..., Any], *given: Any) -> Any:
    """Notice a statement that the standby does not answer, for whatever reason."""
    try:
        return execute(*given)
    except Error as problem:
        if (asking := _asking.get()) is not None and asking.lagging:
            asking.failed, asking.lagging = True, False
            if not connections[REPLICA].is_usable():
                standby.lost(problem)
        raise


def _note(user: str | None) -> None:
    """Leave word, before the answer is sent, of how far a standby must be for who wrote."""
    if user is not None:
        with suppress(Error):  # what was written stays written
            _MARK.run([_mark(user)], primary_position(), MARKED)
