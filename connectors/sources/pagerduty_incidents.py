"""Decisions about incidents at PagerDuty: what a webhook, a log entry and a row of the API tell. No database here.

An event is named by its incident, what happened and the second it did, which is all that the three have in common.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.errors import BadRecord
from connectors.reading import Part, bounded_id
from connectors.sources.alert_words import severity_in, tags_of
from events.choices import Severity, Source
from events.drafts import LIMITS, EventDraft

EVENT, ENTRY, INCIDENT = "event", "log_entry", "incident"
# What a log entry calls it -> what a webhook calls it. An entry that is not here (notify, snooze, ...) is no news.
_ENTRIES = {
    "trigger": "triggered",
    "acknowledge": "acknowledged",
    "unacknowledge": "unacknowledged",
    "resolve": "resolved",
    "assign": "reassigned",
    "delegate": "delegated",
    "escalate": "escalated",
    "reopen": "reopened",
    "annotate": "annotated",
    "priority_change": "priority_updated",
    "status_update": "status_update_published",
}
_BAD = frozenset({"triggered", "reopened", "escalated", "unacknowledged", "priority_updated"})
_NUMBER = re.compile(r"^\[#\d+\] ")


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes drafts, with what an incident that does not say belongs to."""

    service: str = ""
    environment: str = ""

    def told(self, kind: str, value: Any) -> Iterator[EventDraft]:
        """Yield the events in ``value``.

        Raises:
            BadRecord: it cannot be understood.
        """
        body = Part(value)
        if not isinstance(value, dict):
            raise BadRecord("This is not an object.")
        if kind == EVENT:
            yield from self._event(body["event"])
        elif kind == ENTRY:
            yield from self._entry(body)
        else:
            yield self._draft(body, body, "triggered", body.time("created_at"))
            if body.text("status") == "resolved":
                yield self._draft(body, body, "resolved", body.time("resolved_at", "last_status_change_at"))

    def _event(self, event: Part) -> Iterator[EventDraft]:
        family, _, happened = event.text("event_type").partition(".")
        if family != "incident" or not happened:
            return
        at, data = event.time("occurred_at"), event["data"]
        incident = data if data.text("type") in {"incident", ""} else data["incident"]
        said = data.text("content") or data.text("message") or data["user"].text("summary")
        who = event["agent"].text("summary")
        yield self._draft(event, incident, happened, at, who=who, said="" if incident is data else said)

    def _entry(self, entry: Part) -> Iterator[EventDraft]:
        happened = _ENTRIES.get(entry.text("type").removesuffix("_reference").removesuffix("_log_entry"))
        if happened is None:
            return
        said = entry["channel"].text("content") or entry["channel"].text("notes") if happened == "annotated" else ""
        who = entry["agent"].text("summary")
        yield self._draft(entry, entry["incident"], happened, entry.time("created_at"), who=who, said=said)

    def _draft(
        self, told: Part, incident: Part, happened: str, at: datetime, *, who: str = "", said: str = ""
    ) -> EventDraft:
        name = incident.id("id")
        title = incident.text("title") or _NUMBER.sub("", incident.text("summary")) or f"Incident {name}"
        service = next((part.text("summary") or part.text("name") for part in (incident["service"], told["service"])
                        if isinstance(part.value, dict)), "")  # fmt: skip
        priority, urgency = incident["priority"].text("summary", 50), incident.text("urgency", 20)
        word = re.sub(r"[._]+", " ", happened)
        return EventDraft(
            source=Source.ALERTS,
            source_id=bounded_id(f"incidents/{name}/{happened}/{int(at.timestamp())}"),
            timestamp=at,
            event_type=f"incident_{re.sub(r'[^a-z]+', '_', happened.lower())}"[: LIMITS["event_type"]],
            severity=_severity(happened, priority, urgency),
            title=(title if happened == "triggered" else f"{title} {word}") + (f": {said}" if said else ""),
            service=(service or self.service)[: LIMITS["service"]],
            environment=self.environment,
            url=incident.link("html_url") or told.link("html_url"),
            tags=tags_of([priority, *(team.text("summary") for team in incident.each("teams"))]),
            message=said or incident.text("description"),
            data={
                "incident": name,
                "number": incident.number("number") or incident.number("incident_number"),
                "status": incident.text("status", 50),
                "priority": priority,
                "urgency": urgency,
                "by": who,
                "said": said,
                "key": incident.text("incident_key"),
                "assignees": _names(incident),
                "policy": incident["escalation_policy"].text("summary"),
                "resolve_reason": incident["resolve_reason"].text("type", 50) or incident.text("resolve_reason"),
            },
            raw_data=told.value,
        )


def _names(incident: Part) -> list[str]:
    people = incident.each("assignees") or [each["assignee"] for each in incident.each("assignments")]
    return [name for person in people[:20] if (name := person.text("summary"))]


def _severity(happened: str, priority: str, urgency: str) -> Severity:
    """Return how bad it is: the priority decides, else the urgency; what people do about it is not bad."""
    if happened not in _BAD:
        return Severity.INFO
    return severity_in(priority) or {"high": Severity.HIGH, "low": Severity.LOW}.get(urgency, Severity.MEDIUM)
