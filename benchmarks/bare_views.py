"""The yardstick: one event stored by a plain Django view and by a plain DRF view, as a tutorial would write them."""

import json
from typing import Any
from uuid import uuid4

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.choices import Severity, Source
from events.models import Event, Origin

COLUMNS = (
    "id origin_id dedupe_key source source_id event_type title severity service component environment tags url data "
    "metadata keywords timestamp received_at updated_at version"
).split()
INSERT = f"INSERT INTO events_event ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"  # noqa: S608


def origin() -> Origin:
    """Return who tells."""
    return Origin.objects.get_or_create(name="bare", kind="api")[0]


@csrf_exempt
def raw(request: HttpRequest) -> HttpResponse:
    """Insert what the body says by one statement."""
    told = json.loads(request.body)
    pk, now = uuid4(), timezone.now()
    texts = [told[name] for name in COLUMNS[3:11]]
    objects = [json.dumps(told["data"]), "{}"]
    row = [pk, origin().pk, uuid4(), *texts, told["tags"], told["url"], *objects, told["title"], told["timestamp"]]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [*row, now, now, 1])
    return JsonResponse({"id": str(pk), **told}, status=201)


class EventSerializer(serializers.ModelSerializer[Event]):
    """The fields a client may set."""

    source = serializers.ChoiceField(Source.choices)
    severity = serializers.ChoiceField(Severity.choices)

    class Meta:
        model = Event
        fields = [
            "id", "timestamp", "source", "source_id", "event_type", "title", "severity", "service", "component",
            "environment", "tags", "url", "data", "raw_data", "metadata",
        ]  # fmt: skip


class Events(APIView):
    """Insert what a serializer lets pass."""

    authentication_classes, permission_classes = [], []
    parser_classes, renderer_classes = [JSONParser], [JSONRenderer]

    def post(self, request: Request) -> Response:
        """Store one."""
        serializer: Any = EventSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        now, title = timezone.now(), serializer.validated_data["title"]
        serializer.save(origin=origin(), dedupe_key=uuid4(), received_at=now, keywords=title)
        return Response(serializer.data, status=201)


urlpatterns = [path("raw", raw), path("drf", Events.as_view())]
