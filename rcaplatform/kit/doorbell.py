"""Wake a worker after commit. A bell that is not heard costs seconds, not data: a sweep finds the work anyway."""

from functools import cache

import structlog
from celery import current_app
from django.core.cache import BaseCache, caches
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)
QUIET_SECONDS = 5


def ring(task: str, *ids: str) -> None:
    """Ask a worker to run ``task`` with ``ids`` once the present transaction has committed."""
    transaction.on_commit(lambda: _send(task, ids), robust=True)


def ring_once(task: str) -> None:
    """Like `ring`, but while one bell is unanswered further ones are silent. The task answers with `heard`."""
    transaction.on_commit(lambda: _send_once(task), robust=True)


def heard(task: str) -> None:
    """Let the bell of ``task`` ring again: call it before looking for work, so that later work rings anew."""
    try:
        _bells().delete(_key(task))
    except RedisError:
        log.warning("doorbell.cache_unavailable", task=task)


def hush(task: str) -> None:
    """Keep the bell of ``task`` silent for a while longer: who is at it looks again before `heard`."""
    try:
        _bells().set(_key(task), 1, timeout=QUIET_SECONDS)
    except RedisError:
        log.warning("doorbell.cache_unavailable", task=task)


@cache
def _bells() -> BaseCache:
    """Return the cache, one for the process: Django's own is one a request here, and each would connect anew."""
    return caches.create_connection("default")


def _key(task: str) -> str:
    return f"bell:{task}"


def _send_once(task: str) -> None:
    try:
        if _bells().add(_key(task), 1, timeout=QUIET_SECONDS):
            _send(task, ())
    except RedisError:
        log.warning("doorbell.cache_unavailable", task=task)


def _send(task: str, ids: tuple[str, ...]) -> None:
    try:
        current_app.send_task(task, args=ids, retry=False)
    except (OperationalError, RedisError, OSError):
        log.warning("doorbell.broker_unavailable", task=task)
