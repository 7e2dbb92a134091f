"""What every request carries: an id that follows it through logs, errors and the audit trail."""

import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import structlog
from csp.middleware import CSPMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject, empty

from rcaplatform.kit.address import address, current
from rcaplatform.kit.ids import uuid7

log = structlog.get_logger("rcaplatform.request")
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Doors of programs: nobody reads a message there.
_PROGRAMS = ("/api/", "/otlp/", "/hooks/")
_JSON = ("application/json", "application/problem+json")
_QUIET = ("/healthz", "/readyz", "/metrics", "/static/")


class Queries:
    """Counts statements, as a wrapper of their execution."""

    count = 0

    def __call__(self, execute: Callable[..., Any], *given: Any) -> Any:
        self.count += 1
        return execute(*given)


class RequestContext:
    """Gives the request an id (the client's own when it is harmless), logs its end and returns the id in a header."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _SAFE_ID.fullmatch(given) else str(uuid7())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        current.set(address(request))
        began, queries = time.perf_counter(), Queries()
        with ExitStack() as counting:
            for connection in connections.all():
                counting.enter_context(connection.execute_wrapper(queries))
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        if not request.path.startswith(_QUIET):
            log.info(
                "request",
                method=request.method,
                path=request.path,
                route=request.resolver_match.route if request.resolver_match else None,
                status=response.status_code,
                ms=round((time.perf_counter() - began) * 1000, 1),
                queries=queries.count,
                user=key_of_user(request),
            )
        return response


def key_of_user(request: HttpRequest) -> str | None:
    """Return the key of who asked, if anything wanted to know: a name or an address would be personal data in a log."""
    known = vars(request).get("user")
    if known is None or (isinstance(known, LazyObject) and vars(known)["_wrapped"] is empty):
        return None  # a page that never looked: looking now would cost a statement
    return str(known.pk) if known.pk else None


class PageMessages(MessageMiddleware):
    """Keeps messages for the next page; programs have none."""

    def process_request(self, request: HttpRequest) -> None:
        """Make ready to keep some."""
        if not request.path.startswith(_PROGRAMS):
            super().process_request(request)


class ContentPolicy(CSPMiddleware):
    """Says what a page may load and run. JSON may nothing at all, which needs no policy put together each time."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the policy."""
        if response.headers.get("Content-Type", "").startswith(_JSON):
            response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
            return response
        return super().process_response(request, response)
