"""What every corpus of recorded payloads is put to: golden drafts, and every field mutilated."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from connectors.errors import BadRecord
from events.drafts import EventDraft
from rcaplatform.kit.errors import Invalid
from tests.shared import ROOT

STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=2_000),
    st.sampled_from(["\x00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2019-05-15", "x" * 5_000, "://"]),
    st.lists(st.none(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=3),
)


class Dropped:
    """Stands for a field that is not there."""

    def __repr__(self) -> str:
        return "dropped"


DROPPED = Dropped()
# What each field of a payload is replaced with in turn.
EMPTIES: list[Any] = [DROPPED, None, "", [], {}, "x", -1]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each field and item."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield (*path, key)
        yield from places(child, (*path, key))


def mutilated(payload: Any, way: tuple[Any, ...], value: Any) -> Any:
    """Return ``payload`` with another ``value`` at the end of the ``way``, or without it."""
    changed = deepcopy(payload)
    holder = changed
    for key in way[:-1]:
        holder = holder[key]
    if value is DROPPED:
        del holder[way[-1]]
    else:
        holder[way[-1]] = value
    return changed


def escapes(payload: Any, value: Any, decode: Callable[[Any], Any]) -> list[tuple[Any, ...]]:
    """Return where ``value`` in place of a field makes ``decode`` raise what no decoder should."""
    escaped = []
    for way in places(payload):
        try:
            decode(mutilated(payload, way, value))
        except (BadRecord, Invalid):
            continue
        except Exception as problem:
            escaped.append((way, problem))
    return escaped


def told(drafts: Iterable[EventDraft]) -> list[list[Any]]:
    """Return what golden files keep of drafts."""
    return [
        [draft.event_type, draft.source, draft.severity, draft.service, draft.title, draft.source_id]
        for draft in drafts
    ]


def assert_golden(name: str, found: Mapping[str, Any]) -> None:
    """Compare ``found`` with ``tests/golden/NAME.json``.

    After an intended change, run the test once with RCA_WRITE_GOLDEN=1 and review the difference.
    """
    golden = ROOT / "tests" / "golden" / f"{name}.json"
    if os.environ.get("RCA_WRITE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    assert found == json.loads(golden.read_text())
