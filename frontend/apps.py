"""Composition: how Django finds this app."""

from django.apps import AppConfig


class FrontendConfig(AppConfig):
    """Pages."""

    name = "frontend"
