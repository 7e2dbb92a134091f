"""Every recorded delivery of GitHub is understood as before, and does no harm however it is mutilated."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import BadRecord
from connectors.tests.github import corpus, decode
from rcaplatform.kit.errors import Invalid
from tests.shared import ROOT

CORPUS = {f"{path.parent.name}/{path.name}": path for path in corpus()}
GOLDEN = ROOT / "tests" / "golden" / "github" / "webhooks-octokit.json"
EVENTS = {
    *("push", "create", "delete", "pull_request", "release", "issues"),
    *("workflow_run", "check_run", "status", "deployment", "deployment_status"),
}


def test_every_recorded_delivery_becomes_the_events_it_became_before() -> None:
    """After an intended change, run it once with RCA_WRITE_GOLDEN=1 and review the difference."""
    found = {
        name: [
            [draft.event_type, draft.source, draft.severity, draft.service, draft.title, draft.source_id]
            for draft in decode(path.parent.name, path.read_bytes())
        ]
        for name, path in CORPUS.items()
    }
    if os.environ.get("RCA_WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    assert found == json.loads(GOLDEN.read_text())


def test_every_event_that_is_decoded_has_a_delivery_in_the_corpus_that_becomes_an_event() -> None:
    golden = json.loads(GOLDEN.read_text())
    assert {name.partition("/")[0] for name, drafts in golden.items() if drafts} == EVENTS


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each field and item."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield (*path, key)
        yield from places(child, (*path, key))


PAYLOADS = [
    (path.parent.name, payload, list(places(payload)))
    for path in CORPUS.values()
    if path.parent.name in EVENTS
    for payload in [orjson.loads(path.read_bytes())]
]
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


def mutilated(payload: Any, way: tuple[Any, ...], value: Any) -> Any:
    changed = deepcopy(payload)
    holder = changed
    for key in way[:-1]:
        holder = holder[key]
    if value is DROPPED:
        del holder[way[-1]]
    else:
        holder[way[-1]] = value
    return changed


@settings(max_examples=1_500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_that_is_dropped_emptied_or_of_another_type_makes_a_dead_letter_at_most(data: st.DataObject) -> None:
    event, payload, ways = data.draw(st.sampled_from(PAYLOADS))
    way = data.draw(st.sampled_from(ways))
    body = orjson.dumps(mutilated(payload, way, data.draw(st.just(DROPPED) | STRANGE)))
    with suppress(BadRecord, Invalid):
        decode(event, body)


@pytest.mark.parametrize("value", [DROPPED, None, "", [], {}, "x", -1], ids=repr)
def test_no_field_of_any_event_breaks_its_decoder(value: Any) -> None:
    escaped = []
    for event, payload, ways in {entry[0]: entry for entry in PAYLOADS}.values():
        for way in ways:
            try:
                decode(event, orjson.dumps(mutilated(payload, way, value)))
            except (BadRecord, Invalid):
                continue
            except Exception as problem:
                escaped.append((event, way, problem))
    assert escaped == []


@settings(max_examples=300, deadline=None)
@given(event=st.sampled_from(sorted(EVENTS | {"ping", "star", ""})), body=st.binary(max_size=200))
def test_garbage_is_a_bad_record(event: str, body: bytes) -> None:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        with pytest.raises(BadRecord, match="not JSON"):
            decode(event, body)
