"""Every recorded delivery of GitHub is understood as before, and does no harm however it is mutilated."""

import json
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import BadRecord
from connectors.tests.corpus import DROPPED, EMPTIES, STRANGE, assert_golden, escapes, mutilated, places, told
from connectors.tests.github import corpus, decode
from events.drafts import EventDraft
from rcaplatform.kit.errors import Invalid
from tests.shared import ROOT

CORPUS = {f"{path.parent.name}/{path.name}": path for path in corpus()}
GOLDEN = ROOT / "tests" / "golden" / "github" / "webhooks-octokit.json"
EVENTS = {
    *("push", "create", "delete", "pull_request", "release", "issues"),
    *("workflow_run", "check_run", "status", "deployment", "deployment_status"),
}


def test_every_recorded_delivery_becomes_the_events_it_became_before() -> None:
    found = {name: told(decode(path.parent.name, path.read_bytes())) for name, path in CORPUS.items()}
    assert_golden("github/webhooks-octokit", found)


def test_every_event_that_is_decoded_has_a_delivery_in_the_corpus_that_becomes_an_event() -> None:
    golden = json.loads(GOLDEN.read_text())
    assert {name.partition("/")[0] for name, drafts in golden.items() if drafts} == EVENTS


PAYLOADS = [
    (path.parent.name, payload, list(places(payload)))
    for path in CORPUS.values()
    if path.parent.name in EVENTS
    for payload in [orjson.loads(path.read_bytes())]
]


@settings(max_examples=1_500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_that_is_dropped_emptied_or_of_another_type_makes_a_dead_letter_at_most(data: st.DataObject) -> None:
    event, payload, ways = data.draw(st.sampled_from(PAYLOADS))
    way = data.draw(st.sampled_from(ways))
    body = orjson.dumps(mutilated(payload, way, data.draw(st.just(DROPPED) | STRANGE)))
    with suppress(BadRecord, Invalid):
        decode(event, body)


def decode_parsed(event: str, payload: Any) -> list[EventDraft]:
    return decode(event, orjson.dumps(payload))


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_of_any_event_breaks_its_decoder(value: Any) -> None:
    for event, payload, _ in {entry[0]: entry for entry in PAYLOADS}.values():
        assert escapes(payload, value, partial(decode_parsed, event)) == []


@settings(max_examples=300, deadline=None)
@given(event=st.sampled_from(sorted(EVENTS | {"ping", "star", ""})), body=st.binary(max_size=200))
def test_garbage_is_a_bad_record(event: str, body: bytes) -> None:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        with pytest.raises(BadRecord, match="not JSON"):
            decode(event, body)
