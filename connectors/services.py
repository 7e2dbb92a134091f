"""Deeds about connectors: connect, configure, switch, take a delivery in."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction

from accounts import audit
from accounts.models import User
from connectors.base import Push
from connectors.errors import Misconfigured
from connectors.models import Connector, Delivery
from connectors.pipeline import open_source
from connectors.registry import is_pulled, source_kind
from events.choices import OriginKind
from events.services import origin_named
from rcaplatform.kit.doorbell import ring, ring_once
from rcaplatform.kit.errors import Conflict
from rcaplatform.kit.sealing import seal, unseal

log = structlog.get_logger(__name__)
POLL_TASK, DIGEST_TASK = "connectors.poll", "connectors.digest"
ATTEMPTS = 5
LOCK_PATIENCE = "5s"
_FRESH = timedelta(seconds=10)
_KEPT_HEADERS = ("content-type", "user-agent")


@transaction.atomic
def connect(
    *, name: str, kind: str, values: Mapping[str, Any], actor: User | None, now: datetime, interval: int = 60
) -> Connector:
    """Make a connector; one that is polled is due at once.

    Raises:
        Misconfigured: the kind is unknown or a setting wrong; ``fields`` names it.
        Conflict: the name is taken.
    """
    config, hidden = checked(kind=kind, connector=None, values=values)
    if Connector.objects.filter(name=name).exists():
        raise Conflict(f"There is a connector called {name} already.", fields={"name": "Taken."})
    connector = Connector(
        name=name,
        kind=kind,
        origin=origin_named(name, OriginKind.CONNECTOR),
        config=config,
        secrets=seal(hidden),
        interval=interval,
        next_poll_at=now if is_pulled(kind) else None,
    )
    connector.full_clean()
    connector.save(force_insert=True)
    audit.record(actor=actor, verb="connect", target=connector, change={"kind": [None, kind]})
    return connector


@transaction.atomic
def switch(*, connector: Connector, enabled: bool, actor: User, now: datetime) -> None:
    """Turn a connector off at once, or on again and due."""
    due = now if enabled and is_pulled(connector.kind) else None
    Connector.objects.filter(pk=connector.pk).update(enabled=enabled, next_poll_at=due)
    audit.record(actor=actor, verb="enable" if enabled else "disable", target=connector)


@transaction.atomic
def configure(
    *, connector: Connector, interval: int, values: Mapping[str, Any], actor: User, now: datetime
) -> Connector:
    """Change how often a connector is polled, and some of its settings; the others stay. It is due at once.

    Raises:
        Misconfigured: a setting is wrong; ``fields`` names it.
        Unavailable: the secrets that stay cannot be unsealed.
    """
    present: Connector = Connector.objects.select_for_update().get(pk=connector.pk)
    secrets = source_kind(present.kind).Config.secret_names() & values.keys()
    change: dict[str, Any] = {name: ["", "replaced"] for name in secrets}
    if interval != present.interval:
        change["interval"] = [present.interval, interval]
    config, hidden = checked(kind=present.kind, connector=present, values=values)
    change |= {name: [present.config.get(name), new] for name, new in config.items() if present.config.get(name) != new}
    present.config = config
    if secrets:
        present.secrets = seal(hidden)
    if present.enabled and is_pulled(present.kind):
        present.next_poll_at = now
    present.interval = interval
    present.save(update_fields=["interval", "config", "secrets", "next_poll_at"])
    audit.record(actor=actor, verb="configure", target=present, change=change)
    return present


def checked(
    *, kind: str, connector: Connector | None, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings of a connector with ``values`` in their place, apart from its secrets.

    Where every secret is new, none need be unsealed.

    Args:
        connector: the one to change; none when it is to be made.

    Raises:
        Misconfigured: the kind is unknown or a setting wrong; ``fields`` names it.
        Unavailable: the secrets that stay cannot be unsealed.
    """
    config = source_kind(kind).Config
    hidden = config.secret_names()
    kept = dict(connector.config) if connector else {}
    if connector and not hidden <= values.keys():
        kept |= unseal(connector.secrets)
    every = {**kept, **values}
    config.read(every)
    shown = {name: value for name, value in every.items() if name not in hidden}
    return shown, {name: value for name, value in every.items() if name in hidden}


@transaction.atomic
def poll_soon(*, connector: Connector, actor: User, now: datetime) -> None:
    """Make a connector due at once and wake a worker, without waiting for its interval or backoff.

    Raises:
        Misconfigured: its kind is not polled.
        Conflict: it is switched off.
    """
    if not is_pulled(connector.kind):
        raise Misconfigured(f"{connector.name} is not polled: its source calls /hooks/{connector.name}.")
    if not Connector.objects.filter(pk=connector.pk, enabled=True).update(next_poll_at=now):
        raise Conflict(f"{connector.name} is switched off.")
    audit.record(actor=actor, verb="poll", target=connector)
    ring(POLL_TASK, str(connector.pk))


def receive(*, connector: Connector, headers: Mapping[str, str], body: bytes, now: datetime) -> tuple[Delivery, bool]:
    """Keep a genuine delivery as it came and wake a worker; understanding it comes later.

    Returns:
        The delivery, and whether it is new; a delivery sent again is the one kept before.

    Raises:
        Forged: its signature does not match; nothing is kept.
        Invalid: it does not say what it is.
        Misconfigured, Unavailable: the connector cannot be opened.
        OperationalError: the database did not take it in time.
    """
    source = open_source(connector, now)
    if not isinstance(source, Push):
        raise Misconfigured(f"{connector.name} is polled; it takes no deliveries.")
    envelope = source.verify(headers, body)
    with transaction.atomic():
        with connection.cursor() as cursor:  # senders hang up after ten seconds: better to tell them what happened
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_PATIENCE])
        delivery, new = Delivery.objects.defer("body").get_or_create(
            connector=connector,
            key=envelope.key,
            defaults={
                "event": envelope.event,
                "headers": _kept(headers, source.keeps),
                "body": body,
                "received_at": now,
                "next_attempt_at": now,
            },
        )
        if new:
            ring_once(DIGEST_TASK)
    return delivery, new


def _kept(headers: Mapping[str, str], keeps: tuple[str, ...]) -> dict[str, str]:
    """Return the headers worth keeping with a delivery; never what signs it or lets its sender in."""
    beginnings = tuple(name for name in keeps if name.endswith("-"))
    kept = {*_KEPT_HEADERS, *keeps}
    return {name: value for name, value in headers.items() if name in kept or name.startswith(beginnings)}
