"""Composition: how Django finds this app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who you are, what you may, what was done."""

    name = "accounts"
