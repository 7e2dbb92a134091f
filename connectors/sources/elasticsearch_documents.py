"""Decisions about log documents as Elasticsearch keeps them: where a field is, and what others call it. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any

# What a setting may name, and the key it is read under; no logger's own name goes before these.
NAMES = {
    "timestamp": "@timestamp",
    "level": "levelname",
    "message": "message",
    "logger": "logger",
    "service": "service.name",
    "component": "component",
    "environment": "environment",
    "trace_id": "trace.id",
    "span_id": "span.id",
    "request_id": "request.id",
    "user": "user.id",
    "error_type": "exception.type",
    "error_message": "exception.message",
    "error_stack": "exception.stack_trace",
}
# Where documents say what a log line has no common name for, by the setting: ECS, and OpenTelemetry's own mapping.
_ELSEWHERE = {
    "message": ("message", "body.text", "event.original"),
    "service": ("service.name", "resource.attributes.service.name", "kubernetes.labels.app"),
    "component": ("component", "log.logger", "scope.name", "host.name", "resource.attributes.host.name"),
    "environment": (
        *("service.environment", "deployment.environment.name", "deployment.environment"),
        *("resource.attributes.deployment.environment.name", "resource.attributes.deployment.environment"),
    ),
}
_DEPTH = 8


def line_of(source: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """Return a document as a log line.

    Args:
        fields: the paths of fields that are called otherwise, by setting.
    """
    found = {name: at(source, path) for name, path in fields.items()}
    for name, paths in _ELSEWHERE.items():
        if found.get(name) is None:
            found[name] = next((value for path in paths if (value := at(source, path)) is not None), None)
    return {**source, **{NAMES[name]: value for name, value in found.items() if value is not None}}


def at(source: Any, path: str) -> Any:
    """Return what is at a path such as ``log.level``, however much of it is nested; of a list the first."""
    return next(_found(source, path.split(".")[:_DEPTH]), None)


def _found(value: Any, names: list[str]) -> Iterator[Any]:
    if not names:
        yield value[0] if isinstance(value, list) and value else value
    elif isinstance(value, dict):
        for length in range(len(names), 0, -1):
            name = ".".join(names[:length])
            if value.get(name) is not None:
                yield from _found(value[name], names[length:])
