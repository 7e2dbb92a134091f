"""Doors: events over the API."""

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from events import services
from events.api.serializers import EventHit, EventRow, EventSerializer, NewEventSerializer
from events.filters import EventFilters, EventSearch
from events.models import Event
from rcaplatform.kit.views import ScopedViewSet

STORED = {201: EventSerializer, 200: OpenApiResponse(EventSerializer, "It was told before and stands as it was.")}


@extend_schema_view(create=extend_schema(responses=STORED))
class EventViewSet(ScopedViewSet):
    """What happened, and who said so."""

    queryset = Event.objects.select_related("origin").defer("search", "keywords")
    serializer_class, new_class, row_class = EventSerializer, NewEventSerializer, EventRow
    filterset_class = EventFilters
    deeds = {"delete": services.delete, "restore": services.restore}

    @action(detail=False, row_class=EventHit, filterset_class=EventSearch)
    def search(self, request: Request) -> Response:
        """Find events by what they say: best matches first, each with an excerpt."""
        return self.list(request)
