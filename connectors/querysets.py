"""Questions about connectors: chainable reads in domain words. They never write."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.apps import apps
from django.db.models import Exists, QuerySet

# A schedule may ring a little early.
_EARLY = timedelta(seconds=1)


class ConnectorQuerySet(QuerySet[Any]):
    """Reads over connectors."""

    def running(self) -> Self:
        """On, while not everything is halted."""
        return self.filter(~Exists(apps.get_model("connectors", "Halt").objects.all()), enabled=True)

    def due(self, now: datetime) -> Self:
        """Running, and past their time."""
        return self.running().filter(next_poll_at__lte=now + _EARLY)
