"""Composition: the addresses of the outside world."""

from django.urls import path

from connectors.webhooks import hook

urlpatterns = [path("hooks/<slug:name>", hook, name="hook")]
