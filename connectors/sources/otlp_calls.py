"""Decisions about who calls whom, by spans told over OTLP: which of them are calls, and what names them."""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from connectors.errors import BadRecord
from connectors.sources.otlp_spans import Told, check, each, failed
from connectors.sources.otlp_values import moment
from events.calls import Calls, together
from events.drafts import LIMITS

# How a client names the service it calls, as that one calls itself.
PEERS = frozenset({"peer.service", "service.peer.name"})
_ASKING = frozenset({Message.SPAN_KIND_CLIENT, Message.SPAN_KIND_PRODUCER})

# A span that is a call, or stands for one, and who told of it; who calls and who is called.
Call = tuple[Told, str, str]


def calls(request: ExportTraceServiceRequest) -> tuple[str, list[Calls]]:
    """Return the calls between services that a request tells of, and what identifies them when sent again.

    A span whose parent is of another service is a call. Where the other side is told elsewhere, as by an SDK that
    exports for one service alone, a client that names its peer stands for the call: so each counts on one side.
    """
    found = list(_calls(list(each(request))))
    ids = sorted(span.trace_id + span.span_id for (span, _, _), _, _ in found)
    reference = blake2b(b"".join(ids), digest_size=16).hexdigest() if ids else ""
    return reference, together(_counted(*one) for one in found)


def _calls(told: list[Told]) -> Iterator[Call]:
    """Yield the calls among spans that are good; each span once."""
    services = {(span.trace_id, span.span_id): resource.service for span, resource, _ in told}
    mixed = len(set(services.values())) > 1
    answered = set[tuple[bytes, bytes]]()
    for one in told if mixed else ():
        span, resource, _ = one
        parent = span.trace_id, span.parent_span_id
        caller = services.get(parent, "")
        if caller and resource.service and caller != resource.service and _good(one):
            answered.add(parent)
            yield one, caller, resource.service
    for one in told:
        span, resource, _ = one
        if span.kind in _ASKING and resource.service and (span.trace_id, span.span_id) not in answered:
            peer = _peer(span)
            if peer and peer != resource.service and _good(one):
                yield one, resource.service, peer


def _peer(span: Message) -> str:
    """Return the service that a client says it calls, or nothing."""
    named = (pair.value.string_value for pair in span.attributes if pair.key in PEERS)
    return next(named, "")[: LIMITS["service"]]


def _good(told: Told) -> bool:
    """Tell whether a span is taken at all."""
    with suppress(BadRecord):
        check(told[0])
        return True
    return False


def _counted(told: Told, caller: str, callee: str) -> Calls:
    span, resource, _ = told
    took = max(span.end_time_unix_nano - span.start_time_unix_nano, 0)
    return Calls.one(
        at=moment(span.start_time_unix_nano),
        environment=resource.environment,
        caller=caller,
        callee=callee,
        failed=failed(span),
        milliseconds=took / 1e6,
    )
