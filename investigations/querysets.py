"""Questions about investigations, links and notes: chainable reads in domain words. They never write."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import Aggregate, Avg, Case, Count, F, FloatField, Q, QuerySet, When
from django.db.models.functions import Extract

from investigations.choices import DraftState, ExportState, ImpactSeverity, LinkState, Priority, Status
from rcaplatform.kit.models import SoftDeletedQuerySet
from rcaplatform.kit.search import web_query

ACTIVE = (Status.OPEN, Status.IN_PROGRESS)
ENDED = (Status.RESOLVED, Status.CLOSED)
RECENT = timedelta(days=30)
CONSIDERED, RESEMBLING = 1_000, 200
_COUNTED = {"status": Status, "priority": Priority, "impact_severity": ImpactSeverity}
STANDING = tuple(state for state in LinkState if state != LinkState.REJECTED)
VOUCHED = (LinkState.CONFIRMED, LinkState.MANUAL)


class InvestigationQuerySet(SoftDeletedQuerySet[Any]):
    """Reads over investigations."""

    def visible_to(self, user: Any) -> Self:
        """Everybody who is signed in sees every investigation that was not deleted; an outsider sees none."""
        return self.alive() if _is_there(user) else self.none()

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

    def resembling(self, words: Iterable[str]) -> Self:
        """Return at most 200 that share a word with ``words``, the best matches first.

        Common words match most of what there is, so at most 1,000 are ranked: those that ended with a known cause
        first, then the newest.
        """
        query = web_query(" OR ".join(sorted(words)))
        known = Case(When(Q(status__in=ENDED) & ~Q(root_cause=""), then=0), default=1)
        hits = self.filter(search=query).order_by(known, "-detected_at", "-id").values("pk")[:CONSIDERED]
        ranked = self.filter(pk__in=hits).annotate(rank=SearchRank(F("search"), query))
        return ranked.order_by("-rank", "-detected_at", "-id")[:RESEMBLING]

    def stats(self, now: datetime) -> dict[str, Any]:
        """Count what there is by its choices, and say how long the last 30 days' took; in one statement."""
        recent = Q(resolved_at__gt=now - RECENT, resolved_at__lte=now)
        minutes = Extract(F("resolved_at") - F("detected_at"), "epoch") / 60.0
        counts = {
            f"{name}:{value}": Count("pk", filter=Q(**{name: value}))
            for name, choices in _COUNTED.items()
            for value in choices.values
        }
        found = self.order_by().aggregate(
            total=Count("pk"),
            open_unassigned=Count("pk", filter=Q(status__in=ACTIVE, assigned_to__isnull=True)),
            resolved_last_30_days=Count("pk", filter=recent),
            mean_minutes_to_resolve=Avg(minutes, filter=recent, output_field=FloatField()),
            median_minutes_to_resolve=Median(minutes, filter=recent, output_field=FloatField()),
            **counts,
        )
        grouped = {
            f"by_{name}": {value: found.pop(f"{name}:{value}") for value in choices.values}
            for name, choices in _COUNTED.items()
        }
        return {**found, **grouped}


class Median(Aggregate):
    """The middle value."""

    function, name = "PERCENTILE_CONT", "Median"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


class LinkQuerySet(QuerySet[Any]):
    """Reads over links."""

    def standing(self) -> Self:
        """Shown to people: everything but what they rejected, of events that were not deleted."""
        return self.exclude(state=LinkState.REJECTED).filter(event__deleted_at__isnull=True)

    def vouched(self) -> Self:
        """Confirmed or made by people."""
        return self.filter(state__in=VOUCHED, event__deleted_at__isnull=True)

    def undecided(self) -> Self:
        """Suggested, and still nobody's word."""
        return self.filter(state=LinkState.SUGGESTED, is_cause=False)

    def count_by_investigation(self, investigation_ids: list[Any]) -> dict[Any, int]:
        """Return the number of standing links of each investigation on one page."""
        rows = self.standing().filter(investigation_id__in=investigation_ids).values_list("investigation_id")
        return dict(rows.annotate(number=Count("id")).order_by())


class LookBackQuerySet(QuerySet[Any]):
    """Reads over the look backs that are owed."""

    def investigations(self) -> list[UUID]:
        """Return the id of each investigation that waits for one, who has waited longest first."""
        return list(dict.fromkeys(self.order_by("id").values_list("investigation_id", flat=True)))


class NoteQuerySet(SoftDeletedQuerySet[Any]):
    """Reads over notes."""

    def visible_to(self, user: Any) -> Self:
        """Everybody who is signed in sees the notes of every investigation they see."""
        return self.alive().filter(investigation__deleted_at__isnull=True) if _is_there(user) else self.none()

    def matching(self, text: str) -> Self:
        """Match ``text`` in web search syntax."""
        return self.filter(search=SearchQuery(text, search_type="websearch", config="english"))


class HypothesisQuerySet(SoftDeletedQuerySet[Any]):
    """Reads over hypotheses."""

    def visible_to(self, user: Any) -> Self:
        """Everybody who is signed in sees the hypotheses of every investigation they see."""
        return self.alive().filter(investigation__deleted_at__isnull=True) if _is_there(user) else self.none()


class EvidenceQuerySet(SoftDeletedQuerySet[Any]):
    """Reads over evidence."""

    def standing(self) -> Self:
        """Leave out what was deleted, and what rests on something deleted."""
        return self.alive().filter(hypothesis__deleted_at__isnull=True, event__deleted_at__isnull=True)


class CommentQuerySet(SoftDeletedQuerySet[Any]):
    """Reads over comments."""

    def standing(self) -> Self:
        """Leave out what was deleted, and what is about something deleted."""
        about = Q(note__deleted_at__isnull=True, event__deleted_at__isnull=True)
        return self.alive().filter(about)


class SavedViewQuerySet(QuerySet[Any]):
    """Reads over saved views of the list of investigations."""

    def visible_to(self, user: Any) -> Self:
        """Everybody who is signed in sees their own and the shared ones."""
        return self.filter(Q(shared=True) | Q(owner=user.pk)) if _is_there(user) else self.none()

    def own_first(self, user: Any) -> Self:
        """Order by name, but a person's own ones before those that others share."""
        others = Case(When(owner=user.pk, then=0), default=1)
        return self.order_by(others, "name", "id")


class ExportQuerySet(QuerySet[Any]):
    """Reads over exports that a worker makes; their files are read by `file` alone."""

    def visible_to(self, user: Any) -> Self:
        """Everybody who is signed in sees the exports of every investigation they see."""
        seen = self.filter(investigation__deleted_at__isnull=True) if _is_there(user) else self.none()
        return seen.defer("content")

    def unfinished(self) -> Self:
        """Waiting for a worker, or being made."""
        return self.filter(state__in=(ExportState.PENDING, ExportState.RUNNING)).defer("content")

    def finished(self) -> Self:
        """Ready to be fetched, or failed for good."""
        return self.filter(state__in=(ExportState.DONE, ExportState.FAILED)).defer("content")

    def file(self, pk: Any) -> bytes | None:
        """Return the content of one; None while there is none."""
        content: Any = self.filter(pk=pk, state=ExportState.DONE).values_list("content", flat=True).first()
        return None if content is None else bytes(content)


UNFINISHED_DRAFT = (DraftState.WAITING, DraftState.RUNNING)


class DraftQuerySet(QuerySet[Any]):
    """Reads over what a language model wrote."""

    def visible_to(self, user: Any) -> Self:
        """Everybody who is signed in sees the drafts of every investigation they see, until they are discarded."""
        seen = self.filter(investigation__deleted_at__isnull=True) if _is_there(user) else self.none()
        return seen.exclude(state=DraftState.DISCARDED)

    def unfinished(self) -> Self:
        """Waiting for a worker, or being written."""
        return self.filter(state__in=UNFINISHED_DRAFT)


class SuspectQuerySet(QuerySet[Any]):
    """Reads over suspects."""

    def visible_to(self, user: Any) -> Self:
        """Everybody who is signed in sees the suspects of every investigation they see."""
        return self.filter(report__investigation__deleted_at__isnull=True) if _is_there(user) else self.none()


def _is_there(user: Any) -> bool:
    return bool(user.is_authenticated and user.is_active)
