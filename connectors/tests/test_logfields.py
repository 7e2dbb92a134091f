"""Which object a line holds, and when it was written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import BadRecord
from connectors.sources.logfields import read_object
from connectors.sources.loglines import LogLine

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EPOCH = 1_772_366_400


@pytest.mark.parametrize(
    "told",
    [
        "2026-03-01T12:00:00Z", "2026-03-01T12:00:00", "2026-03-01 12:00:00", "2026-03-01T13:30:00+01:30",
        "2026-03-01T12:00:00.000000000Z", "2026-03-01 12:00:00,000", "20260301T120000Z", "2026-03-01 12:00:00 UTC",
        "2026-03-01 12:00:00.000 +0000 UTC", "2026/03/01 12:00:00", EPOCH, float(EPOCH), EPOCH * 10**3, EPOCH * 10**6,
        EPOCH * 10**9, str(EPOCH), f"{EPOCH}.000", str(EPOCH * 10**3),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["timestamp", "@timestamp", "time", "ts", "t", "date", "eventTime"])
def test_a_time_is_read_in_any_notation_and_taken_as_utc_without_a_zone(key: str, told: str | float) -> None:
    assert LogLine({key: told, "msg": "x"}).time() == NOON


def test_fractions_of_a_second_are_kept() -> None:
    late = NOON + timedelta(microseconds=123_456)
    told = ["2026-03-01T12:00:00.123456789Z", EPOCH * 10**9 + 123_456_789, EPOCH * 10**6 + 123_456, EPOCH + 0.123456]
    assert [LogLine({"ts": time}).time() for time in told] == [late] * 4


NO_TIMES = [
    "yesterday",
    "a while ago",
    "0001-01-01T00:00:00+23:59",
    "",
    "2026-03-01",
    "12:00:00",
    True,
    None,
    3.5,
    float("nan"),
    10**30,
    "9" * 400,
    {},
    [],
]


@pytest.mark.parametrize("told", NO_TIMES)
def test_a_line_without_a_usable_time_is_refused_by_name(told: Any) -> None:
    with pytest.raises(BadRecord) as refusal:
        LogLine({"time": told, "msg": "x"}).time()
    assert "timestamp" in refusal.value.fields


def test_the_next_key_is_tried_when_one_holds_no_time() -> None:
    assert LogLine({"time": "12ms", "ts": EPOCH}).time() == NOON


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a":', "not JSON"), (b"plain words", "not JSON"), (b"[1]", "a list"), (b'"x"', "a text"), (b"null", "null"),
        (b"1", "a number"), (b"true", "true or false"), (b"[" * 5_000, "not JSON"),
        (b'{"a":%s}' % (b"9" * 5_000), "not JSON"),
    ],
)  # fmt: skip
def test_what_is_no_object_is_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(BadRecord, match=reason):
        read_object(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"msg":"x"}\r', b'\xef\xbb\xbf{"msg":"x"}', b'\x00\x00{"msg":"x"}', b' {"msg":"x"} \x00',
    ],
)  # fmt: skip
def test_what_surrounds_an_object_is_forgiven(raw: bytes) -> None:
    assert read_object(raw) == {"msg": "x"}


def test_broken_text_inside_an_object_is_forgiven() -> None:
    assert read_object(b'{"msg":"caf\xe9"}') == {"msg": "caf\ufffd"}
    assert read_object(b'{"msg":NaN}').keys() == {"msg"}
