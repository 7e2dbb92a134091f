"""Composition: how Django finds this app."""

from django.apps import AppConfig


class ConnectorsConfig(AppConfig):
    """The outside world: sources, polling, webhooks, dead letters."""

    name = "connectors"
