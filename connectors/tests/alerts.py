"""How tests make a source of alerts, call it and poll it."""

from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import orjson

from connectors.base import Call, Cursor, Page, Push, Record, Source
from connectors.http import OverHTTP
from connectors.tests.factories import NOW
from events.drafts import EventDraft

Kind = TypeVar("Kind", bound=Source[Any])
KEY = "s3cret"
BEARER = {"authorization": f"Bearer {KEY}"}
BASIC = {"authorization": "Basic " + b64encode(f"rca:{KEY}".encode()).decode()}


def made(kind: type[Kind], *, at: Any = NOW, **config: Any) -> Kind:
    """Return a source at a time, with a secret of its own when it needs one."""
    return kind(kind.Config.read({"secret": KEY, **config}), workspace=Path("unused"), now=at)


def pushed(source: Push[Any], payload: Any) -> list[EventDraft]:
    """Return what a delivery tells."""
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    parts = source.unpack(Call("notification", {}, body))
    records = [Record.of(f"one#{place}", kind, part) for place, (kind, part) in enumerate(parts)]
    return decoded(source, records)


def decoded(source: Source[Any], records: Iterable[Record]) -> list[EventDraft]:
    """Return the events in records."""
    return [draft for record in records for draft in source.decode(record)]


def polled(source: OverHTTP[Any], cursor: Cursor | None = None) -> list[Page]:
    """Return the pages a poll reads, and let go of the connection."""
    try:
        return list(source.read(cursor or {}))
    finally:
        source.http._client.close()


def told_by(source: OverHTTP[Any], cursor: Cursor | None = None) -> list[EventDraft]:
    """Return the events a poll reads."""
    return [draft for page in polled(source, cursor) for draft in decoded(source, page.records)]
