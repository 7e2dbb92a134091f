"""Doors: OTLP over HTTP, one for each signal, in protobuf and in JSON. Each answers in the encoding it was asked in."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, cast

import structlog
from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import switches
from accounts.apikeys import KeyFacts
from accounts.models import ApiKey, Feature, User
from connectors.bodies import read_body
from connectors.pushing import take
from connectors.sources import otlp_calls, otlp_logs, otlp_metrics, otlp_traces
from connectors.sources.otlp_encoding import JSON, PROTOBUF
from connectors.telemetry import Kept, keep
from events.admission import require_room
from events.models import Event
from rcaplatform.kit.errors import TooLarge
from rcaplatform.kit.rest import problem

log = structlog.get_logger(__name__)
MAX_ITEMS = 50_000
RETRY_AFTER = 10
_ENCODINGS = {encoding.media_type: encoding for encoding in (PROTOBUF, JSON)}


class _AsAsked(BaseContentNegotiation):
    """Refuses no ``Accept``: an answer has the encoding of its request, whatever else a client would take."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return any; the views encode by themselves."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


@extend_schema(exclude=True)
class Export(APIView):
    """Takes one signal: 200 once it is stored, whether or not each item was good.

    A client sends again what is answered with 429 or 503 and nothing else: only what may pass later is answered so.
    """

    queryset = Event.objects.none()
    content_negotiation_class = _AsAsked
    http_method_names = ["post"]
    asked: ClassVar[type[Message]]
    answered: ClassVar[type[Message]]
    items: ClassVar[str]
    count: ClassVar[Callable[[Any], int]]

    @abstractmethod
    def keep(self, message: Any) -> Kept:
        """Keep what is worth it."""

    def post(self, request: Request) -> HttpResponse:
        """Take one request."""
        switches.require(Feature.OTLP)
        require_room()
        encoding = _ENCODINGS.get(_media_type(request))
        if encoding is None:
            raise UnsupportedMediaType(request.content_type)
        message = self.asked()
        encoding.read(_body(request), message)
        told = type(self).count(message)
        if told > MAX_ITEMS:
            raise TooLarge(f"A request may have {MAX_ITEMS:,} {self.items.replace('_', ' ')}: send less at a time.")
        kept = self.keep(message)
        log.info("otlp.taken", items=self.items, told=told, stored=kept.stored, rejected=kept.rejected)
        return HttpResponse(encoding.write(self._answer(kept)), content_type=encoding.media_type)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], HttpResponse | None]:
        """Say what is wrong the way a client of this protocol reads it."""
        return _problem

    def _answer(self, kept: Kept) -> Message:
        answer: Any = self.answered()
        if kept.rejected:
            setattr(answer.partial_success, f"rejected_{self.items}", kept.rejected)
            answer.partial_success.error_message = kept.reason
        return answer


class Traces(Export):
    """Takes spans."""

    asked, answered, items = ExportTraceServiceRequest, ExportTraceServiceResponse, "spans"
    count = otlp_traces.count

    def keep(self, message: ExportTraceServiceRequest) -> Kept:
        """Store those that failed and those that took long, and count who calls whom."""
        reference, calls = otlp_calls.calls(message)
        told = otlp_traces.drafts(message, slow_ms=settings.OTLP_SLOW_SPAN_MS)
        return keep(told=told, now=timezone.now(), reference=reference, calls=calls)


class Logs(Export):
    """Takes log records."""

    asked, answered, items = ExportLogsServiceRequest, ExportLogsServiceResponse, "log_records"
    count = otlp_logs.count

    def keep(self, message: ExportLogsServiceRequest) -> Kept:
        """Store warnings and worse."""
        return keep(told=otlp_logs.drafts(message), now=timezone.now())


class Metrics(Export):
    """Takes metrics."""

    asked, answered, items = ExportMetricsServiceRequest, ExportMetricsServiceResponse, "data_points"
    count = otlp_metrics.count

    def keep(self, message: ExportMetricsServiceRequest) -> Kept:
        """Keep every sample; the connector of the sender judges them."""
        now = timezone.now()
        told = otlp_metrics.points(message, now=now)
        return take(told=told, sender=_sender(self.request), actor=cast("User", self.request.user), now=now)


def _sender(request: Request) -> str:
    """Return who tells, so that a key that takes the place of another under its name is the same sender."""
    person, credential = cast("User", request.user), request.auth
    if not isinstance(credential, KeyFacts):
        return person.username
    return f"{person.username}/{ApiKey.objects.values_list('name', flat=True).get(pk=credential.id)}"


def _media_type(request: Request) -> str:
    return str(request.content_type).partition(";")[0].strip().lower()


def _body(request: Request) -> bytes:
    coding = request.headers.get("Content-Encoding", "")
    return read_body(request, coding=coding, limit=settings.OTLP_MAX_BYTES)


def _problem(exc: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Answer what `problem` understands with a ``google.rpc.Status`` in the encoding of the request."""
    found = problem(exc, context)
    if found is None:
        return None
    encoding = _ENCODINGS.get(_media_type(context["request"]), JSON)
    headers = {name: value for name, value in found.items() if name != "Content-Type"}
    if found.status_code in {429, 503}:
        headers.setdefault("Retry-After", str(RETRY_AFTER))
    said = encoding.problem(found.status_code, found.data["detail"])
    return HttpResponse(said, status=found.status_code, headers=headers, content_type=encoding.media_type)
