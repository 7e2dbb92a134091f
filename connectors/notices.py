"""Deeds: tell the timeline and people that we are blind: a source that is not heard says nothing."""

from datetime import datetime, timedelta

from django.urls import reverse

from accounts.models import Role, User
from accounts.notifications.choices import Topic
from accounts.notifications.services import MOST_PEOPLE, notify
from connectors.models import Connector
from events.choices import OriginKind, Severity, Source
from events.drafts import EventDraft
from events.services import origin_named, store

ORIGIN = "connectors"


def failed(*, connector: Connector, reason: str, now: datetime) -> None:
    """Tell once, at the first failure that stops it, that ``connector`` is not read any more, and why."""
    told = Connector.objects.filter(pk=connector.pk, blind_since=None).update(blind_since=now)
    if told:
        _tell(connector, "connector_failed", f"{connector.name} is not read any more: {reason}", now, Severity.HIGH)


def silent(*, connector: Connector, since: datetime, now: datetime) -> None:
    """Tell once that nothing was heard from ``connector`` for longer than its owner expects."""
    told = Connector.objects.filter(pk=connector.pk, blind_since=None).update(blind_since=now)
    if told:
        title = f"{connector.name} has said nothing since {since:%Y-%m-%d %H:%M} UTC"
        _tell(connector, "connector_silent", title, now, Severity.MEDIUM)


def recovered(*, connector: Connector, now: datetime) -> None:
    """Tell that ``connector`` is heard again, if it was told that it was not."""
    if connector.blind_since is None:
        return
    told = Connector.objects.filter(pk=connector.pk, blind_since=connector.blind_since).update(blind_since=None)
    if told:
        minutes = (now - connector.blind_since).total_seconds() / 60
        title = f"{connector.name} is heard again after {minutes:.0f} minutes"
        _tell(connector, "connector_recovered", title, now, Severity.INFO)


def look_for_silence(now: datetime) -> None:
    """Tell of every connector that was heard last longer ago than its owner expects."""
    for connector in Connector.objects.running().filter(silence_after__gt=0, blind_since=None):
        heard = connector.last_heard_at or connector.created_at
        if now - heard > timedelta(seconds=connector.silence_after):
            silent(connector=connector, since=heard, now=now)


def _tell(connector: Connector, event_type: str, title: str, now: datetime, severity: Severity) -> None:
    service = connector.config.get("service", "")
    draft = EventDraft(
        source=Source.ALERTS,
        source_id=f"{connector.pk}/{event_type}/{now.isoformat()}",
        timestamp=now,
        event_type=event_type,
        title=title,
        severity=severity,
        component=f"connector {connector.name}",
        service=service if isinstance(service, str) else "",
        data={"connector": connector.name, "kind": connector.kind},
    )
    store(drafts=[draft], origin=origin_named(ORIGIN, OriginKind.API), now=now)
    notify(
        topic=Topic.SOURCES,
        people=User.objects.filter(is_active=True, role__in=[Role.ENGINEER, Role.ADMIN])[:MOST_PEOPLE],
        title=title,
        path=reverse("connectors"),
        key=draft.source_id,
        now=now,
    )
