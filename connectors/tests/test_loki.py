"""Lines are taken from Loki once each, whatever pages they come in."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import services
from connectors.base import Record
from connectors.errors import BadRecord
from connectors.models import Gap
from connectors.polling import poll
from connectors.sources import loki
from connectors.sources.loki import Loki, LokiConfig, entries_in, fields_of
from connectors.tests.corpus import EMPTIES, STRANGE, assert_golden, escapes, mutilated, places, told
from connectors.tests.factories import NOW
from connectors.tests.peers import Asked, Peer
from events.drafts import EventDraft
from events.models import Event
from rcaplatform.kit.errors import Invalid
from tests.shared import payloads

RECORDED = sorted(payloads("recorded-from-live-servers", "loki-3.4.6").glob("*.json"))
LABELS = {"app": "checkout", "service_name": "checkout"}
START = int((NOW - timedelta(minutes=30)).timestamp()) * loki.SECOND


def source(**values: Any) -> Loki:
    config = LokiConfig.read({"url": "http://loki", "query": "{}", **values})
    return Loki(config, workspace=Path("unused"), now=NOW)


def drafts(payload: Any) -> list[EventDraft]:
    return [draft for entry in entries_in(payload) for draft in source().decode(entry.record())]


def test_every_recorded_answer_is_understood_as_before() -> None:
    found = {path.name: told(drafts(orjson.loads(path.read_bytes())))[:20] for path in RECORDED}
    assert_golden("loki/answers", found)


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_breaks_it(value: Any) -> None:
    categorized = next(path for path in RECORDED if "categorized" in path.name)
    payload = orjson.loads(categorized.read_bytes())
    payload["data"]["result"] = payload["data"]["result"][:1]
    payload["data"]["result"][0]["values"] = payload["data"]["result"][0]["values"][:2]
    payload["data"].pop("stats", None)
    assert escapes(payload, value, drafts) == []


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_record_mutilated_is_a_bad_record_at_most(data: st.DataObject) -> None:
    value = {"at": str(START), "labels": LABELS, "line": "level=error msg=boom", "metadata": {"trace_id": "a"}}
    way = data.draw(st.sampled_from(list(places(value))))
    try:
        list(source().decode(Record.of("x", "line", mutilated(value, way, data.draw(STRANGE)))))
    except (BadRecord, Invalid):
        return


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('{"msg": "boom"}', {"msg": "boom"}),
        ('level=error msg="no \\"money\\"" user=7', {"level": "error", "msg": 'no "money"', "user": "7"}),
        ("x=1 is what it says", {"message": "x=1 is what it says"}),
        ("{broken", {"message": "{broken"}),
    ],
)
def test_a_line_is_json_logfmt_or_text(line: str, fields: dict[str, str]) -> None:
    assert fields_of(line) == fields


class FakeLoki:
    """What Loki does with a range query, and no more: start is included, end is not, and a limit cuts the newest."""

    def __init__(self, times: list[int]) -> None:
        self.lines = [[str(at), f'level=error msg="failed {place}" place={place}'] for place, at in enumerate(times)]

    def __call__(self, asked: Asked) -> Any:
        start, end, limit = (int(asked.query[name]) for name in ("start", "end", "limit"))
        assert asked.query["direction"] == "forward"
        told = [line for line in self.lines if start <= int(line[0]) < end][:limit]
        streams = [{"stream": LABELS, "values": told}] if told else []
        return {"status": "success", "data": {"resultType": "streams", "result": streams}}


def polled(times: list[int], monkeypatch: pytest.MonkeyPatch, *, polls: int = 2) -> None:
    monkeypatch.setattr(loki, "MOST_LINES", 5)
    with Peer({"/loki/api/v1/query_range": FakeLoki(times)}) as peer:
        values = {"url": peer.url, "query": "{}", "fold_after": 0}
        connector = services.connect(name="loki", kind="loki", values=values, actor=None, now=NOW)
        for minute in range(polls):
            poll(connector=connector, now=NOW + timedelta(minutes=minute))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "times",
    [
        [START + place for place in range(23)],
        [START + place // 3 for place in range(23)],
        [START] * 4 + [START + 1] * 4 + [START + 2] * 4,
    ],
    ids=["one by one", "in threes", "in fours"],
)
def test_every_line_is_stored_once_however_the_pages_fall(times: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    polled(times, monkeypatch)
    assert Event.objects.count() == len(times)
    assert not Gap.objects.exists()


@pytest.mark.django_db
def test_more_lines_of_one_time_than_are_told_at_once_are_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    polled([START] * 9 + [START + 5], monkeypatch)
    assert Event.objects.count() == 6
    assert Gap.objects.get().reason == "Over 5 lines have one time."


@pytest.mark.django_db
def test_a_flood_is_folded_into_a_burst() -> None:
    times = [START + place * loki.SECOND // 10 for place in range(200)]
    with Peer({"/loki/api/v1/query_range": FakeLoki(times)}) as peer:
        values = {"url": peer.url, "query": "{}"}
        connector = services.connect(name="loki", kind="loki", values=values, actor=None, now=NOW)
        poll(connector=connector, now=NOW)
    assert Event.objects.filter(event_type="log_burst").exists()
    assert Event.objects.count() < 60


def test_labels_and_metadata_tell_of_service_level_and_trace() -> None:
    metadata = {"detected_level": "error", "trace_id": "ab" * 16}
    entry = loki.Entry(START, LABELS, "no money left", metadata)
    (draft,) = source().decode(entry.record())
    assert (draft.service, draft.severity, draft.data["trace_id"]) == ("checkout", "high", "ab" * 16)


def test_credentials_and_tenant_are_sent() -> None:
    with Peer({"*": {"status": "success", "data": {"result": []}}}) as peer:
        source(url=peer.url, tenant="shop", user="ada", password="geheim").check()
        headers = peer.asked[0].headers
    assert (headers["x-scope-orgid"], headers["authorization"]) == ("shop", "Basic YWRhOmdlaGVpbQ==")
    assert headers["x-loki-response-encoding-flags"] == "categorize-labels"
