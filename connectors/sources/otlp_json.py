"""Decisions about spans of OTLP in JSON, as Jaeger and Tempo answer it: each read straight into `Span`. No I/O.

Not by way of protobuf: that takes several times as long, and one value it refuses would spoil the whole trace.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from typing import Any

from connectors.errors import BadRecord
from connectors.reading import Part
from connectors.sources.loglines import LogLine
from connectors.sources.otlp_values import Resource, json_attributes, moment
from connectors.sources.spans import MAX_DETAIL, MAX_NAME, Span, answered_badly, hex_id

_KINDS = ("", "internal", "server", "client", "producer", "consumer")
_FAILED = frozenset({2, "2", "STATUS_CODE_ERROR"})
_UNSET = frozenset({None, 0, "0", "", "STATUS_CODE_UNSET"})
_LATEST = 2**63

# A span as it is written, and who told of it: the resource and the name of the scope.
Written = tuple[Part, Resource, str]


def each(resources: list[Part]) -> Iterator[Written]:
    """Yield every span as it is written, and who told of it."""
    for told in resources:
        resource = Resource.named(json_attributes(told["resource"]["attributes"].value))
        for scope in told.each("scopeSpans") or told.each("instrumentationLibrarySpans"):
            for span in scope.each("spans"):
                yield span, resource, scope["scope"].text("name", MAX_NAME)


def read(written: Written) -> Span:
    """Read one span.

    Raises:
        BadRecord: an id or its start is missing or impossible.
    """
    span, resource, scope = written
    start = _nanos(span, "startTimeUnixNano")
    moment(start)
    kind = _kind(span["kind"].value)
    attributes = json_attributes(span["attributes"].value)
    met = [event for event in span.each("events") if event.text("name") == "exception"]
    code = span["status"]["code"].value
    code = code if isinstance(code, int | str | None) else None
    return Span(
        trace_id=_id(span["traceId"].value, 32, "trace"),
        span_id=_id(span["spanId"].value, 16, "span"),
        parent_id=_parent(span["parentSpanId"].value),
        service=resource.service,
        environment=resource.environment,
        name=span.text("name", MAX_NAME).strip(),
        kind=kind,
        start=start,
        duration=max(_nanos(span, "endTimeUnixNano") - start, 0),
        failed=code in _FAILED or (code in _UNSET and (bool(met) or answered_badly(kind, attributes))),
        status=span["status"].text("message", MAX_DETAIL),
        exception=LogLine(json_attributes(met[-1]["attributes"].value)).exception if met else {},
        attributes=attributes,
        resource=resource.attributes,
        scope=scope,
        links=list(_links(span)),
    )


def _links(span: Part) -> Iterator[str]:
    for link in span.each("links")[:20]:
        try:
            yield f"{_id(link['traceId'].value, 32, 'trace')}/{_id(link['spanId'].value, 16, 'span')}"
        except BadRecord:  # a link that leads nowhere says nothing
            continue


def _id(written: Any, digits: int, what: str) -> str:
    """Return an id that is written in hexadecimal, perhaps without its leading zeros, or in base64."""
    if isinstance(written, str) and len(written) == (digits // 2 + 2) // 3 * 4 and written.endswith("="):
        try:
            written = b64decode(written, validate=True).hex()
        except NotBase64:
            written = None
    return hex_id(written, digits, what)


def _parent(written: Any) -> str:
    try:
        return _id(written, 16, "parent")
    except BadRecord:
        return ""


def _kind(written: Any) -> str:
    if isinstance(written, str):
        name = written.removeprefix("SPAN_KIND_").lower()
        return name if name in _KINDS else ""
    return _KINDS[written] if isinstance(written, int) and 0 <= written < len(_KINDS) else ""


def _nanos(span: Part, name: str) -> int:
    """Return a time that is written as a number, or as text so that no digit is lost; 0 where there is none."""
    given = span[name].value
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) < 20:
        given = int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < _LATEST else 0
