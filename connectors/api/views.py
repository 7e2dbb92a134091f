"""Doors: connectors over the API."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from connectors import health
from connectors.api.serializers import HealthReport
from connectors.models import Connector


class ConnectorHealth(APIView):
    """How the connectors fare. Asked afresh every time: whoever looks wants to know how it is now."""

    queryset = Connector.objects.all()

    @extend_schema(responses=HealthReport)
    def get(self, request: Request) -> Response:
        """Show state, lag and what waits of every connector, by name."""
        now = timezone.now()
        return Response(HealthReport({"checked_at": now, "connectors": health.report(now)}).data)
