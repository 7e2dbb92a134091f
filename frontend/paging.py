"""Questions: one page of a long list, by key and never by count, so that depth costs nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db.models import Q, QuerySet

from rcaplatform.kit.errors import Invalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Key:
    """A place in a list ordered by time and id."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}-{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote.

        Raises:
            Invalid: it is no such thing.
        """
        found = _CURSOR.fullmatch(text)
        try:
            if found:
                return cls(_EPOCH + timedelta(microseconds=int(found[1])), UUID(hex=found[2]))
        except OverflowError:
            pass
        raise Invalid("This address names a page that does not exist.", fields={"cursor": "Not a cursor."})


@dataclass(frozen=True, slots=True)
class Page:
    """Some items in the order they are shown; ``previous`` and ``next`` are cursors, empty at the ends of the list."""

    items: Sequence[Any]
    previous: str = ""
    next: str = ""


def by_time(
    rows: QuerySet[Any], *, size: int, after: str = "", before: str = "", newest_first: bool = True, prefix: str = ""
) -> Page:
    """Return the ``size`` rows after or before a cursor; without one, the first of the list.

    Args:
        rows: what there is, filtered.
        size: how many to show.
        after: show what follows this cursor on the list.
        before: show what precedes this cursor on the list.
        newest_first: how the list is ordered.
        prefix: the path to the model that has ``timestamp`` and ``id``, such as ``event__``.

    Raises:
        Invalid: the cursor is not one.
    """
    backward = bool(before) and not after
    descending = newest_first != backward
    near = _beyond(rows, Key.parse(after or before), descending, prefix) if after or before else rows
    sign = "-" if descending else ""
    found = list(near.order_by(f"{sign}{prefix}timestamp", f"{sign}{prefix}id")[: size + 1])
    more = len(found) > size
    items = found[:size][::-1] if backward else found[:size]
    if not items:
        return Page([], previous=before, next=before)
    first, last = _key(items[0], prefix), _key(items[-1], prefix)
    return Page(items, previous=first if (more if backward else after) else "", next=last if more or backward else "")


def _beyond(rows: QuerySet[Any], key: Key, descending: bool, prefix: str) -> QuerySet[Any]:
    """Keep what lies beyond ``key``; the plain bound on time beside the OR is what lets the index begin there."""
    time, direction = f"{prefix}timestamp", "lt" if descending else "gt"
    further = Q(**{f"{time}__{direction}": key.at}) | Q(**{time: key.at, f"{prefix}id__{direction}": key.id})
    return rows.filter(further, **{f"{time}__{direction}e": key.at})


def _key(item: Any, prefix: str) -> str:
    row = getattr(item, prefix.removesuffix("__")) if prefix else item
    return str(Key(row.timestamp, row.pk))


LAST_PAGE = 1_000


def numbered(rows: QuerySet[Any], *, size: int, number: str) -> Page:
    """Return a page by its number, for lists that are short enough to be ordered in many ways. Nothing is counted.

    Raises:
        Invalid: it is not a number from 1 to 1,000.
    """
    if not re.fullmatch(r"[0-9]{0,4}", number) or not 1 <= int(number or 1) <= LAST_PAGE:
        raise Invalid(f"Pages are numbered from 1 to {LAST_PAGE}.", fields={"page": f"A number from 1 to {LAST_PAGE}."})
    page = int(number or 1)
    found = list(rows[(page - 1) * size : page * size + 1])
    more = len(found) > size and page < LAST_PAGE
    return Page(found[:size], previous=str(page - 1) if page > 1 else "", next=str(page + 1) if more else "")
