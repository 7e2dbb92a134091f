"""Decisions about spans that are worth an event: what it is called, how bad it is, and what it keeps. No I/O."""

from collections.abc import Mapping
from typing import Any

from connectors.sources.otlp_values import moment, short
from connectors.sources.spans import ENTRANCES, MAX_DETAIL, STATUSES, Span
from events.choices import Severity, Source
from events.drafts import LIMITS, MAX_TAG, EventDraft


def draft(
    span: Span,
    *,
    slow: bool,
    below: Span | None = None,
    because: str = "",
    more: Mapping[str, Any] | None = None,
    url: str = "",
) -> EventDraft:
    """Return the event of a span that failed or was slow.

    Args:
        below: the child that failed, if one did.
        because: what made it slow, in words.
        more: what else its data keeps.
        url: its page at the vendor's.

    Raises:
        BadRecord: its time is impossible.
    """
    took = f"{span.what} took {seconds(span.milliseconds)}"
    return EventDraft(
        source=Source.TRACES,
        source_id=f"{span.trace_id}/{span.span_id}",
        content_addressed=True,
        timestamp=moment(span.start),
        title=_failure(span, below) if span.failed else f"{took}{because}",
        event_type="span_error" if span.failed else "slow_span",
        severity=_severity(span),
        service=span.service[: LIMITS["service"]],
        component=(short(span.attributes, LIMITS["component"], "code.namespace") or span.scope)[: LIMITS["component"]],
        environment=span.environment[: LIMITS["environment"]],
        url=url,
        tags=_tags(span, slow=slow),
        data=_data(span) | dict(more or {}),
    )


def seconds(milliseconds: float) -> str:
    """Return a duration as people say it."""
    return f"{milliseconds / 1_000:.1f} s" if milliseconds >= 1_000 else f"{milliseconds:.0f} ms"


def _failure(span: Span, below: Span | None) -> str:
    """Say why it failed; a span that only passes on what a span below it met names that one instead."""
    if below is not None and (not span.exception or _same(span.exception, below.exception)):
        return f"{span.what} failed after {below.what} failed"
    kind, said = span.exception.get("type", "").rpartition(".")[2], span.exception.get("message", "")
    detail = f"{kind}: {said}" if kind and said else kind or said or span.status
    lines = detail.strip()[:MAX_DETAIL].splitlines()
    answered = short(span.attributes, 10, *STATUSES)
    reason = lines[0] if lines else answered and f"HTTP {answered}"
    return f"{span.what} failed: {reason}" if reason else f"{span.what} failed"


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(part) == other.get(part) for part in ("type", "message"))


def _severity(span: Span) -> Severity:
    """Grade by place: at an entrance (server, consumer, start of a trace) somebody waits; below it may be met."""
    entrance = span.kind in ENTRANCES or not span.parent_id
    if span.failed:
        return Severity.HIGH if entrance else Severity.MEDIUM
    return Severity.MEDIUM if entrance else Severity.LOW


def _tags(span: Span, *, slow: bool) -> list[str]:
    told = [
        span.kind,
        "slow" if slow else "",
        short(span.attributes, MAX_TAG, "http.route"),
        short(span.attributes, MAX_TAG, *STATUSES),
        span.exception.get("type", ""),
    ]
    return [tag[:MAX_TAG] for tag in told if tag]


def _data(span: Span) -> dict[str, Any]:
    known = {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_id,
        "name": span.name,
        "kind": span.kind,
        "status": span.status,
        "exception": span.exception,
        "attributes": span.attributes,
        "resource": span.resource,
        "scope": span.scope,
        "links": span.links,
    }
    return {"duration_ms": round(span.milliseconds, 3)} | {name: value for name, value in known.items() if value}
