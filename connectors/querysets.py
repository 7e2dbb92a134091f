"""Questions about connectors: chainable reads in domain words. They never write."""

from datetime import datetime
from typing import Any, Self

from django.db.models import Q, QuerySet


class ConnectorQuerySet(QuerySet[Any]):
    """Reads over connectors."""

    def due(self, now: datetime) -> Self:
        """On, past their time, and held by no worker."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
        return self.filter(free, enabled=True, next_poll_at__lte=now)
