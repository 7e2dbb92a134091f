"""Doors: investigations, their links and their notes over the API."""

from functools import cached_property
from typing import Any, ClassVar, cast
from uuid import UUID

from django.db.models import F, FilteredRelation, Q, QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from events.models import Event
from investigations import lifecycle, linking, services
from investigations.api import serializers as shapes
from investigations.choices import Status
from investigations.filters import (
    InvestigationFilters,
    InvestigationSearch,
    InvestigationWindow,
    LinkFilters,
    NoteFilters,
)
from investigations.lifecycle import IllegalMove
from investigations.models import Investigation, Link, Note, NoteRevision
from investigations.querysets import ACTIVE
from rcaplatform.kit.replica import may_lag
from rcaplatform.kit.views import Rows, ScopedViewSet, Strict, etag, narrowed

PEOPLE = ("created_by", "assigned_to", "updated_by")


class InvestigationViewSet(ScopedViewSet):
    """One incident and the search for its cause."""

    queryset = Investigation.objects.select_related(*PEOPLE).defer("search", "keywords")
    serializer_class, row_class = shapes.InvestigationSerializer, shapes.InvestigationRow
    new_class, filterset_class = shapes.NewInvestigationSerializer, InvestigationFilters
    listings, lags = ScopedViewSet.listings | {"by_status", "by_date_range"}, True
    deeds = {"delete": services.delete, "restore": services.restore}

    by_status = narrowed("status")

    @action(detail=False, row_class=shapes.InvestigationHit, filterset_class=InvestigationSearch)
    def search(self, request: Request) -> Response:
        """Find investigations by what they say: best matches first, each with an excerpt."""
        return self.list(request)

    @action(detail=False, url_path="by-date-range", filterset_class=InvestigationWindow)
    def by_date_range(self, request: Request) -> Response:
        """List what was detected from `start` to `end`, both included."""
        return self.list(request)

    @extend_schema(filters=True, responses=shapes.Stats)
    @action(detail=False, pagination_class=None)
    def stats(self, request: Request) -> Response:
        """Count what passes the filters, and say how long it took to resolve."""
        may_lag(request)
        found: Any = self.filter_queryset(self.get_queryset())
        return Response(found.stats(timezone.now()))


class StatusViewSet(ScopedViewSet):
    """Where an investigation stands in its life."""

    queryset = Investigation.objects.select_related(*PEOPLE).defer("search", "keywords")
    serializer_class, verbs = shapes.InvestigationSerializer, {"move": "edit"}

    @extend_schema(responses=shapes.StatusAnswer)
    def show(self, request: Request, pk: str) -> Response:
        """Show the status of one, and what may follow."""
        return standing(self.get_object())

    @extend_schema(request=shapes.StatusRequest, responses={200: shapes.StatusAnswer})
    def move(self, request: Request, pk: str) -> Response:
        """Move one to another status."""
        investigation, to = self.changeable(), given(shapes.StatusRequest, request, "status")
        return standing(services.move(investigation=investigation, to=to, **self.by()))


class ClosureViewSet(StatusViewSet):
    """The two moves that have an address of their own."""

    verbs = dict.fromkeys(("close", "reopen"), "edit")

    @extend_schema(request=None, responses={200: shapes.StatusAnswer})
    def close(self, request: Request, pk: str) -> Response:
        """Close one."""
        return standing(services.move(investigation=self.changeable(), to=Status.CLOSED, **self.by()))

    @extend_schema(request=None, responses={200: shapes.StatusAnswer})
    def reopen(self, request: Request, pk: str) -> Response:
        """Take up one again that was resolved or closed."""
        investigation = self.changeable()
        if investigation.status in ACTIVE:
            raise IllegalMove(f"This investigation is {investigation.status} already.")
        return standing(services.move(investigation=investigation, to=Status.IN_PROGRESS, **self.by()))


# The investigation that the address of its part names.
PARENT = OpenApiParameter("investigation_id", OpenApiTypes.UUID, OpenApiParameter.PATH)


class PartViewSet(ScopedViewSet):
    """Something that belongs to one investigation, which the person must be able to see."""

    @cached_property
    def investigation(self) -> Investigation:
        """Return the investigation that the address names."""
        found: Investigation = get_object_or_404(self._visible(), pk=self.kwargs["investigation_id"])
        return found

    @cached_property
    def parent(self) -> UUID:
        """Return the key of that investigation: all that reading its parts needs of it."""
        if "investigation" in vars(self):  # it was read whole before
            return self.investigation.pk
        keys = cast("QuerySet[Any]", self._visible().values_list("pk", flat=True))
        found: UUID = get_object_or_404(keys, pk=self.kwargs["investigation_id"])
        return found

    def _visible(self) -> QuerySet[Investigation]:
        return Investigation.objects.visible_to(self.request.user)


class LinkedEventViewSet(PartViewSet):
    """The events of an investigation, each with what ties it there."""

    queryset = Event.objects.all()
    row_class: ClassVar[type[Rows]] = shapes.LinkedEventRow
    filterset_class: ClassVar[type[LinkFilters]] = LinkFilters

    def scope(self) -> QuerySet[Any]:
        mine = FilteredRelation("links", condition=Q(links__investigation=self.parent))
        linked = super().scope().annotate(link=mine).filter(link__isnull=False)
        scored: QuerySet[Any] = linked.annotate(score=F("link__score"))
        return scored


class LinkViewSet(PartViewSet):
    """Links that people make."""

    queryset = Link.objects.all()
    serializer_class = shapes.LinkSerializer

    @extend_schema(request=shapes.LinkRequest, responses=dict.fromkeys((201, 200), shapes.LinkSerializer))
    def link(self, request: Request, **_: str) -> Response:
        """Link an event by hand; this stands whatever the rules say."""
        events, by = Event.objects.visible_to(request.user), self.by()
        event = get_object_or_404(events, pk=given(shapes.LinkRequest, request, "event_id"))
        link = linking.link_by_hand(investigation=self.investigation, event=event, **by)
        return Response(shapes.LinkSerializer(link).data, status=201 if link.created_at >= by["now"] else 200)


class DecisionViewSet(PartViewSet):
    """What people make of a link."""

    queryset = Link.objects.filter(event__deleted_at__isnull=True)
    serializer_class, lookup_field = shapes.LinkSerializer, "event_id"
    deeds = {"confirm": linking.confirm, "reject": linking.reject}
    deed, verbs = "confirm", {"decide": "edit"}

    def get_queryset(self) -> QuerySet[Any]:
        return self.scope().filter(investigation=self.parent)

    @extend_schema(request=None, responses={200: shapes.LinkSerializer})
    def decide(self, request: Request, **_: str) -> Response:
        """Say that an event belongs to the investigation, or that it does not: then it never comes back by itself."""
        link = self.get_object()
        self.perform(self.deed, link)
        return Response(shapes.LinkSerializer(link).data)


class NoteViewSet(PartViewSet):
    """What people wrote down in an investigation."""

    listings = frozenset({"list", "revisions"})

    queryset = Note.objects.select_related("author", "investigation").defer("search")
    serializer_class, row_class, filterset_class = shapes.NoteSerializer, shapes.NoteRow, NoteFilters
    deeds = {"delete": services.delete_note, "restore": services.restore_note}

    def scope(self) -> QuerySet[Any]:
        return super().scope().filter(investigation=self.parent)

    def get_queryset(self) -> QuerySet[Any]:
        return self.scope().alive()  # type: ignore[attr-defined, no-any-return]

    @extend_schema(responses=dict.fromkeys((201, 200), shapes.NoteSerializer))
    def create(self, request: Request, **_: str) -> Response:
        """Make one; 200 where the writer made it before under the same id."""
        return super().create(request, **_)

    @action(detail=True, row_class=shapes.RevisionRow, filterset_class=None)
    def revisions(self, request: Request, **_: str) -> Response:
        """List the note as it stood after each save, oldest first."""
        return self.rows(NoteRevision.objects.filter(note=self.get_object()).order_by("id"))


def standing(investigation: Investigation) -> Response:
    """Answer with a status."""
    content = {
        "status": investigation.status,
        "may_become": sorted(lifecycle.MOVES[investigation.status]),
        "resolved_at": investigation.resolved_at,
        "version": investigation.version,
    }
    return Response(content, headers={"ETag": etag(investigation)})


def given(shape: type[Strict], request: Request, name: str) -> Any:
    """Return the one field of a body."""
    body = shape(data=request.data)
    body.is_valid(raise_exception=True)
    return body.validated_data[name]
