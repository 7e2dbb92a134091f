"""The log file source by itself: its settings, its pages, and what becomes of each line."""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import Record
from connectors.errors import BadRecord, Misconfigured, SourceUnavailable
from connectors.sources import jsonlines
from connectors.sources.jsonlines import PAGE_BYTES, PAGE_RECORDS, JSONLines
from connectors.sources.tailing import BLOCK_BYTES, MAX_LINE
from rcaplatform.kit.errors import DomainError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def source(path: Path, **values: str | int) -> JSONLines:
    config = JSONLines.Config.read({"path": str(path), **values})
    return JSONLines(config, workspace=path.parent, now=NOW)


def line(level: str = "error", **fields: Any) -> bytes:
    return orjson.dumps({"ts": "2026-03-01T12:00:00Z", "level": level, "msg": "charge failed", **fields}) + b"\n"


def fate(reader: JSONLines, record: Record) -> str:
    try:
        return "event" if list(reader.decode(record)) else "ignored"
    except DomainError:
        return "dead"


def fates(reader: JSONLines) -> Counter[str]:
    found: Counter[str] = Counter()
    for page in reader.read({}):
        found["ignored"] += page.ignored
        found.update(fate(reader, record) for record in page.records)
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "path"),
        ({"path": "app.log"}, "path"),
        ({"path": ""}, "path"),
        ({"path": "/a\x00b"}, "path"),
        ({"path": "/a", "min_severity": "loud"}, "min_severity"),
        ({"path": "/a", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, str], field: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        JSONLines.Config.read(values)
    assert list(refusal.value.fields) == [field]


def test_a_readable_file_passes_the_check(log: Path) -> None:
    log.touch()
    source(log).check()
    log.write_bytes(b"starting up\n\n" + line())
    source(log).check()


@pytest.mark.parametrize("kind", ["absent", "a directory", "words", "compressed"])
def test_the_check_says_what_the_owner_must_change(log: Path, kind: str) -> None:
    if kind == "a directory":
        log.mkdir()
    elif kind != "absent":
        log.write_bytes(b"plain words\n" * 3 if kind == "words" else os.urandom(5_000) + b"\n")
    with pytest.raises(Misconfigured) as refusal:
        source(log).check()
    assert refusal.value.fields["path"]


def test_a_file_that_never_was_is_unavailable(log: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"app\.log"):
        list(source(log).read({}))


def test_lines_below_the_least_severity_are_counted(log: Path) -> None:
    log.write_bytes(b"".join(line(level) for level in ("fatal", "error", "warn", "notice", "info", "debug")))
    assert fates(source(log)) == {"event": 3, "ignored": 3}
    assert fates(source(log, min_severity="high")) == {"event": 2, "ignored": 4}
    assert fates(source(log, min_severity="info")) == {"event": 6, "ignored": 0}


def test_quiet_lines_do_not_travel_in_pages(log: Path) -> None:
    log.write_bytes(line("info") * 50 + line())
    (page,) = source(log).read({})
    assert (len(page.records), page.ignored) == (1, 50)


def test_a_poll_without_news_has_no_page(log: Path) -> None:
    log.write_bytes(line() + b'{"half":')
    (page,) = source(log).read({})
    assert list(source(log).read(page.cursor)) == []


def test_pages_are_bounded_by_records(log: Path) -> None:
    log.write_bytes(line() * (2 * PAGE_RECORDS + 100))
    sizes = [len(page.records) for page in source(log, fold_after=0).read({})]
    assert sum(sizes) == 2 * PAGE_RECORDS + 100
    assert max(sizes) == PAGE_RECORDS


def test_pages_are_bounded_by_bytes(log: Path) -> None:
    log.write_bytes((b'{"a": "' + b"x" * 100_000 + b'"}\n') * 150)
    ends = [page.cursor["offset"] for page in source(log).read({})]
    assert ends[-1] == log.stat().st_size
    assert max(after - before for before, after in zip([0, *ends], ends, strict=False)) <= PAGE_BYTES + BLOCK_BYTES
    assert len(ends) > 2


def test_any_page_can_be_the_last_one_saved(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sources.tailing.BLOCK_LINES", 3)
    monkeypatch.setattr(jsonlines, "PAGE_RECORDS", 3)
    log.write_bytes(b"".join(line(number=number) + line("info") for number in range(20)))
    pages = list(source(log).read({}))
    assert len(pages) > 5
    whole = [record.reference for page in pages for record in page.records]
    assert len(set(whole)) == 20
    for done, page in enumerate(pages, start=1):
        before = [record.reference for page in pages[:done] for record in page.records]
        after = [record.reference for page in source(log).read(page.cursor) for record in page.records]
        assert before + after == whole


def test_a_line_has_one_name_in_a_copy_and_an_archive_and_another_line_has_another(log: Path) -> None:
    log.write_bytes(line(number=1) + line(number=2) + line(number=2))
    names = [record.reference for page in source(log).read({}) for record in page.records]
    copy = log.with_name("copy.log")
    copy.write_bytes(log.read_bytes())
    assert [record.reference for page in source(copy).read({}) for record in page.records] == names
    log.write_bytes(line(number=1) + line(number=3) + line(number=2))
    assert len({*names, *(record.reference for page in source(log).read({}) for record in page.records)}) == 4
    assert max(map(len, names)) < 100


def test_the_name_of_a_line_says_where_it_stands(log: Path) -> None:
    log.write_bytes(line() + b"\x00" * 3 + line() + b"broken\n" + b"\x00" * 2 * MAX_LINE + line())
    content = log.read_bytes()
    (page,) = source(log).read({})
    for record in page.records:
        offset = int(record.reference.split(":")[1])
        assert content[offset : offset + len(record.raw)] == record.raw
    assert len(page.records) == 4


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"Segmentation fault\n", "not JSON"),
        (b'{"ts":"2026-03-01T12:00:00Z","level":"err\n', "not JSON"),
        (b'["a list"]\n', "a list"),
        (b'{"level":"error","msg":"no time"}\n', "timestamp"),
        (b'{"level":"error","ts":"0001-01-01T00:00:00Z"}\n', "1970"),
        (b'{"level":"error","ts":"2026-03-01T12:00:00Z","a":' + b"[" * 100 + b"]" * 100 + b"}\n", "64 levels"),
        (line(text="x" * MAX_LINE), "longer than 256 KB"),
        (line(text="x" * 3 * BLOCK_BYTES), "longer than 256 KB"),
    ],
)
def test_a_line_that_cannot_be_understood_says_why_and_stops_nothing(log: Path, raw: bytes, reason: str) -> None:
    log.write_bytes(line() + raw + line())
    reader = source(log)
    (page,) = reader.read({})
    bad = page.records[1]
    with pytest.raises(DomainError, match=reason):
        reader.decode(bad)
    assert bad.raw == raw.rstrip(b"\n")[: MAX_LINE + 1]
    assert [fate(reader, record) for record in page.records] == ["event", "dead", "event"]


def test_what_surrounds_or_breaks_the_text_of_a_line_is_forgiven(log: Path) -> None:
    odd = [
        b"\xef\xbb\xbf" + line(),
        line()[:-1] + b"\r\n",
        b"\x00\x00" + line(),
        line().replace(b"charge", b"\xff\xfe"),
    ]
    log.write_bytes(b"\n".join([*odd, b"  ", b"\x00", b""]))
    assert fates(source(log)) == {"event": 4, "ignored": 6}


def test_a_retried_line_is_read_from_its_bytes(log: Path) -> None:
    log.write_bytes(line(request_id="r1"))
    reader = source(log, service="pay", environment="live")
    (page,) = reader.read({})
    (record,) = page.records
    again = Record(record.reference, record.raw, record.raw)
    assert reader.decode(again) == reader.decode(record)
    (event,) = reader.decode(again)
    assert (event.source_id, event.service, event.environment) == (record.reference, "pay", "live")


def test_a_retried_line_that_is_too_long_stays_dead(log: Path) -> None:
    log.write_bytes(line(text="x" * MAX_LINE))
    reader = source(log)
    (page,) = reader.read({})
    with pytest.raises(BadRecord, match="longer"):
        reader.decode(Record(page.records[0].reference, page.records[0].raw, page.records[0].raw))


PIECES = st.sampled_from(
    [
        line(),
        line("info"),
        line("warn")[:-1],
        b"\n",
        b"{",
        b'{"level":"info"}',
        b"\x00",
        b"\xff",
        b"[]",
        b"\r\n",
        b'{"ts":1}',
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=12), max_size=20))
def test_of_any_bytes_every_full_line_is_an_event_ignored_or_dead(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    log = tmp_path_factory.mktemp("log") / "app.log"
    log.write_bytes(b"".join(pieces))
    assert fates(source(log)).total() == b"".join(pieces).count(b"\n")
