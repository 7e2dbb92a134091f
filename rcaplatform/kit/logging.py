"""Logs: structured, one JSON object a line, with the request they belong to."""

import logging
import sys

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger


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
