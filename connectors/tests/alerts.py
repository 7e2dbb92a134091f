"""How tests make a source of alerts, call it and poll it."""

import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import orjson
from django.utils import timezone

from connectors.base import Call, Cursor, Page, Push, Record, Source
from connectors.digestion import digest_pending
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


def until(told: Callable[[], Any]) -> Any:
    """Return what ``told`` returns once it is something, digesting meanwhile."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        digest_pending(now=timezone.now())
        if found := told():
            return found
        time.sleep(0.1)
    raise AssertionError("Nothing came in 30 seconds.")
