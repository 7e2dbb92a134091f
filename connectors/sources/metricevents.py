"""Decision: what a finding about metrics is as an event. No database here."""

from typing import Any

from connectors.anomaly.judgement import short
from connectors.errors import BadRecord
from connectors.reading import Part, bounded_id, fit
from events.choices import Severity, Source
from events.drafts import EventDraft

_NAMED = 5


def draft_of(reference: str, value: Any) -> EventDraft:
    """Return the event of one or more findings of one service; the first of them names it.

    Raises:
        BadRecord: it does not say when or of what.
    """
    findings = Part(value).each("findings")
    if not findings:
        raise BadRecord("findings is empty.", fields={"findings": "Empty."})
    first = findings[0]
    severity = first.text("severity")
    metric = first.id("metric")
    others = [one.text("shown") for one in findings[1:]]
    title = f"{first.text('shown') or metric}: {first.text('shape') or 'anomaly'}, {_measured(first)}"
    if others:
        title += f"; with {', '.join(others[:_NAMED])}" + (
            f" and {len(others) - _NAMED} more" if others[_NAMED:] else ""
        )
    return EventDraft(
        source=Source.METRICS,
        source_id=bounded_id(reference),
        timestamp=first.time("at"),
        event_type="metric_anomaly",
        title=title,
        severity=severity if severity in Severity.values else Severity.MEDIUM,
        data={"findings": [_kept(one) for one in findings]},
        service=fit("service", first.text("service")),
        component=fit("component", first.text("component")),
        environment=fit("environment", first.text("environment")),
        url=first.link("url"),
        message=" ".join(one.text("why") for one in findings),
    )


def _kept(finding: Part) -> dict[str, Any]:
    value: dict[str, Any] = finding.value if isinstance(finding.value, dict) else {}
    return {name: held for name, held in value.items() if name not in {"url", "service", "component", "environment"}}


def _measured(finding: Part) -> str:
    value, low, high = (finding.real(name) for name in ("value", "low", "high"))
    if value is None:
        return "no value"
    unit = f" {finding.text('unit', 20)}" if finding.text("unit") else ""
    known = low is not None and high is not None and not low == value == high  # a first sample is all there is
    usual = f" (usually {short(low)} to {short(high)})" if known and low is not None and high is not None else ""
    return f"{short(value)}{unit}{usual}"
