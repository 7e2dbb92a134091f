"""What shippers push to Loki they may push here, as JSON or as protobuf in Snappy."""

import gzip
from base64 import b64decode, b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import services
from connectors.base import Call, Record
from connectors.digestion import digest_pending
from connectors.errors import BadRecord, Forged, Misconfigured
from connectors.models import DeadLetter, Delivery
from connectors.sources import loki_push
from connectors.sources.loki import SECOND, Loki, LokiConfig, entries_in
from connectors.sources.loki_push import UnknownForm, labels_in
from connectors.sources.snappy import decompressed
from connectors.tests.corpus import EMPTIES, assert_golden, escapes, told
from connectors.tests.factories import NOW
from events.drafts import EventDraft
from events.models import Event
from tests.shared import payloads

PUSHED = sorted(payloads("recorded-from-live-servers", "promtail-3.4.6").glob("*.json"))
SECRET = "only shippers know"
AT = str(int((NOW - timedelta(minutes=5)).timestamp()) * SECOND)
JSON, PROTOBUF = {"content-type": "application/json"}, {"content-type": "application/x-protobuf"}
PUSH = {"streams": [{"stream": {"app": "checkout"}, "values": [[AT, "level=error msg=boom", {"trace_id": "ab" * 16}]]}]}


def source(**values: Any) -> Loki:
    return Loki(LokiConfig.read({"secret": SECRET, **values}), workspace=Path("unused"), now=NOW)


def decode(headers: dict[str, str], body: bytes, **values: Any) -> list[EventDraft]:
    loki = source(**values)
    parts = loki.unpack(Call("push", headers, body))
    return [draft for kind, part in parts for draft in loki.decode(Record.of("one", kind, part))]


def recorded(path: Path) -> bytes:
    return b64decode(orjson.loads(path.read_bytes())["body_base64"])


def test_every_recorded_push_of_promtail_is_understood_as_before() -> None:
    assert_golden("loki/pushes", {path.name: told(decode(PROTOBUF, recorded(path))) for path in PUSHED})


def test_a_push_of_promtail_says_what_the_query_would() -> None:
    (entry, *_) = entries_in(loki_push.read(PROTOBUF, recorded(PUSHED[0])))
    assert len(entry.labels) == 3
    assert entry.labels == {**entry.labels, "job": "jsonl", "level": "error"}
    assert entry.metadata == {"trace_id": "abc"}
    assert orjson.loads(entry.line)["msg"] == "db timeout"


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_a_push_in_json_is_an_event(zipped: bool) -> None:
    body = orjson.dumps(PUSH)
    headers = {**JSON, "content-encoding": "gzip"} if zipped else JSON
    (draft,) = decode(headers, gzip.compress(body) if zipped else body)
    assert (draft.title, draft.service, draft.severity) == ("boom", "checkout", "high")
    assert draft.data["trace_id"] == "ab" * 16
    assert draft.timestamp == NOW - timedelta(minutes=5)


def test_a_line_is_the_same_event_pushed_or_polled() -> None:
    (pushed,) = decode(JSON, orjson.dumps(PUSH))
    (entry,) = entries_in({"data": {"result": PUSH["streams"]}})
    (polled,) = source().decode(entry.record())
    assert pushed.source_id == polled.source_id == entry.record().reference


def test_a_flood_in_one_push_is_folded() -> None:
    values = [[str(int(AT) + place), f"level=error msg=boom place={place}"] for place in range(200)]
    drafts = decode(JSON, orjson.dumps({"streams": [{"stream": {}, "values": values}]}))
    assert len(drafts) == 21
    assert drafts[-1].event_type == "log_burst"


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_breaks_it(value: Any) -> None:
    assert escapes(PUSH, value, lambda payload: decode(JSON, orjson.dumps(payload))) == []


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_bytes_changed_on_the_way_are_a_bad_record_at_most(data: st.DataObject) -> None:
    body = bytearray(recorded(data.draw(st.sampled_from(PUSHED))))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(PROTOBUF, bytes(body[: data.draw(st.integers(0, len(body)))]))
    except BadRecord:
        return


@pytest.mark.parametrize(
    ("block", "held"),
    [
        (b"\x00", b""),
        (b"\x03\x08abc", b"abc"),
        (b"\x0a\x04ab\x1e\x02\x00", b"ab" * 5),
        (b"\x08\x00a\x0d\x01", b"a" * 8),
        (b"\x06\x08abc\x0b\x03\x00\x00\x00", b"abcabc"),
        (b"\x48\xf0\x47" + b"x" * 72, b"x" * 72),
    ],
    ids=["empty", "literal", "overlapping", "short copy", "long copy", "long literal"],
)
def test_every_element_of_snappy_is_read(block: bytes, held: bytes) -> None:
    assert decompressed(block, limit=100) == held


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\x03\x08ab",
        b"\x03\x0a\x05\x00",
        b"\xff\xff\xff\xff\xff\x01",
        b"\x65" + b"\x00a" * 101,
        b"\x01\xf0",
        b"\x02\x00a",
    ],
    ids=["nothing", "cut", "refers to nothing", "no size", "too large", "no length", "too little"],
)
def test_what_is_not_snappy_is_refused(block: bytes) -> None:
    with pytest.raises(BadRecord):
        decompressed(block, limit=100)


def test_a_bomb_is_not_blown_up() -> None:
    with pytest.raises(BadRecord, match="at most"):
        decompressed(b"\xff\xff\xff\xff\x0f", limit=100)


def test_labels_are_read_as_loki_writes_them() -> None:
    assert labels_in(r'{a="x, y=\"z\"", b_c="\x00", d=""}') == {"a": 'x, y="z"', "b_c": r"\x00", "d": ""}


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        (JSON, True),
        ({"content-type": "application/json; charset=utf-8", "content-encoding": "gzip"}, True),
        (PROTOBUF, True),
        ({**PROTOBUF, "content-encoding": "snappy"}, True),
        ({**JSON, "content-encoding": "snappy"}, False),
        ({"content-type": "text/plain"}, False),
        ({}, False),
    ],
)
def test_a_form_that_is_not_read_is_refused(headers: dict[str, str], known: bool) -> None:
    signed = {**headers, "authorization": f"Bearer {SECRET}"}
    if known:
        assert source().verify(signed, b"x").event == "push"
        return
    with pytest.raises(UnknownForm):
        source().verify(signed, b"x")


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", f"Basic {b64encode(b'loki:wrong').decode()}"])
def test_a_push_without_the_secret_is_refused(authorization: str) -> None:
    with pytest.raises(Forged):
        source().verify({**JSON, "authorization": authorization}, b"{}")


def test_the_secret_may_be_a_password() -> None:
    pair = b64encode(f"promtail:{SECRET}".encode()).decode()
    assert source().verify({**JSON, "authorization": f"Basic {pair}"}, b"{}").key


@pytest.mark.parametrize(
    ("values", "name"),
    [({"url": "http://loki", "query": "{}"}, "secret"), ({"secret": ""}, "url")],
    ids=["both", "neither"],
)
def test_it_is_polled_or_pushed_to(values: dict[str, str], name: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        source(**values)
    assert set(refused.value.fields) == {name}


def post(client: Client, body: bytes, **headers: str) -> int:
    headers = {"authorization": f"Bearer {SECRET}", **headers}
    kind = headers.pop("content-type")
    return client.post("/hooks/shippers", body, content_type=kind, headers=headers).status_code


@pytest.mark.django_db
def test_a_shipper_pushes_through_the_door_and_again(client: Client) -> None:
    services.connect(name="shippers", kind="loki", values={"secret": SECRET}, actor=None, now=NOW)
    body = recorded(PUSHED[0])
    zipped = gzip.compress(orjson.dumps(PUSH))
    answers = [post(client, body, **PROTOBUF), post(client, body, **PROTOBUF)]
    answers.append(post(client, zipped, **JSON, **{"content-encoding": "gzip"}))
    answers.append(post(client, b"x", **{"content-type": "text/plain"}))
    digest_pending(now=NOW + timedelta(days=10_000))
    assert answers == [202, 200, 202, 415]
    assert Delivery.objects.count() == 2
    assert not DeadLetter.objects.exists()
    assert set(Event.objects.values_list("title", flat=True)) >= {"boom", "db timeout"}
