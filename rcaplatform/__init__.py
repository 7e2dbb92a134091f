"""Composition: settings, addresses and processes. Apps never import from here, except from `rcaplatform.kit`."""

from rcaplatform.celery import app as celery_app

__all__ = ["celery_app"]
__version__ = "0.1.0"
