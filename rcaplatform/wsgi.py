"""Composition: pages, API and admin, served on threads."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rcaplatform.settings")
application = get_wsgi_application()
