"""Composition: what waits in the queues of the broker, be it Redis or RabbitMQ."""

from collections.abc import Sequence

from amqp.exceptions import NotFound
from django.conf import settings
from kombu import Connection
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

from rcaplatform.celery import app

# What is raised while the broker is away.
AWAY = (OperationalError, RedisError, OSError)


def is_redis() -> bool:
    """Return whether Redis carries the doorbells; RabbitMQ does otherwise."""
    return str(settings.CELERY_BROKER_URL).startswith("redis")


def depths(queues: Sequence[str]) -> dict[str, int]:
    """Return how many tasks wait in each queue; none in one that no worker has asked for yet.

    Raises:
        OperationalError, RedisError, OSError: the broker is away.
    """
    if is_redis():
        url = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://", 1)
        with Redis.from_url(url, **settings.REDIS_OPTIONS) as client:
            asked = client.pipeline(transaction=False)
            for queue in queues:
                asked.llen(queue)
            return dict(zip(queues, asked.execute(), strict=True))
    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=1)
        return {queue: _waiting(connection, queue) for queue in queues}


def _waiting(connection: Connection, queue: str) -> int:
    try:
        with connection.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).message_count)  # type: ignore[attr-defined]
    except NotFound:
        return 0


def state() -> str:
    """Return in a word how the broker is."""
    try:
        depths(["celery"])
    except AWAY:
        return "unreachable"
    return "ok"
