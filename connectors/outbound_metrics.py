"""What becomes of requests to sources: for each a line of the log, a span and figures. No secrets in any of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import structlog
from opentelemetry import trace
from prometheus_client import Counter, Histogram

from rcaplatform.kit.errors import DomainError

log = structlog.get_logger(__name__)
tracer = trace.get_tracer(__name__)
REQUESTS = Counter("rca_outbound_requests", "Requests to sources, by what became of them.", ["host", "outcome"])
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SECONDS = Histogram("rca_outbound_seconds", "How long sources took to answer.", ["host"], buckets=BUCKETS)


HIDDEN = "/…"


@dataclass(slots=True)
class Told:
    """What is to be told of a request once it is over."""

    outcome: str = "ok"
    status: int = 0
    bytes: int = 0


@contextmanager
def telling(request: httpx.Request, *, hidden: str = "") -> Iterator[Told]:
    """Tell of a request when the block ends, well or badly; ``hidden``, a path that is a secret, is told nowhere."""
    told, began = Told(), time.perf_counter()
    path = HIDDEN if hidden else request.url.path
    span = tracer.start_span(f"{request.method} {request.url.host}", kind=trace.SpanKind.CLIENT)
    try:
        yield told
    except DomainError as problem:
        told.outcome = problem.code
        span.set_status(trace.StatusCode.ERROR, problem.code)
        if len(hidden) > 1:
            problem.message = problem.message.replace(hidden, HIDDEN)
            problem.args = (problem.message,)
        raise
    finally:
        seconds = time.perf_counter() - began
        span.set_attributes(
            {
                "http.request.method": request.method,
                "server.address": request.url.host,
                "url.path": path,  # not the query: some sources take their key there
                "http.response.status_code": told.status,
                "rca.outcome": told.outcome,
            }
        )
        span.end()
        REQUESTS.labels(request.url.host, told.outcome).inc()
        SECONDS.labels(request.url.host).observe(seconds)
        log.debug(
            "outbound.request",
            host=request.url.host,
            method=request.method,
            path=path,
            outcome=told.outcome,
            status=told.status,
            ms=round(seconds * 1000),
            bytes=told.bytes,
        )
