"""Facts every table shares: a time-ordered key, and soft deletion where a person can delete."""

from typing import Self, TypeVar

from django.db import models

from rcaplatform.kit.ids import uuid7


class Identified(models.Model):
    """A row with a time-ordered UUID as its key."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


class SoftDeleted(models.Model):
    """A row that a person can delete and restore."""

    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=SoftDeleted)


class SoftDeletedQuerySet(models.QuerySet[Row]):
    """Reads over rows that may have been deleted."""

    def alive(self) -> Self:
        """Leave out what was deleted."""
        return self.filter(deleted_at__isnull=True)

    def deleted(self) -> Self:
        """Keep only what was deleted."""
        return self.filter(deleted_at__isnull=False)
