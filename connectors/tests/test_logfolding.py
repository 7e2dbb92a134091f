"""A flood folds into one burst a minute, exactly once, and what was never said before is marked."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import orjson
import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from connectors import polling, services
from connectors.base import Cursor, Page, Record
from connectors.sources.jsonlines import JSONLines
from connectors.sources.logfolding import BURST, NEW, NEW_TAG, Folding, Told
from connectors.sources.loglines import LogLine
from connectors.tests.factories import NOW
from events.drafts import EventDraft
from events.models import Event

START = NOW - timedelta(hours=1)


def line(second: float, said: str = "charge failed", level: str = "error", **fields: Any) -> dict[str, Any]:
    at = (START.replace(second=0, microsecond=0) + timedelta(seconds=second)).isoformat()
    return {"ts": at, "level": level, "msg": said, "service": "pay", **fields}


def records(*lines: dict[str, Any], first: int = 0) -> list[Record]:
    return [Record.of(str(place), "", told) for place, told in enumerate(lines, first)]


def understood(record: Record) -> Told:
    return Told(LogLine(record.value), record.reference, record.value)


def folding(
    state: dict[str, Any] | None = None, *, after: int = 3, now: datetime = NOW, read: Callable[..., Any] = understood
) -> Folding:
    return Folding(orjson.loads(orjson.dumps(state or {})), now=now, after=after, understood=read)


def bursts(found: list[Record]) -> list[dict[str, Any]]:
    return [record.value for record in found if record.kind == BURST]


def source(path: Path, **values: Any) -> JSONLines:
    return JSONLines(JSONLines.Config.read({"path": str(path), **values}), workspace=path.parent, now=NOW)


def events(page: Page, reader: JSONLines) -> Iterator[EventDraft]:
    for record in page.records:
        yield from reader.decode(record)


def test_the_first_lines_stand_for_themselves_and_the_rest_is_one_burst() -> None:
    flood = folding()
    kept = flood.fold(records(*(line(second) for second in range(10))))
    assert [record.reference for record in kept] == ["0", "1", "2"]
    (burst,) = bursts(flood.overdue())
    assert (burst["count"], len(burst["examples"])) == (7, 5)
    assert [example["reference"] for example in burst["examples"]] == ["3", "4", "5", "6", "7"]
    assert burst["first_at"] < burst["last_at"]


def test_a_burst_becomes_an_event_with_its_rate_and_examples(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    told = [line(second, f"charge {second} failed", trace_id=f"t{second}") for second in range(30)]
    log.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in told))
    reader = source(log)
    found = [draft for page in reader.read({}) for draft in events(page, reader)]
    assert [draft.event_type for draft in found] == ["log_error"] * 20 + ["log_burst"]
    burst = found[-1]
    assert (burst.title, burst.service, burst.severity) == ("10 more times: charge 20 failed", "pay", "high")
    assert burst.data["template"] == "charge # failed"
    assert (burst.data["count"], burst.data["rate_per_second"]) == (10, 1.11)
    assert burst.data["examples"][0]["trace_id"] == "t20"


def test_lines_of_another_service_severity_or_meaning_are_counted_by_themselves() -> None:
    flood = folding(after=1)
    kept = flood.fold(
        records(line(1), line(2, service="web"), line(3, level="warn"), line(4, "disk full"), line(5, exc_type="Lost"))
    )
    assert len(kept) == 5


def test_each_minute_begins_anew_and_tells_the_burst_of_the_one_before() -> None:
    flood = folding(after=1)
    kept = flood.fold(records(line(1), line(2), line(61), line(62)))
    assert [record.reference for record in kept if record.kind != BURST] == ["0", "2"]
    assert [burst["count"] for burst in bursts([*kept, *flood.overdue()])] == [1, 1]


def test_a_line_that_comes_late_counts_to_the_minute_at_hand() -> None:
    flood = folding(after=2)
    assert len(flood.fold(records(line(61), line(59), line(62), line(58)))) == 2


def test_a_clock_that_is_far_ahead_does_not_hold_up_the_others() -> None:
    flood = folding(after=1)
    kept = flood.fold(records(line(1e9), line(1), line(2)))
    assert [record.reference for record in kept] == ["0", "1"]
    assert [burst["count"] for burst in bursts(flood.overdue())] == [1]


def test_what_a_cursor_holds_is_not_changed_by_reading() -> None:
    flood = folding(after=1)
    flood.fold(records(line(1), line(2)))
    state = flood.state()
    before = orjson.dumps(state)
    Folding(state, now=NOW, after=1, understood=understood).fold(records(line(3), line(4), line(5, "other")))
    assert orjson.dumps(state) == before


def test_nothing_is_folded_where_the_owner_wants_each_line() -> None:
    assert len(folding(after=0).fold(records(*[line(1)] * 50))) == 50


def test_a_line_that_cannot_be_understood_stays_as_it_came() -> None:
    broken = Record.of("0", "", {"level": "error", "msg": "no time"})
    assert folding().fold([broken]) == [broken]


def test_a_burst_waits_for_the_end_of_its_minute() -> None:
    soon = START.replace(second=0, microsecond=0) + timedelta(seconds=50)
    flood = folding(after=1, now=soon)
    flood.fold(records(line(1), line(2)))
    assert flood.overdue() == []
    later = folding(flood.state(), after=1, now=soon + timedelta(minutes=2))
    assert [burst["count"] for burst in bursts(later.overdue())] == [1]


@given(st.lists(st.integers(0, 200), max_size=60).map(sorted), st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_how_lines_are_cut_into_pages_changes_nothing(seconds: list[int], sizes: list[int]) -> None:
    told = records(*(line(second, f"failed {second}") for second in seconds))
    whole = folding()
    expected = [record.reference for record in (*whole.fold(told), *whole.everything())]
    found, state, rest = list[str](), dict[str, Any](), told
    while rest:
        size = sizes[len(found) % len(sizes)]
        part, rest = rest[:size], rest[size:]
        flood = folding(state)
        found += [record.reference for record in flood.fold(part)]
        state = flood.state()
    found += [record.reference for record in folding(state).everything()]
    assert sorted(found) == sorted(expected)


@given(st.lists(st.integers(0, 200), max_size=60))
def test_every_line_is_told_by_itself_or_counted_once(seconds: list[int]) -> None:
    flood = folding()
    kept = [*flood.fold(records(*map(line, seconds))), *flood.everything()]
    assert sum(record.value["count"] if record.kind == BURST else 1 for record in kept) == len(seconds)


def test_in_the_first_poll_nothing_is_new() -> None:
    assert {record.kind for record in folding().fold(records(line(1), line(2, "disk full")))} == {""}


def test_what_was_never_said_before_is_new_once() -> None:
    learned = folding(now=START - timedelta(hours=1))
    learned.fold(records(line(1)))
    second = folding(learned.state())
    kept = second.fold(records(line(300), line(301, "disk 7 full"), line(302, "disk 8 full"), first=10))
    assert [record.kind for record in kept] == ["", NEW, ""]
    assert [record.kind for record in folding(second.state()).fold(records(line(400, "disk 9 full")))] == [""]


def test_what_was_written_before_the_first_poll_is_never_new() -> None:
    learned = folding(now=NOW)
    assert [record.kind for record in folding(learned.state()).fold(records(line(1)))] == [""]


def test_a_new_line_is_tagged_and_says_its_template(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(orjson.dumps(line(1)) + b"\n")
    reader = source(log)
    cursor: Cursor = list(reader.read({}))[-1].cursor
    later = {**line(1, "disk 7 full"), "ts": (NOW + timedelta(seconds=1)).isoformat()}
    with log.open("ab") as file:
        file.write(orjson.dumps(later) + b"\n")
    (page,) = reader.read(cursor)
    (draft,) = events(page, reader)
    assert NEW_TAG in draft.tags
    assert draft.data["template"] == "disk # full"
    assert draft.metadata["new_template"]
    (revived,) = reader.decode(reader.revive("x", page.records[0].kind, page.records[0].raw))
    assert revived.data == draft.data


def test_what_a_database_cannot_keep_does_not_reach_the_cursor() -> None:
    flood = folding(after=1)
    odd: dict[str, Any] = {"service": "p\x00y", "trace_id": "\ud800", "stack": "\x00", "user": 2**70}
    flood.fold([Record(str(place), line(1, "a\x00b \ud800", **odd), b"") for place in range(3)])
    text = str(flood.state())
    assert "\\x00" not in text
    assert "\\ud800" not in text


def test_a_cursor_stays_small_however_much_is_told() -> None:
    flood = folding(after=1)
    names = ["".join(letters) for letters in product(ascii_lowercase, repeat=3)][:3_000]
    told = [line(place / 100, f"{name} broke") for place, name in enumerate(names)]
    flood.fold(records(*told))
    state = flood.state()
    assert [len(state[name]) for name in ("known", "templates", "windows")] == [2_000, 500, 500]
    assert len(orjson.dumps(state)) < 150_000


@pytest.mark.django_db
def test_a_flood_read_in_many_polls_with_crashes_is_stored_exactly_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "app.log"
    log.touch()
    connector = services.connect(
        name="shop-log", kind="jsonlines", values={"path": str(log), "fold_after": 5}, actor=None, now=timezone.now()
    )
    advance, calls = polling._advance, 0

    def sometimes(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls % 2:
            raise SystemExit
        advance(*args)

    monkeypatch.setattr(polling, "_advance", sometimes)
    for part in range(4):
        with log.open("ab") as file:
            file.writelines(orjson.dumps(line(part * 10 + n)) + b"\n" for n in range(10))
        with pytest.raises(SystemExit):
            polling.poll(connector=connector, now=START.replace(second=0, microsecond=0))
        polling.poll(connector=connector, now=START.replace(second=0, microsecond=0))
    with pytest.raises(SystemExit):
        polling.poll(connector=connector, now=NOW)
    polling.poll(connector=connector, now=NOW)
    assert Event.objects.filter(event_type="log_error").count() == 5
    (burst,) = Event.objects.filter(event_type="log_burst")
    assert burst.data["count"] == 35
