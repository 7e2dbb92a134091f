"""Decisions about the envelope Alertmanager and Grafana send: alerts in groups, and what is firing now. No database."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from connectors.base import Call, Cursor, Gap, Page, Record, parsed
from connectors.errors import BadRecord
from connectors.reading import Part, bounded_id
from connectors.sources.alert_words import RESOLVED, place_of, severity_of, tags_of, weigh
from events.choices import Severity, Source
from events.drafts import EventDraft

ALERT, TRUNCATED = "alert", "truncated"
MOST = 2_000
# Alertmanager forgets all alerts when it starts again, and Prometheus repeats them within a minute.
PATIENCE = timedelta(seconds=90)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGINNING = datetime(1971, 1, 1, tzinfo=UTC)
_KEPT = ("labels", "annotations", "startsAt", "generatorURL", "fingerprint")
_GROUP = (
    *("receiver", "status", "groupKey", "groupLabels", "commonLabels", "commonAnnotations", "externalURL"),
    *("truncatedAlerts", "notification_reason", "orgId", "title", "state"),
)


def unpack(call: Call) -> Iterator[tuple[str, Any]]:
    """Yield each alert with what its group shares; then, where the sender left alerts out, that it did.

    Raises:
        BadRecord: there are no alerts in it.
    """
    payload = parsed(call.body)
    alerts = payload.get("alerts") if isinstance(payload, dict) else None
    if not isinstance(alerts, list):
        raise BadRecord("alerts is not a list.", fields={"alerts": "Not a list."})
    group = {name: payload[name] for name in _GROUP if name in payload}
    for alert in alerts:
        yield ALERT, {"alert": alert, "group": group}
    if (Part(payload).number("truncatedAlerts") or 0) > 0:
        starts = [at for alert in alerts if (at := Part(alert).time_or_none("startsAt"))]
        yield TRUNCATED, {"group": group, "at": max(starts).isoformat() if starts else None}


def told_by_prometheus(alerts: list[Any], at: datetime) -> Iterator[tuple[str, Any]]:
    """Yield each alert as Prometheus itself sends it, in no group: it has ended when its end is past, as of ``at``."""
    for alert in alerts:
        ends = Part(alert).time_or_none("endsAt")
        status = RESOLVED if ends and _BEGINNING < ends <= at else "firing"
        yield ALERT, {"alert": {**alert, "status": status} if isinstance(alert, dict) else alert, "group": {}}


def decode(record: Record, *, service: str, environment: str) -> Iterable[EventDraft]:
    """Return the event in a part of a notification."""
    body = Part(record.value)
    if record.kind == TRUNCATED:
        return (_truncated(body, service),)
    return (_alert(body, service, environment),)


def _alert(body: Part, service: str, environment: str) -> EventDraft:
    alert, group = body["alert"], body["group"]
    labels = group.mapping("commonLabels") | alert.mapping("labels")
    notes = group.mapping("commonAnnotations") | alert.mapping("annotations")
    state = alert.text("status", 20) or group.text("status", 20)
    resolved = state == RESOLVED
    starts, severity = alert.time("startsAt"), severity_of(labels)
    ends = alert.time_or_none("endsAt")
    ends = ends if ends and ends > _BEGINNING else None  # open alerts end in the year 1
    place = place_of(labels, service=service, environment=environment)
    name = labels.get("alertname", "Alert without a name")
    said = next((notes[key] for key in ("summary", "title", "message", "description") if notes.get(key)), "")
    url = alert.link("generatorURL", "panelURL", "dashboardURL") or group.link("externalURL")
    return EventDraft(
        source=Source.ALERTS,
        source_id=bounded_id(
            f"{_fingerprint(alert, labels)}/{_milliseconds(starts)}/{RESOLVED if resolved else 'firing'}"
        ),
        timestamp=(ends or starts) if resolved else starts,
        event_type="alert_resolved" if resolved else "alert_firing",
        severity=weigh(state, severity),
        title=f"{name}{' resolved' if resolved else ''}" + (f": {said}" if said else ""),
        service=place.service,
        component=place.component,
        environment=place.environment,
        url=url,
        tags=tags_of([name, labels.get("team", "")]),
        message=notes.get("description", ""),
        data={
            "alert": name,
            "status": RESOLVED if resolved else "firing",
            "severity": severity or labels.get("severity", ""),
            "labels": labels,
            "annotations": notes,
            "started_at": starts.isoformat(),
            "ended_at": ends.isoformat() if resolved and ends else None,
            "runbook": notes.get("runbook_url") or notes.get("runbook", ""),
            "receiver": group.text("receiver", 200),
            "group": group.text("groupKey", 500),
            **_pictures(alert),
        },
        raw_data=body.value,
    )


def _pictures(alert: Part) -> dict[str, Any]:
    """Return what Grafana adds: the values that were measured, and where to look."""
    links = {"dashboard": "dashboardURL", "panel": "panelURL", "image": "imageURL", "silence": "silenceURL"}
    found: dict[str, Any] = {name: alert.link(key) for name, key in links.items()}
    found |= {"values": alert.mapping("values"), "value": alert.text("valueString", 500)}
    return {name: value for name, value in found.items() if value}


def _truncated(body: Part, service: str) -> EventDraft:
    group, at = body["group"], body.time("at")
    left_out, key = group.number("truncatedAlerts"), group.text("groupKey") or group.text("receiver")
    return EventDraft(
        source=Source.ALERTS,
        source_id=bounded_id(f"truncated/{_milliseconds(at)}/{left_out}/{key}"),
        timestamp=at,
        event_type="alerts_truncated",
        severity=Severity.LOW,
        title=f"A notification left out {left_out} alerts",
        service=place_of(group.mapping("commonLabels"), service=service).service,
        url=group.link("externalURL"),
        data={"left_out": left_out, "group": key, "receiver": group.text("receiver", 200)},
        raw_data=body.value,
    )


def _fingerprint(alert: Part, labels: dict[str, str]) -> str:
    """Return what names the alert; where a template left it out, as Prometheus makes it (FNV-1a of the labels).

    Raises:
        BadRecord: there are no labels to make it of.
    """
    if isinstance(alert["fingerprint"].value, str):
        return alert.id("fingerprint")
    if not labels:
        raise BadRecord("alert.labels is empty, and there is no fingerprint.", fields={"alert.labels": "Empty."})
    own = alert.mapping("labels", limit=1_000) or labels
    text = b"".join(part.encode(errors="replace") + b"\xff" for name in sorted(own) for part in (name, own[name]))
    return f"{reduce(lambda total, byte: (total ^ byte) * 1099511628211 % 2**64, text, 14695981039346656037):016x}"


def _milliseconds(at: datetime) -> int:
    """Return ``at`` as precisely as both the webhook and the API tell it."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def reconcile(alerts: Any, cursor: Cursor, *, now: datetime, url: str) -> Page:
    """Return what ``alerts``, all that a server knows now, tell that the last poll did not.

    The cursor keeps what was told as firing: {firing: {key: {alert, gone}}}. What a server stops telling of, and goes
    on not telling of, is resolved. Silenced and inhibited alerts are no news, as no webhook tells of them either.

    Raises:
        BadRecord: this is no list of alerts.
    """
    if not isinstance(alerts, list):
        raise BadRecord("The alerts are not a list.")
    before = cursor.get("firing", {})
    present = {f"{part.text('fingerprint', 200)}/{part.text('startsAt', 40)}": part for part in map(Part, alerts)}
    firing: dict[str, Any] = {}
    records: list[Record] = []
    for key, part in present.items():
        if key not in before:
            if part["status"].text("state") not in {"active", ""}:
                continue
            records.append(_seen(key, _kept(part), url, status="firing"))
        firing[key] = {"alert": _kept(part), "gone": ""}
    for key, known in before.items():
        if key in present:
            continue
        gone = known["gone"] or now.isoformat()
        if now - datetime.fromisoformat(gone) >= PATIENCE:
            records.append(_seen(key, known["alert"], url, status=RESOLVED, endsAt=gone))
        else:
            firing[key] = {**known, "gone": gone}
    gaps: tuple[Gap, ...] = ()
    if len(firing) > MOST:
        firing = dict(list(firing.items())[:MOST])
        gaps = (Gap(now, now, f"More than {MOST} alerts are firing; nobody tells when the others are resolved."),)
    return Page(records, {"firing": firing}, gaps=gaps)


def _kept(part: Part) -> Any:
    return {name: part[name].value for name in _KEPT if part[name].value is not None}


def _seen(key: str, alert: Any, url: str, **more: str) -> Record:
    return Record.of(f"{key}/{more['status']}", ALERT, {"alert": {**alert, **more}, "group": {"externalURL": url}})
