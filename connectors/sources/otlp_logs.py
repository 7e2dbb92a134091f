"""Source: log records told over OTLP. Warnings and worse become events."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from connectors.sources.loglevels import grade_of
from connectors.sources.loglines import LogLine, is_quiet
from connectors.sources.otlp_values import MAX_KEY, Resource, attributes, moment, value_of
from events.choices import Severity
from events.drafts import EventDraft
from rcaplatform.kit.errors import DomainError

_WANTED = frozenset({Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM})


def count(request: ExportLogsServiceRequest) -> int:
    """Return how many records there are."""
    return sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)


def drafts(request: ExportLogsServiceRequest) -> Iterator[EventDraft | DomainError]:
    """Yield an event for each record that is a warning or worse, and why a record is no good."""
    for told in request.resource_logs:
        resource = Resource.of(told.resource)
        digest = blake2b(told.resource.SerializeToString(deterministic=True), digest_size=16)
        for scope in told.scope_logs:
            for record in scope.log_records:
                try:
                    found = _draft(record, resource, scope.scope.name[:MAX_KEY], digest)
                except DomainError as problem:
                    yield problem
                else:
                    if found:
                        yield found


def _draft(record: LogRecord, resource: Resource, scope: str, digest: blake2b) -> EventDraft | None:
    timestamp = moment(record.time_unix_nano or record.observed_time_unix_nano)
    grade = grade_of("severitynumber", record.severity_number) or grade_of("severitytext", record.severity_text)
    if _is_quiet(record, grade):
        return None
    line = LogLine(_fields(record, grade, resource, scope))
    if line.severity not in _WANTED:
        return None
    draft = line.draft(source_id=_identity(record, scope, digest), raw=None, timestamp=timestamp)
    # What is left over are the containers below: they stand beside what was understood.
    rest = draft.data.pop("attributes", {})
    if line.exception:
        kept = {key: value for key, value in rest.get("attributes", {}).items() if not key.startswith("exception.")}
        rest = {**rest, "attributes": kept}
    draft.data |= {name: value for name, value in rest.items() if value}
    return draft


def _is_quiet(record: LogRecord, grade: str) -> bool:
    """Tell, without reading it whole, whether it is certainly less than a warning."""
    keys: dict[str, Any] = dict.fromkeys(pair.key for pair in record.attributes)
    return is_quiet(keys | {"levelname": grade, "message": record.body.string_value})


def _fields(record: LogRecord, grade: str, resource: Resource, scope: str) -> dict[str, Any]:
    """Return the record in the shape of a log line. Its level and text stand where no attribute outranks them."""
    body = value_of(record.body)
    return {
        **({"levelname": grade} if grade else {}),
        "record" if isinstance(body, dict) else "message": body,
        "trace_id": record.trace_id.hex(),
        "span_id": record.span_id.hex(),
        "event_name": record.event_name[:MAX_KEY],
        "scope.name": scope,
        "attributes": attributes(record.attributes),
        "resource": resource.attributes,
    }


def _identity(record: LogRecord, scope: str, digest: blake2b) -> str:
    """Name the record by all it says and who says it: it has no id, and a client that tries again says the same."""
    whole = digest.copy()
    whole.update(scope.encode())
    whole.update(record.SerializeToString(deterministic=True))
    return whole.hexdigest()
