"""Deed: delete many rows in batches, none of which holds its locks for long."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet


def delete_in_batches(rows: QuerySet[Any], *, size: int) -> int:
    """Delete ``rows`` in their order, ``size`` in one transaction, except those that somebody else holds.

    Only their keys are loaded for it.

    Returns:
        How many were deleted.
    """
    deleted = 0
    while True:
        with transaction.atomic():
            held = rows.select_for_update(skip_locked=True, of=("self",))
            keys = list(held.values_list("pk", flat=True)[:size])
            rows.model.objects.filter(pk__in=keys).only("pk").delete()
        deleted += len(keys)
        if len(keys) < size:
            return deleted
