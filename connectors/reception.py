"""Deeds: take a delivery in, as it came; understanding it comes later."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from connectors.base import Envelope, Push
from connectors.errors import Misconfigured
from connectors.models import Connector, Delivery
from connectors.pipeline import open_source
from connectors.registry import is_pushed
from rcaplatform.kit.doorbell import ring_once
from rcaplatform.kit.errors import DomainError, Unavailable
from rcaplatform.kit.ids import uuid7

DIGEST_TASK = "connectors.digest"
LOCK_PATIENCE = "5s"
MOST_REMEMBERED = 1_000
_KEPT_HEADERS = ("content-type", "user-agent")
# Connectors as they were when each took its last delivery, by name. Whether they still are so is asked as one is kept.
_remembered: dict[str, Connector] = {}


def receive_again(
    *, name: str, path: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> tuple[UUID, bool] | None:
    """Do as `receive` does, in one statement, for a connector that took a delivery before and is the same still.

    Returns:
        What `receive` does; None when nothing was kept, and the connector must be looked at anew to say why.
    """
    connector = _remembered.get(name)
    if connector and is_pushed(connector.kind, path):
        with suppress(DomainError):
            return receive(connector=connector, headers=headers, body=body, now=now)
    return None


def receive(*, connector: Connector, headers: Mapping[str, str], body: bytes, now: datetime) -> tuple[UUID, bool]:
    """Keep a genuine delivery as it came and wake a worker; understanding it comes later.

    Returns:
        The id of the delivery, and whether it is new; a delivery sent again is the one kept before.

    Raises:
        Forged: its signature does not match; nothing is kept.
        Invalid: it does not say what it is.
        Misconfigured, Unavailable: the connector cannot be opened, or was switched off or changed meanwhile.
        OperationalError: the database did not take it in time.
    """
    source = open_source(connector, now)
    if not isinstance(source, Push) or not source.is_pushed():
        raise Misconfigured(f"{connector.name} is polled; it takes no deliveries.")
    envelope = source.verify(headers, body)
    key, new = _insert(connector, envelope, _kept(headers, source.keeps), body, now)
    _remember(connector)
    if new:
        ring_once(DIGEST_TASK)
    return key, new


def _remember(connector: Connector) -> None:
    if len(_remembered) >= MOST_REMEMBERED:
        _remembered.clear()
    _remembered[connector.name] = connector


# One round trip, which is one transaction. Senders hang up after ten seconds: better to tell them what happened.
# It is kept only if the connector that vouched for it is on, and has the settings and the secrets that vouched.
_INSERT = """
SELECT set_config('lock_timeout', %(patience)s, true);
WITH present AS (
    SELECT id FROM connectors_connector
    WHERE id = %(connector)s AND name = %(name)s AND kind = %(kind)s AND enabled
        AND config = %(config)s::jsonb AND secrets = %(secrets)s AND NOT EXISTS
            (SELECT FROM accounts_switch WHERE feature IN ('connectors', 'webhooks'))
), kept AS (
    INSERT INTO connectors_delivery
        (id, connector_id, key, event, headers, body, state, received_at, attempts, next_attempt_at, stored, duplicates)
    SELECT %(id)s, id, %(key)s, %(event)s, %(headers)s, %(body)s, 'pending', %(now)s, 0, %(now)s, 0, 0 FROM present
    ON CONFLICT (connector_id, key) DO NOTHING
    RETURNING id
)
SELECT EXISTS (SELECT FROM present), EXISTS (SELECT FROM kept), (
    SELECT id FROM connectors_delivery WHERE connector_id = %(connector)s AND key = %(key)s
)
"""


def _insert(
    connector: Connector, envelope: Envelope, headers: dict[str, str], body: bytes, now: datetime
) -> tuple[UUID, bool]:
    key = uuid7()
    values: dict[str, Any] = {
        "patience": LOCK_PATIENCE,
        "id": key,
        "connector": connector.pk,
        "name": connector.name,
        "kind": connector.kind,
        "config": orjson.dumps(connector.config).decode(),
        "secrets": bytes(connector.secrets),
        "key": envelope.key,
        "event": envelope.event,
        "headers": orjson.dumps(headers).decode(),
        "body": body,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        cursor.nextset()
        present, new, known = cursor.fetchone()
    if not present:
        raise Unavailable(f"{connector.name} was switched off or changed at this moment.")
    if new:
        return key, True
    # One that came at the same moment is not seen by the statement that it stood in the way of.
    return known or Delivery.objects.values_list("pk", flat=True).get(connector=connector, key=envelope.key), False


def _kept(headers: Mapping[str, str], keeps: tuple[str, ...]) -> dict[str, str]:
    """Return the headers worth keeping with a delivery; never what signs it or lets its sender in."""
    beginnings = tuple(name for name in keeps if name.endswith("-"))
    kept = {*_KEPT_HEADERS, *keeps}
    return {name: value for name, value in headers.items() if name in kept or name.startswith(beginnings)}
