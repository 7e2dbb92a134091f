"""Deeds and questions about surveys: which investigations sources should be asked about, and what they answered."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from math import isfinite
from typing import Any

from django.db import transaction

from events.drafts import storable
from investigations.models import Investigation, Survey
from investigations.suspects.scene import Call, Series
from rcaplatform.kit.ids import uuid7

# Asked is about investigations that were opened lately of something that happened lately: sources forget.
OPENED, DETECTED = timedelta(hours=1), timedelta(days=7)
MOST_SERIES, MOST_SAMPLES, MOST_SPANS, MOST_ATTRIBUTES = 300, 1_000, 5_000, 10
LONGEST = 200  # characters of what a span says
_CALL = ("trace_id", "span_id", "parent_id", "service", "name", "start", "milliseconds", "failed", "error", "instance")


@dataclass(slots=True)
class Answer:
    """What one source said, in words, and what it told."""

    source: str
    said: str = ""
    failed: bool = False
    told: list[Series | Call] = field(default_factory=list)


def owed(now: datetime, most: int = 20) -> list[Investigation]:
    """Return the investigations that no source was asked about yet, oldest first. Imported ones bring their own."""
    recent = Investigation.objects.active().filter(created_at__gte=now - OPENED, detected_at__gte=now - DETECTED)
    asked = recent.filter(surveys=None).exclude(metadata__has_key="bundle")
    return list(asked.order_by("id")[:most])


@transaction.atomic
def keep(*, investigation: Investigation, answers: Iterable[Answer], now: datetime) -> None:
    """Keep what sources answered; what one answered before stands."""
    rows = [
        Survey(
            id=uuid7(),
            investigation=investigation,
            source=one.source[:100],
            asked_at=now,
            failed=one.failed,
            said=storable(one.said[:500]),
            series=list(islice((_series(told) for told in one.told if isinstance(told, Series)), MOST_SERIES)),
            spans=list(
                islice(
                    (_span(told) for told in one.told if isinstance(told, Call) and isfinite(told.start)), MOST_SPANS
                )
            ),
        )
        for one in answers
    ]
    Survey.objects.bulk_create(rows, ignore_conflicts=True)


def _series(one: Series) -> dict[str, Any]:
    pairs = zip(one.times[-MOST_SAMPLES:].tolist(), one.values[-MOST_SAMPLES:].tolist(), strict=True)
    names = {name: _text(getattr(one, name)) for name in ("service", "metric", "instance", "version")}
    return {**names, "samples": [list(pair) for pair in pairs if all(map(isfinite, pair))]}


def _span(one: Call) -> dict[str, Any]:
    told = {name: _text(value) if isinstance(value := getattr(one, name), str) else value for name in _CALL}
    attributes = {_text(name): _text(value) for name, value in islice(one.attributes.items(), MOST_ATTRIBUTES)}
    return {**told, "attributes": attributes}


def _text(text: str) -> str:
    return storable(text[:LONGEST])
