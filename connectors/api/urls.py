"""Doors: the addresses of connectors."""

from django.urls import re_path

from connectors.api import operations, views
from rcaplatform.kit.views import Router

router = Router()
router.register("connectors", views.ConnectorViewSet, basename="connector")
router.register(r"connectors/(?P<name>[-a-zA-Z0-9_]+)/dlq", views.DeadLettersOfConnector, basename="connector-dlq")
router.register("admin/dlq", operations.DeadLetterViewSet, basename="dlq")
router.register("admin/circuit-breaker", operations.BreakerViewSet, basename="circuit-breaker")

urlpatterns = [
    re_path(r"^analytics/connectors/health/?$", views.ConnectorHealth.as_view(), name="analytics-connectors"),
    re_path(r"^connectors/status/?$", views.ConnectorHealth.as_view(), name="connectors-status"),
    re_path(r"^admin/circuit-breaker-status/?$", operations.BreakerStatus.as_view(), name="circuit-breaker-status"),
    re_path(r"^admin/halt/?$", operations.HaltView.as_view(), name="halt"),
    *router.urls,
]
