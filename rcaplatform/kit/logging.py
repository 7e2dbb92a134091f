"""Logs: structured, one JSON object a line, with the request they belong to."""

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from rcaplatform.kit import redaction


def configure(*, level: str, console: bool) -> None:
    """Send structlog's and the standard library's records through one formatter to standard output.

    Args:
        level: a level name of the standard library.
        console: readable columns for a person instead of JSON.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        with_trace,
        structlog.processors.format_exc_info,
        without_secrets,  # the last, as the text of an error may hold one
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for library in ("httpx", "httpcore"):  # they tell whole addresses and headers, credentials among them
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.captureWarnings(capture=False)


def with_trace(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Add the trace that a line belongs to, if the product is traced."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"] = trace.format_trace_id(context.trace_id)
    return line


def without_secrets(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Blank what holds a secret or looks like one. A line of plain values that hold none is read once, all together."""
    plain = [value for value in line.values() if type(value) is str]
    searched = redaction.suspicious("\n".join(plain))
    for name, value in line.items():
        if redaction.secret_field(name):
            line[name] = redaction.BLANK
        elif type(value) is str:
            if searched:
                line[name] = redaction.without_secrets(value)
        elif value is not None and type(value) not in _PLAIN and not name.startswith("_"):
            line[name] = _told(value)
    return line


_PLAIN = frozenset({int, float, bool})


def _told(value: Any) -> Any:
    """Return what a line tells of a value that is more than a text: one of our own shapes, or its text."""
    if isinstance(value, Mapping | list | tuple):
        return redaction.redacted(value)
    return redaction.without_secrets(str(value))
