"""Composition: one origin. The event loop answers `/stream/`, threads run the WSGI application for all the rest."""

import gc
import os
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

from rcaplatform.kit.bridge import Bridge
from rcaplatform.kit.readahead import ReadAhead
from rcaplatform.wsgi import application as wsgi

# Senders of webhooks hang up after ten to thirty seconds themselves.
BODY_SECONDS = 30.0
# Two threads a process: more only wait for one another, and each holds a database connection.
THREADS = int(os.environ.get("WEB_THREADS") or 2)
BACKLOG = 256

stream = get_asgi_application()
threads = ReadAhead(
    Bridge(wsgi, threads=THREADS, backlog=BACKLOG),
    limit=max(settings.WEBHOOK_MAX_BYTES, settings.OTLP_MAX_BYTES),
    seconds=BODY_SECONDS,
)

# What a process keeps for life is loaded before its first request, and the collector need not look at it ever again.
import_module(settings.ROOT_URLCONF)
gc.collect()
gc.freeze()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Route one connection. The server's lifespan and websocket messages are not ours: raising tells it so."""
    if scope["type"] != "http":
        raise NotImplementedError(f"{scope['type']} is not served here")
    door: Any = stream if scope["path"].startswith("/stream/") else threads
    await door(scope, receive, send)
