"""The yardstick for reading: the queries of the product's lists in plain Django views, for anybody who asks."""

import orjson
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.models import Event
from rcaplatform.kit.rest import JSONRenderer

COLUMNS = (
    "id", "timestamp", "source", "source_id", "event_type", "title", "severity", "service", "component", "environment",
    "tags", "url", "received_at", "linked_at", "version",
)  # fmt: skip


def trivial(_request: HttpRequest) -> HttpResponse:
    """Answer a few bytes."""
    return HttpResponse(orjson.dumps({"status": "ok"}), content_type="application/json")


class Trivial(APIView):
    """Answers a few bytes by the REST framework."""

    authentication_classes, permission_classes, renderer_classes = [], [], [JSONRenderer]

    def get(self, _request: Request) -> Response:
        """Answer."""
        return Response({"status": "ok"})


def events(request: HttpRequest) -> HttpResponse:
    """List twenty events, and look whether there is one more, as the product does."""
    found = Event.objects.filter(deleted_at__isnull=True).order_by("-timestamp", "-id")
    found = found.filter(**{name: value for name, value in request.GET.items() if name in ("service", "severity")})
    rows = list(found.values(*COLUMNS, origin_name=F("origin__name"))[:21])
    body = orjson.dumps({"more": len(rows) > 20, "results": rows[:20]}, option=orjson.OPT_UTC_Z)
    return HttpResponse(body, content_type="application/json")


urlpatterns = [path("trivial", trivial), path("drf", Trivial.as_view()), path("events", events)]
