"""Questions about events: chainable reads in domain words. They never write."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F, Q

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
