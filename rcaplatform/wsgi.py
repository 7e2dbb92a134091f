"""Composition: pages, API and admin, served on threads."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rcaplatform.settings")
if settings.TRACING:  # before the middleware is loaded, which it joins
    import_module("rcaplatform.tracing").start("web")
application = get_wsgi_application()
