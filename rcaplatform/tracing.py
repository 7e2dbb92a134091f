"""Composition: traces of the product itself, sent over OTLP.

Imported only where they are on, as it costs 28 MiB a process: by `rcaplatform.wsgi`, and by workers and beat for
CELERY_IMPORTS. Requests to sources make their spans themselves, in `connectors.outbound_metrics`.
"""

import os
from collections.abc import Sequence
from typing import Any

from celery import signals
from django.http import HttpRequest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Span, Status

from rcaplatform import __version__
from rcaplatform.kit import redaction

# What asks all day long, lasts for hours, or would trace the arrival of its own traces.
UNTRACED = "/healthz,/readyz,/metrics,/static/,/stream/,/otlp/"


class Redacting(OTLPSpanExporter):
    """Sends spans as OTLP does, without the secrets that addresses and the texts of errors may hold."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them."""
        return super().export([without_secrets(span) for span in spans])


def without_secrets(span: ReadableSpan) -> ReadableSpan:
    """Return a span with a blank for each secret in its attributes, its events and its status."""
    status = span.status
    said = status.description and redaction.without_secrets(status.description)
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=redaction.redacted(span.attributes or {}),
        events=[Event(one.name, redaction.redacted(one.attributes or {}), one.timestamp) for one in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(status.status_code, said),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def start(process: str) -> None:
    """Trace this process from now on: requests, statements and tasks.

    Where spans go, how many are kept and whatever else the SDK reads is said by its own ``OTEL_*`` variables.

    Args:
        process: its name, such as ``web``: the service of its spans is ``rca-web``, if OTEL_SERVICE_NAME says none.
    """
    service = os.environ.get("OTEL_SERVICE_NAME") or f"rca-{process}"
    resource = Resource.create({"service.name": service, "service.version": __version__})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(Redacting()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument(excluded_urls=UNTRACED, request_hook=_without_query)
    PsycopgInstrumentor().instrument()
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]


@signals.worker_process_init.connect
def worker_began(**_: Any) -> None:
    """Trace a process of a worker's pool: the thread that sends spans does not outlive the fork."""
    start("worker")


@signals.beat_init.connect
def beat_began(**_: Any) -> None:
    """Trace beat."""
    start("beat")


@signals.worker_process_shutdown.connect
def worker_ends(**_: Any) -> None:
    """Send what waits: a process of a pool ends without the interpreter's own farewell."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def _without_query(span: Span, request: HttpRequest) -> None:
    """Keep what was asked for out of traces: a search may hold anything, a sender's address a secret."""
    if span.is_recording():
        span.set_attribute("http.url", request.build_absolute_uri("?"))
        span.set_attribute("http.target", request.path)
