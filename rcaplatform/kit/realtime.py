"""Tell open pages that something changed, and count how often. The message carries ids; the page fetches the rest."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.db import transaction
from redis.exceptions import RedisError

from rcaplatform.kit.redisclient import client as _redis

log = structlog.get_logger(__name__)
MOST_NAMED = 5  # topics, in a line of the log


def channel(topic: str) -> str:
    """Return the name of the Redis channel of a topic such as ``investigation:<id>``."""
    return f"rca:{topic}"


def publish(*, topic: str, kind: str, **ids: str | int | UUID) -> None:
    """Tell everyone who watches ``topic`` once the present transaction has committed; a deaf Redis is no error."""
    publish_to([topic], kind=kind, **ids)


def publish_to(topics: Iterable[str], *, kind: str, **ids: str | int | UUID) -> None:
    """Tell everyone who watches one of ``topics`` the same, in one message to Redis."""
    message, told = orjson.dumps({"kind": kind, **ids}, default=str), list(topics)
    transaction.on_commit(lambda: _send(told, message), robust=True)


def told_so_far(*topics: str) -> list[Any]:
    """Return how often something was told under each of ``topics``, or under all with the same beginning up to a colon.

    Raises:
        RedisError: Redis is away.
    """
    return list(_redis().mget([_tally(topic) for topic in topics]))


def _tally(topic: str) -> str:
    return f"told:{topic.partition(':')[0]}"


def _send(topics: list[str], message: bytes) -> None:
    try:
        with _redis().pipeline(transaction=False) as pipe:
            for topic in topics:
                pipe.incr(_tally(topic))
                pipe.publish(channel(topic), message)
            pipe.execute()
    except RedisError:
        log.warning("realtime.unavailable", topics=topics[:MOST_NAMED])
