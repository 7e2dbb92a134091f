"""The one client of Redis in a process, with its connections."""

from functools import cache

from django.conf import settings
from redis import Redis


@cache
def client() -> Redis:
    """Return it; it connects when first asked, and gives up on a Redis that is away within a second."""
    return Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS)
