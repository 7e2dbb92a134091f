"""Decisions about alerts and incidents at Opsgenie: what a webhook and a row of the API tell. No database here.

An alert is created once, and once closed it stays so: both are named by the alert alone, whoever tells of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.errors import BadRecord
from connectors.moments import moment
from connectors.reading import Part, bounded_id
from connectors.sources.alert_words import place_of, severity_in, tags_of
from events.choices import Severity, Source
from events.drafts import LIMITS, EventDraft

ACTION, ALERT, INCIDENT = "action", "alert", "incident"
# Action -> event type and the word in its title. Of others the type is the action's own name.
_KNOWN = {
    "create": ("alert_firing", ""),
    "close": ("alert_resolved", "closed"),
    "acknowledge": ("alert_acknowledged", "acknowledged"),
    "unacknowledge": ("alert_unacknowledged", "unacknowledged"),
    "delete": ("alert_deleted", "deleted"),
}
_ONCE = frozenset({"create", "close", "acknowledge", "delete"})
_BAD = frozenset({"create", "unacknowledge", "escalate", "escalatenext", "updatepriority"})


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes drafts, with what an alert that does not say belongs to and where its page is."""

    service: str = ""
    environment: str = ""
    site: str = ""

    def told(self, kind: str, value: Any) -> Iterator[EventDraft]:
        """Yield the events in ``value``.

        Raises:
            BadRecord: it cannot be understood.
        """
        body = Part(value)
        if not isinstance(value, dict):
            raise BadRecord("This is not an object.")
        if kind == ACTION:
            yield self._action(body)
        elif kind == ALERT:
            yield from self._alert(body)
        else:
            yield from self._incident(body)

    def _action(self, body: Part) -> EventDraft:
        alert, action = body["alert"], body.id("action")
        created = action.lower() == "create"
        at = _when(alert, "createdAt" if created else "updatedAt", "createdAt")
        who = alert.text("username") or alert.text("userId")
        said = alert.text("note") or alert.text("escalationName")
        return self._draft(body, alert, alert.id("alertId"), action, at, who=who, said=said)

    def _alert(self, row: Part) -> Iterator[EventDraft]:
        """Yield what a row says has happened so far, at the times its report gives."""
        name, created, updated = row.id("id"), _when(row, "createdAt"), _when(row, "updatedAt", "createdAt")
        report = row["report"]
        yield self._draft(row, row, name, "Create", created)
        if row.flag("acknowledged"):
            at = _after(created, report, "ackTime") or updated
            yield self._draft(row, row, name, "Acknowledge", at, who=report.text("acknowledgedBy"))
        if row.text("status") == "closed":
            at = _after(created, report, "closeTime") or updated
            yield self._draft(row, row, name, "Close", at, who=report.text("closedBy"))

    def _draft(
        self, told: Part, alert: Part, name: str, action: str, at: datetime, *, who: str = "", said: str = ""
    ) -> EventDraft:
        done = action.lower()
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", action).lower()
        event_type, word = _KNOWN.get(done, (f"alert_{re.sub('[^a-z]+', '_', words)}", words))
        details, title = alert.mapping("details"), alert.text("message") or f"Alert {name}"
        place = place_of(details, service=self.service, environment=self.environment)
        priority = alert.text("priority", 20)
        return EventDraft(
            source=Source.ALERTS,
            source_id=bounded_id(f"alerts/{name}/{done}" + ("" if done in _ONCE else f"/{int(at.timestamp())}")),
            timestamp=at,
            event_type=event_type[: LIMITS["event_type"]],
            severity=(severity_in(priority) or Severity.MEDIUM) if done in _BAD else Severity.INFO,
            title=title + (f" {word}" if word else "") + (f": {said}" if said else ""),
            service=place.service,
            component=place.component or alert.text("entity", 200),
            environment=place.environment,
            url=f"{self.site.rstrip('/')}/alert/detail/{name}/details" if self.site else "",
            tags=tags_of(alert.texts("tags")),
            message=alert.text("description"),
            data={
                "alert": name,
                "number": alert.text("tinyId", 20),
                "alias": alert.text("alias"),
                "action": action,
                "priority": priority,
                "by": who,
                "said": said,
                "details": details,
                "source": alert.text("source", 200),
                "teams": alert.texts("teams", 20),
                "integration": told.text("integrationName") or alert["integration"].text("name"),
            },
            raw_data=told.value,
        )

    def _incident(self, row: Part) -> Iterator[EventDraft]:
        """Yield that an incident began and, where it did, that it ended."""
        status, began = row.text("status", 20), _when(row, "impactStartDate", "createdAt")
        yield self._incident_draft(row, "incident_triggered", began, row.text("message"))
        if status in {"resolved", "closed"}:
            ended = _when(row, "impactEndDate", "updatedAt")
            yield self._incident_draft(row, "incident_resolved", ended, f"{row.text('message')} resolved")

    def _incident_draft(self, row: Part, event_type: str, at: datetime, title: str) -> EventDraft:
        name, priority, over = row.id("id"), row.text("priority", 20), event_type == "incident_resolved"
        place = place_of(row.mapping("extraProperties"), service=self.service, environment=self.environment)
        return EventDraft(
            source=Source.ALERTS,
            source_id=bounded_id(f"incidents/{name}/{'resolved' if over else 'triggered'}"),
            timestamp=at,
            event_type=event_type,
            severity=Severity.INFO if over else severity_in(priority) or Severity.MEDIUM,
            title=title.strip() or f"Incident {name}",
            service=place.service,
            component=place.component,
            environment=place.environment,
            url=row["links"].link("web"),
            tags=tags_of(row.texts("tags")),
            message=row.text("description"),
            data={
                "incident": name,
                "number": row.text("tinyId", 20),
                "status": row.text("status", 20),
                "priority": priority,
                "impacted_services": row.texts("impactedServices", 50),
                "began_at": row.text("impactStartDate", 40),
                "ended_at": row.text("impactEndDate", 40),
            },
            raw_data=row.value,
        )


def _when(part: Part, *names: str) -> datetime:
    """Return the first time among ``names``: ISO 8601, or a Unix time in whichever unit (both are sent).

    Raises:
        BadRecord: none is a time.
    """
    for name in names:
        if at := moment(part[name].value):
            return at
    return part.time(*names)


def _after(created: datetime, report: Part, name: str) -> datetime | None:
    milliseconds = report.number(name)
    if milliseconds is None or not 0 <= milliseconds < 10**12:
        return None
    return created + timedelta(milliseconds=milliseconds)
