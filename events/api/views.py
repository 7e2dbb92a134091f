"""Doors: events and their tags over the API."""

from collections.abc import Iterable

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import switches
from accounts.models import Feature
from events import admission, services
from events.api.serializers import (
    BulkReport,
    EventHit,
    EventRow,
    EventSerializer,
    EventTags,
    NewEventSerializer,
    TagsRequest,
    shown,
)
from events.api.telling import tell, tell_many
from events.drafts import MAX_TAGS
from events.filters import EventFilters, EventSearch, EventWindow
from events.models import Event
from rcaplatform.kit.rest import ItemsParser, LinesParser, refuse
from rcaplatform.kit.views import ScopedViewSet, etag, narrowed

TAKEN = {"application/json": NewEventSerializer(many=True), "application/x-ndjson": NewEventSerializer}
STORED = {201: EventSerializer, 200: OpenApiResponse(EventSerializer, "It was told before and stands as it was.")}

KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    description="Names the events that are told without `source_id`: a repeated call stores none of them twice.",
)


@extend_schema_view(create=extend_schema(responses=STORED, parameters=[KEY]))
class EventViewSet(ScopedViewSet):
    """What happened, and who said so."""

    queryset = Event.objects.select_related("origin").defer("search", "keywords", "message")
    serializer_class, new_class, row_class = EventSerializer, NewEventSerializer, EventRow
    filterset_class = EventFilters
    listings = ScopedViewSet.listings | {"by_source", "by_severity", "by_service", "by_date_range", "in_range"}
    deeds = {"delete": services.delete, "restore": services.restore}
    conflicting, lags = frozenset({"create"}), True

    by_source, by_severity = narrowed("source"), narrowed("severity")
    by_service = narrowed("service", pattern="(?s:.+?)")  # a name may hold a slash

    @action(detail=False, row_class=EventHit, filterset_class=EventSearch)
    def search(self, request: Request) -> Response:
        """Find events by what they say: best matches first, each with an excerpt."""
        return self.list(request)

    @action(detail=False, url_path="by-date-range", filterset_class=EventWindow)
    def by_date_range(self, request: Request) -> Response:
        """List what occurred from `start` to `end`, both included."""
        return self.list(request)

    @action(detail=False, url_path="range", filterset_class=EventWindow)
    def in_range(self, request: Request) -> Response:
        """List what occurred from `start` to `end`: another name of `by-date-range`."""
        return self.list(request)

    def create(self, request: Request, **_: str) -> Response:
        """Tell of one."""
        admission.require_room()
        event, fresh = tell(request)
        where = request.build_absolute_uri(f"{request.path.rstrip('/')}/{event.pk}")
        headers = {"ETag": etag(event), "Location": where}
        return Response(shown(event), status=201 if fresh else 200, headers=headers)

    @extend_schema(request=TAKEN, responses=BulkReport, parameters=[KEY])
    @action(detail=False, methods=["post"], parser_classes=[ItemsParser, LinesParser])
    def bulk(self, request: Request) -> Response:
        """Tell of many, up to 10,000: the good ones are stored, and why the others are refused is reported.

        The body is a JSON array, or one object a line (`application/x-ndjson`); it may be compressed with gzip, and
        have 32 MiB when it is not. When all are refused the answer is 400 with the same report.
        """
        switches.require(Feature.BULK)
        admission.require_room()
        return Response(tell_many(request))


class TagViewSet(ScopedViewSet):
    """The tags of one event, which are part of its version."""

    queryset = EventViewSet.queryset
    serializer_class, verbs = EventSerializer, dict.fromkeys(("replace", "add", "remove"), "edit")

    @extend_schema(responses=EventTags)
    def show(self, request: Request, pk: str) -> Response:
        """Show the tags of one."""
        return tagged(self.get_object())

    @extend_schema(request=TagsRequest, responses=EventTags)
    def replace(self, request: Request, pk: str) -> Response:
        """Give one these tags and no others."""
        return self._set(self.changeable(), self._given())

    @extend_schema(request=TagsRequest, responses={200: EventTags})
    def add(self, request: Request, pk: str) -> Response:
        """Add tags to one; those it has already stay where they are."""
        event, given = self.changeable(), self._given()
        return self._set(event, [*event.tags, *given])

    @extend_schema(responses={200: EventTags})
    def remove(self, request: Request, pk: str, tag: str) -> Response:
        """Take a tag from one."""
        event = self.changeable()
        if tag not in event.tags:
            raise NotFound("This event does not have this tag.")
        return self._set(event, [other for other in event.tags if other != tag])

    def _given(self) -> list[str]:
        body = TagsRequest(data=self.request.data)
        body.is_valid(raise_exception=True)
        return list(body.validated_data["tags"])

    def _set(self, event: Event, tags: Iterable[str]) -> Response:
        wanted = list(dict.fromkeys(tags))
        if len(wanted) > MAX_TAGS:
            refuse("tags", f"An event has at most {MAX_TAGS} tags.")
        if wanted != event.tags:
            event = services.edit(event=event, changes={"tags": wanted}, **self.by())
        return tagged(event)


def tagged(event: Event) -> Response:
    """Answer with the tags of an event and its version."""
    return Response({"tags": event.tags, "version": event.version}, headers={"ETag": etag(event)})
