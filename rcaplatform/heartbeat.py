"""Composition: does beat ring? For a health check: exit code 1 when it has noted no bell for ten minutes."""

import os
import sys

import django
from django.db import connection

# Beat notes its bells every five minutes.
RUNG = "SELECT EXISTS (SELECT FROM django_celery_beat_periodictask WHERE last_run_at > now() - interval '10 minutes')"


def rings() -> bool:
    """Return whether beat has noted a bell lately."""
    with connection.cursor() as cursor:
        cursor.execute(RUNG)
        return bool(cursor.fetchone()[0])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rcaplatform.settings")
    django.setup()
    sys.exit(0 if rings() else "Beat has noted no bell for ten minutes.")
