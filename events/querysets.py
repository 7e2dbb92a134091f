"""Questions about events: chainable reads in domain words. They never write."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import models
from django.db.models import F, Max, Q, Sum

from events.calls import CLASSES, Calls
from rcaplatform.kit.models import SoftDeletedQuerySet


class EventQuerySet(SoftDeletedQuerySet[Any]):
    """Reads over the event store."""

    def visible_to(self, user: Any) -> Self:
        """Everybody who is signed in sees every event that was not deleted; an outsider sees none."""
        return self.alive() if user.is_authenticated and user.is_active else self.none()

    def between(self, start: datetime, end: datetime) -> Self:
        """Occurred from ``start`` up to and including ``end``."""
        return self.filter(timestamp__gte=start, timestamp__lte=end)

    def unlinked(self) -> Self:
        """The linking queue, oldest first."""
        return self.filter(linked_at__isnull=True).order_by("id")

    def matching(self, text: str) -> Self:
        """Match ``text`` in web search syntax: words, "a phrase", OR, -not. Never fails on what a person types."""
        return self.filter(search=SearchQuery(text, search_type="websearch", config="english"))

    def ranked(self, text: str) -> Self:
        """Order by how well each event matches ``text``, best first."""
        query = SearchQuery(text, search_type="websearch", config="english")
        return self.annotate(rank=SearchRank(F("search"), query)).order_by("-rank", "-timestamp", "-id")

    @staticmethod
    def any_word(words: Iterable[str]) -> Q:
        """Match events that can be found by at least one of ``words``, each taken as a phrase of its own."""
        phrases = (f'"{word.replace(chr(34), " ")}"' for word in sorted(words))
        return Q(search=SearchQuery(" OR ".join(phrases), search_type="websearch", config="english"))


class DependencyQuerySet(models.QuerySet[Any]):
    """Reads over who calls whom."""

    def visible_to(self, user: Any) -> Self:
        """Everybody who is signed in sees all; an outsider sees none."""
        return self.all() if user.is_authenticated and user.is_active else self.none()

    def within(self, start: datetime, end: datetime) -> Self:
        """The hours that ``start`` to ``end`` touches."""
        return self.filter(hour__gte=start.replace(minute=0, second=0, microsecond=0), hour__lte=end)

    def around(self, service: str) -> Self:
        """The calls to and from one service."""
        return self.filter(Q(caller=service) | Q(callee=service))

    def callers(self, service: str) -> list[str]:
        """Return who called a service."""
        return sorted(set(self.filter(callee=service).values_list("caller", flat=True)))

    def callees(self, service: str) -> list[str]:
        """Return whom a service called."""
        return sorted(set(self.filter(caller=service).values_list("callee", flat=True)))

    def edges(self, limit: int = 5_000) -> list[Calls]:
        """Return the hours added up, one for each caller, callee and environment; the busiest first.

        Each is dated by the last of its hours.
        """
        classes = {f"class_{number}": Sum(F(f"durations__{number}")) for number in range(CLASSES)}
        named = self.order_by().values_list("environment", "caller", "callee")
        summed = named.annotate(Max("hour"), total=Sum("calls"), failed=Sum("errors"), **classes)
        rows = summed.order_by("-total", "caller", "callee", "environment")[:limit]
        return [
            Calls(
                environment=environment,
                caller=caller,
                callee=callee,
                hour=hour,
                calls=int(calls),
                errors=int(errors),
                durations=[int(count) for count in durations],
            )
            for environment, caller, callee, hour, calls, errors, *durations in rows
        ]
