"""Composition: the Celery application. Tasks are doorbells; they live in each app's `tasks.py`."""

import os
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rcaplatform.settings")


class BrokerConnection(Connection):
    """Looks each second for a broker that is away; by default a worker waits 2 s, then 4, then 6, and finds it late."""

    def ensure_connection(self, *given: Any, **options: Any) -> Any:
        """Return this connection once it stands."""
        return super().ensure_connection(*given, **{"interval_start": 1, "interval_step": 0, **options})

    def maybe_close_channel(self, channel: Any) -> None:
        """Close a channel. One whose transport went with the broker cannot give back what it holds (kombu 5.7)."""
        try:
            super().maybe_close_channel(channel)
        except AttributeError:
            if getattr(channel.connection, "client", None) is not None:
                raise


class OwnAMQP(AMQP):
    """Celery's way to the broker, by our connections."""

    Connection = BrokerConnection


app = Celery("rcaplatform", amqp=OwnAMQP)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
