"""Tell open pages that something changed. The message carries ids; the page fetches what it may see."""

from functools import cache
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import transaction
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


@cache
def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS)


def channel(topic: str) -> str:
    """Return the name of the Redis channel of a topic such as ``investigation:<id>``."""
    return f"rca:{topic}"


def publish(*, topic: str, kind: str, **ids: str | int | UUID) -> None:
    """Tell everyone who watches ``topic`` once the present transaction has committed; a deaf Redis is no error."""
    message = orjson.dumps({"kind": kind, **ids}, default=str)
    transaction.on_commit(lambda: _send(topic, message), robust=True)


def _send(topic: str, message: bytes) -> None:
    try:
        _redis().publish(channel(topic), message)
    except RedisError:
        log.warning("realtime.unavailable", topic=topic)
