"""Composition: whether this process lives, and whether it can do its work."""

import structlog
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis, RedisError

from rcaplatform import broker
from rcaplatform.kit import replica

log = structlog.get_logger(__name__)


@require_safe
@never_cache
def alive(_request: HttpRequest) -> JsonResponse:
    """Answer 200: the process takes requests. Restart it when it does not."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when everything this process stands on is there, else 503 and say what is not."""
    found = {"database": _database(), "redis": _redis()}
    found["migrations"] = _migrations() if found["database"] == "ok" else "unknown"
    good = all(state == "ok" for state in found.values())
    if not broker.is_redis():
        found["broker"] = broker.state()  # nothing accepted is lost without it
    if replica.REPLICA in settings.DATABASES:
        found["replica"] = replica.state()  # told, and no reason to send nobody here: the primary answers instead
    return JsonResponse({"status": "ok" if good else "unavailable", "checks": found}, status=200 if good else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as problem:
        log.warning("ready.database", error=str(problem))
        return "unreachable"
    return "ok"


def _redis() -> str:
    client = Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    try:
        client.ping()
    except RedisError as problem:
        log.warning("ready.redis", error=str(problem))
        return "unreachable"
    finally:
        client.close()
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(pending)} pending" if pending else "ok"
