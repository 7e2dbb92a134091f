"""Composition: the addresses of the outside world."""

from django.urls import re_path

from connectors import otlp
from connectors.webhooks import hook

urlpatterns = [
    re_path(r"^hooks/(?P<name>[-a-zA-Z0-9_]+)(?:/(?P<path>.*))?$", hook, name="hook"),
    re_path(r"^otlp/v1/traces/?$", otlp.Traces.as_view(), name="otlp-traces"),
    re_path(r"^otlp/v1/logs/?$", otlp.Logs.as_view(), name="otlp-logs"),
    re_path(r"^otlp/v1/metrics/?$", otlp.Metrics.as_view(), name="otlp-metrics"),
]
