"""Questions about credentials and notifications: chainable reads in domain words. They never write."""

from datetime import datetime
from typing import Any, Self

from django.db import models


class RevokedTokenQuerySet(models.QuerySet[Any]):
    """Reads over revoked tokens."""

    def expired(self, now: datetime) -> Self:
        """Would be worthless by now in any case."""
        return self.filter(expires_at__lte=now)


class AuditQuerySet(models.QuerySet[Any]):
    """Reads over the audit trail."""

    def unsealed(self, since: datetime | None) -> Self:
        """Are in no link of the chain yet, oldest first; ``since``: only those made from then on."""
        found = self.filter(seal=None).order_by("id")
        return found if since is None else found.filter(at__gte=since)


class ApiKeyQuerySet(models.QuerySet[Any]):
    """Reads over API keys."""

    def visible_to(self, user: Any) -> Self:
        """Everybody sees the keys that act for them, an administrator all of them."""
        return self if user.is_superuser else self.filter(user=user.pk)


class NotificationQuerySet(models.QuerySet[Any]):
    """Reads over notifications."""

    def inbox(self, user: Any) -> Self:
        """Are in the inbox of ``user``."""
        return self.filter(user=user.pk, in_inbox=True)

    def unread(self) -> Self:
        """Have not been read."""
        return self.filter(read_at=None)

    def unread_of(self, user: Any, most: int) -> int:
        """Return how many ``user`` has not read, counted no further than ``most``."""
        return self.inbox(user).unread().order_by()[:most].count()
