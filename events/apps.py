"""Composition: how Django finds this app."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """What happened and who said so."""

    name = "events"
