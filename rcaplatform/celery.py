"""Composition: the Celery application. Tasks are doorbells; they live in each app's `tasks.py`."""

import os
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection
from kombu.transport import redis
from redis.exceptions import ConnectionError as ConnectionLost

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rcaplatform.settings")


class RedisChannel(redis.Channel):
    """Says that its connection is lost where that of kombu (5.7) ends the worker.

    It does when what was under way as Redis went is acknowledged, or given back, over a transport that is gone.
    """

    def conn_or_acquire(self, client: Any = None) -> Any:
        """Return what gives a client for a while.

        Raises:
            ConnectionLost: the connection of this channel was closed.
        """
        if client is None and getattr(self.connection, "client", None) is None:
            raise ConnectionLost("The connection to the broker was closed.")
        return super().conn_or_acquire(client)


class RedisTransport(redis.Transport):
    """Kombu's, with our channels."""

    Channel = RedisChannel


class BrokerConnection(Connection):
    """Looks each second for a broker that is away; by default a worker waits 2 s, then 4, then 6, and finds it late."""

    def ensure_connection(self, *given: Any, **options: Any) -> Any:
        """Return this connection once it stands."""
        return super().ensure_connection(*given, **{"interval_start": 1, "interval_step": 0, **options})

    def get_transport_cls(self) -> Any:
        """Return kombu's transport; for Redis our own."""
        found = super().get_transport_cls()
        return RedisTransport if found is redis.Transport else found


class OwnAMQP(AMQP):
    """Celery's way to the broker, by our connections."""

    Connection = BrokerConnection


app = Celery("rcaplatform", amqp=OwnAMQP)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
