"""Deeds about schedules: one for each connector that is polled, kept where Celery's beat looks.

`Connector.interval` says how often. The rows of beat are made from it, here and nowhere else, so that the two agree.
"""

import orjson
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from connectors.models import Connector

POLL_TASK = "connectors.poll"


def name_of(connector: Connector) -> str:
    """Return what the schedule of a connector is called."""
    return f"poll {connector.name}"


def keep(connector: Connector) -> None:
    """Make the schedule of ``connector`` what its switch and interval say. A bell not heard in time is forgotten."""
    every, _ = IntervalSchedule.objects.get_or_create(every=connector.interval, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.update_or_create(
        name=name_of(connector),
        defaults={
            "task": POLL_TASK,
            "args": orjson.dumps([str(connector.pk)]).decode(),
            "interval": every,
            "crontab": None,
            "enabled": connector.enabled and connector.is_scheduled,
            "expire_seconds": connector.interval,
        },
    )


def keep_all() -> None:
    """Make every schedule agree with its connector: those of an earlier release have none yet."""
    for connector in Connector.objects.all():
        keep(connector)
