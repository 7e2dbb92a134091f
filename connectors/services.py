"""Deeds about connectors: connect, configure, switch, stop all at once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from accounts import audit
from accounts.models import Feature, User
from accounts.switching import switch_off, switch_on
from connectors import schedules
from connectors.base import Pull
from connectors.errors import Misconfigured
from connectors.models import Connector, Halt
from connectors.pipeline import open_source
from connectors.registry import is_pulled, source_kind
from connectors.schedules import POLL_TASK
from events.choices import OriginKind
from events.services import origin_named
from rcaplatform.kit.doorbell import ring
from rcaplatform.kit.errors import Conflict, DomainError
from rcaplatform.kit.sealing import seal, unseal

log = structlog.get_logger(__name__)


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
    )
    connector.next_poll_at = now if is_polled(connector, now) else None
    connector.full_clean()
    connector.save(force_insert=True)
    schedules.keep(connector)
    audit.record(actor=actor, verb="connect", target=connector, change={"kind": [None, kind]})
    return connector


@transaction.atomic
def switch(*, connector: Connector, enabled: bool, actor: User, now: datetime) -> None:
    """Turn a connector off at once, or on again and due."""
    due = now if enabled and is_polled(connector, now) else None
    connector.enabled, connector.next_poll_at = enabled, due
    connector.save(update_fields=["enabled", "next_poll_at"])
    schedules.keep(connector)
    if due:
        ring(POLL_TASK, str(connector.pk))
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
    present.interval = interval
    if present.enabled:
        present.next_poll_at = now if is_polled(present, now) else None
    present.save(update_fields=["interval", "config", "secrets", "next_poll_at"])
    schedules.keep(present)
    if present.enabled and present.next_poll_at:
        ring(POLL_TASK, str(present.pk))
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


def is_polled(connector: Connector, now: datetime) -> bool:
    """Tell whether ``connector`` is polled, as it is configured; one that cannot be opened is taken by its kind."""
    try:
        source = open_source(connector, now)
    except DomainError:
        return is_pulled(connector.kind)
    return isinstance(source, Pull) and source.is_polled()


@transaction.atomic
def halt(*, actor: User, now: datetime, reason: str = "") -> None:
    """Switch all connectors off at once: none is polled, no delivery is taken, until `resume`.

    Raises:
        Conflict: they are stopped already.
    """
    if not switch_off(feature=Feature.CONNECTORS, actor=actor, now=now, reason=reason):
        raise Conflict("All connectors are stopped already.")


@transaction.atomic
def resume(*, actor: User, now: datetime) -> None:
    """Let the connectors go on after `halt`; those that are on are due at once.

    Raises:
        Conflict: they are not stopped.
    """
    if not switch_on(feature=Feature.CONNECTORS, actor=actor):
        raise Conflict("The connectors are not stopped.")
    Halt.objects.all().delete()  # of before there were switches
    polled = Connector.objects.filter(enabled=True, next_poll_at__isnull=False)
    polled.update(next_poll_at=now)
    for pk in polled.values_list("pk", flat=True):
        ring(POLL_TASK, str(pk))


@transaction.atomic
def poll_soon(*, connector: Connector, actor: User, now: datetime) -> None:
    """Make a connector due at once and wake a worker, without waiting for its interval or backoff.

    Raises:
        Misconfigured: its kind is not polled.
        Conflict: it is switched off.
    """
    if not is_polled(connector, now):
        raise Misconfigured(f"{connector.name} is not polled: its source calls /hooks/{connector.name}.")
    if not Connector.objects.filter(pk=connector.pk, enabled=True).update(next_poll_at=now):
        raise Conflict(f"{connector.name} is switched off.")
    audit.record(actor=actor, verb="poll", target=connector)
    ring(POLL_TASK, str(connector.pk))
