"""Composition: how Django finds this app."""

from django.apps import AppConfig


class InvestigationsConfig(AppConfig):
    """Cases, links, notes, exports."""

    name = "investigations"
