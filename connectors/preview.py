"""Decision: what a connector with these settings would make of a sample delivery, before it is made. No database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.base import Call, Push, Record
from connectors.errors import Misconfigured
from connectors.registry import source_kind
from events.drafts import EventDraft
from rcaplatform.kit.errors import DomainError

UNKNOWN = "a-secret-that-is-not-entered-yet"
MOST = 100


@dataclass(frozen=True, slots=True)
class Preview:
    """What became of a sample.

    Attributes:
        drafts: the events it holds.
        problems: what is wrong, by setting or by field of the sample; ``sample`` where it is no single field.
        doubts: settings that have no effect on this sample.
        ignored: how many parts hold no event.
        parts: how many parts there are, of which the first 100 are shown.
    """

    drafts: list[EventDraft] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)
    ignored: int = 0
    parts: int = 0


def preview(
    kind: str,
    values: Mapping[str, Any],
    sample: bytes | Any,
    *,
    now: datetime,
    event: str = "sample",
    headers: Mapping[str, str] | None = None,
) -> Preview:
    """Return what a connector of ``kind`` with these settings would make of ``sample``. Nothing is verified or kept.

    Args:
        values: its settings; the secret of its deliveries, and whatever other one is required, may be missing.
        sample: the body of a delivery, or its parsed JSON.
        event: what the sender calls it, for those that say so in a header (GitHub: ``push``).
        headers: those of the delivery, where they say something of it.

    Raises:
        Misconfigured: there is no such kind, or it takes no deliveries.
    """
    source_class = source_kind(kind)
    if not issubclass(source_class, Push):
        raise Misconfigured(f"{source_class.label} takes no deliveries.", fields={"kind": "Takes no deliveries."})
    required = {setting.name for setting in source_class.Config.settings() if setting.secret and setting.required}
    carried = {source_class.pushed_with} - {""}
    unknown = dict.fromkeys((required | carried) - values.keys(), UNKNOWN)
    try:
        source = source_class(source_class.Config.read({**unknown, **values}), workspace=Path(), now=now)
        lowered = {name.lower(): value for name, value in (headers or {}).items()}
        body = sample if isinstance(sample, bytes) else orjson.dumps(sample)
        records = [
            Record.of(f"sample#{place}", name, part)
            for place, (name, part) in enumerate(source.unpack(Call(event, lowered, body, now)))
        ]
    except Exception as problem:
        return Preview(problems=_problems(problem))
    return _decoded(source, records)


def _decoded(source: Push[Any], records: list[Record]) -> Preview:
    shown = Preview(parts=len(records))
    ignored = 0
    for place, record in enumerate(records[:MOST]):
        try:
            drafts = list(source.decode(record))
        except Exception as problem:
            prefix = f"[{place}]." if len(records) > 1 else ""
            shown.problems.update({prefix + name: said for name, said in _problems(problem).items()})
            continue
        ignored += not drafts
        shown.drafts.extend(drafts)
        shown.doubts.update(source.doubts(record))
    return Preview(shown.drafts, shown.problems, shown.doubts, ignored, len(records))


def _problems(problem: Exception) -> dict[str, str]:
    """Return what is wrong by field. Whatever a decoder raises, a worker would make a dead letter of it."""
    if isinstance(problem, DomainError):
        return dict(problem.fields) or {"sample": problem.message}
    return {"sample": f"{type(problem).__name__}: {problem}"}
