"""Questions about investigations, links and notes: chainable reads in domain words. They never write."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.contrib.postgres.search import SearchQuery
from django.db.models import Count, Q, QuerySet

from investigations.choices import LinkState, Status
from rcaplatform.kit.models import SoftDeletedQuerySet

ACTIVE = (Status.OPEN, Status.IN_PROGRESS)


class InvestigationQuerySet(SoftDeletedQuerySet[Any]):
    """Reads over investigations."""

    def visible_to(self, user: Any) -> Self:
        """Everybody who is signed in sees every investigation that was not deleted; an outsider sees none."""
        return self.alive() if user.is_authenticated and user.is_active else self.none()

    def active(self) -> Self:
        """Still being worked on."""
        return self.alive().filter(status__in=ACTIVE)

    def linkable(self, now: datetime, grace: timedelta) -> Self:
        """Active, or resolved so recently that late events may still belong to it."""
        recent = Q(status=Status.RESOLVED, resolved_at__gte=now - grace)
        return self.alive().filter(Q(status__in=ACTIVE) | recent)

    def matching(self, text: str) -> Self:
        """Match ``text`` in web search syntax."""
        return self.filter(search=SearchQuery(text, search_type="websearch", config="english"))


class LinkQuerySet(QuerySet[Any]):
    """Reads over links."""

    def standing(self) -> Self:
        """Shown to people: everything but what they rejected, of events that were not deleted."""
        return self.exclude(state=LinkState.REJECTED).filter(event__deleted_at__isnull=True)

    def count_by_investigation(self, investigation_ids: list[Any]) -> dict[Any, int]:
        """Return the number of standing links of each investigation on one page."""
        rows = self.standing().filter(investigation_id__in=investigation_ids).values_list("investigation_id")
        return dict(rows.annotate(number=Count("id")).order_by())


class NoteQuerySet(SoftDeletedQuerySet[Any]):
    """Reads over notes."""

    def matching(self, text: str) -> Self:
        """Match ``text`` in web search syntax."""
        return self.filter(search=SearchQuery(text, search_type="websearch", config="english"))
