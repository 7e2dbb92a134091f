"""Doors: the addresses of connectors."""

from django.urls import re_path

from connectors.api.views import ConnectorHealth

urlpatterns = [
    re_path(r"^analytics/connectors/health/?$", ConnectorHealth.as_view(), name="analytics-connectors"),
]
