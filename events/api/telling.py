"""Doors: reading what API clients tell, one event or thousands, by the same rules and in the same words."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any

from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from events import services
from events.api.serializers import NewEventSerializer
from events.choices import OriginKind
from events.dedupe import replay_id
from events.drafts import LIMITS, EventDraft
from events.models import Event
from events.told import draft_of, plain
from rcaplatform.kit.errors import Invalid
from rcaplatform.kit.ids import uuid7_text
from rcaplatform.kit.rest import messages, refuse

LISTED = 100  # refused items told of; the rest is counted
AT_ONCE = 2_500  # events a transaction: what a worker holds in memory besides the body
MAX_KEY = 200
KEY = "Idempotency-Key"


class NothingStored(Invalid):
    """Every item of the call was refused: correct them."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        super().__init__(f"None of the {report['received']:,} items is an event; see report.")
        self.extra = {"report": report}


def tell(request: Request) -> tuple[Event, bool]:
    """Store the event that a body tells of; return it, and whether it is new."""
    by = _by(request)
    told: Any = request.data
    draft = read(told, source_id=namer(request)(0), now=by["now"])
    return services.create(draft=draft, **by)


def tell_many(request: Request) -> dict[str, Any]:
    """Store the events that the items of a body tell of, and report what became of each.

    The good ones are stored whatever the others are like, some thousands at a time: when the database goes away in
    the middle, the client repeats the call and nothing is stored twice.

    Raises:
        NothingStored: there is not one good item.
    """
    by, name = _by(request), namer(request)
    report: dict[str, Any] = {"received": 0, "stored": 0, "duplicates": 0, "refused": 0, "errors": []}
    items = iter(request.data)
    while chunk := list(islice(items, AT_ONCE)):
        stored = services.take(drafts=_good(chunk, name, by["now"], report), **by)
        report["received"] += len(chunk)
        report["stored"] += len(stored.fresh)
        report["duplicates"] += stored.duplicates
    if report["refused"] and report["refused"] == report["received"]:
        raise NothingStored(report)
    return report


def _good(chunk: Sequence[Any], name: Callable[[int], str], now: datetime, report: dict[str, Any]) -> list[EventDraft]:
    """Return the drafts of the good items, and enter the others in the report."""
    drafts = []
    for index, item in chunk:
        try:
            if isinstance(item, Exception):
                raise item
            drafts.append(read(item, source_id=name(index), now=now))
        except (APIException, Invalid) as problem:
            report["refused"] += 1
            if len(report["errors"]) < LISTED:
                known = item.get("source_id") if isinstance(item, dict) else None
                named = {"source_id": known[: LIMITS["source_id"]]} if isinstance(known, str) else {}
                report["errors"].append({"index": index, **named, "errors": messages(problem)})
    return drafts


def read(told: Mapping[str, Any], *, source_id: str, now: datetime) -> EventDraft:
    """Return the draft of one event.

    Raises:
        ValidationError: a field is wrong; names each.
    """
    draft = plain(told, source_id=source_id, now=now)
    return draft or draft_of(_rules().run_validation(told), source_id=source_id, now=now)


def _by(request: Request) -> dict[str, Any]:
    """Return who tells, as which origin, and when."""
    origin = services.origin_named(services.API_ORIGIN, OriginKind.API)
    return {"actor": request.user, "origin": origin, "now": timezone.now()}


def namer(request: Request) -> Callable[[int], str]:
    """Return what names the events that are told without an id, by their place in the body.

    Raises:
        ValidationError: the idempotency key is too long.
    """
    key = request.headers.get(KEY, "")
    if len(key) > MAX_KEY:
        refuse(KEY, f"At most {MAX_KEY} characters.")
    client = str(request.user.pk)
    return (lambda index: replay_id(client=client, key=key, index=index)) if key else lambda _: uuid7_text()


@cache
def _rules() -> NewEventSerializer:
    """Return one serializer for every item: it keeps nothing of what it reads, and is slow to make."""
    return NewEventSerializer()
