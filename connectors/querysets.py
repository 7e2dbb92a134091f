"""Questions about connectors: chainable reads in domain words. They never write."""

from datetime import datetime
from typing import Any, Self

from django.db.models import QuerySet


class ConnectorQuerySet(QuerySet[Any]):
    """Reads over connectors."""

    def due(self, now: datetime) -> Self:
        """On, and past their time."""
        return self.filter(enabled=True, next_poll_at__lte=now)
