"""A log file through the whole engine into the database: each line once, whatever happens on the way."""

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.utils import timezone

from connectors import deadletters, polling, services
from connectors.choices import DeadLetterState
from connectors.errors import SourceUnavailable
from connectors.models import Breaker, Connector, DeadLetter
from connectors.pipeline import Tally
from connectors.polling import poll
from connectors.sources import jsonlines, tailing
from events.models import Event

pytestmark = pytest.mark.django_db
TRACE = 'Traceback (most recent call last):\n  File "/srv/pay.py", line 7, in charge\nTimeoutError: no answer'


def lines(*numbers: int, level: str = "error", **fields: Any) -> bytes:
    return b"".join(
        orjson.dumps({"ts": "2026-03-01T12:00:00Z", "level": level, "msg": f"failed {number}", **fields}) + b"\n"
        for number in numbers
    )


def append(path: Path, raw: bytes) -> None:
    with path.open("ab") as file:
        file.write(raw)


def titles() -> list[str]:
    return sorted(Event.objects.values_list("title", flat=True), key=lambda title: int(title.split()[-1]))


def failed(*numbers: int) -> list[str]:
    return [f"failed {number}" for number in numbers]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def connector(log: Path) -> Connector:
    values = {"path": str(log), "environment": "live", "fold_after": 0}
    return services.connect(name="shop-log", kind="jsonlines", values=values, actor=None, now=timezone.now())


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "BLOCK_LINES", 5)
    monkeypatch.setattr(jsonlines, "PAGE_RECORDS", 5)


def counts(tally: Tally | None) -> tuple[int, int, int, int]:
    assert tally is not None
    return tally.stored, tally.duplicates, tally.ignored, tally.dead


def run(connector: Connector, *, after: timedelta = timedelta()) -> tuple[int, int, int, int]:
    return counts(poll(connector=connector, now=timezone.now() + after))


def test_each_line_is_stored_ignored_or_kept_as_a_dead_letter(connector: Connector, log: Path) -> None:
    log.write_bytes(lines(1, 2) + lines(3, level="info") + b"\nplain words\n" + lines(4, level="warn") + b'{"half"')
    assert run(connector) == (3, 0, 2, 1)
    assert titles() == failed(1, 2, 4)
    (letter,) = DeadLetter.objects.all()
    assert bytes(letter.raw) == b"plain words"
    assert "not JSON" in letter.message
    assert run(connector) == (0, 0, 0, 0)


def test_an_event_keeps_what_an_engineer_looks_for(connector: Connector, log: Path) -> None:
    log.write_bytes(
        lines(1, service="pay", logger="shop.gateway", trace_id="T1", req_id="r1", user_id=7, exc_info=TRACE)
    )
    run(connector)
    event = Event.objects.get()
    assert (event.source, event.event_type, event.severity) == ("logs", "log_error", "high")
    assert (event.service, event.component, event.environment) == ("pay", "shop.gateway", "live")
    assert event.tags == ["TimeoutError"]
    assert (event.data["trace_id"], event.data["request_id"], event.data["user"]) == ("t1", "r1", "7")
    assert event.data["exception"]["frames"] == [{"file": "/srv/pay.py", "line": 7, "function": "charge"}]
    assert event.raw_data == orjson.loads(log.read_bytes())
    assert {"t1", "r1", "TimeoutError", "shop.gateway"} <= set(event.keywords.split())


def test_a_crash_between_pages_loses_nothing_and_stores_nothing_twice(
    connector: Connector, log: Path, small_pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(lines(*range(23)) + b"broken\n")
    pages = 0

    def advance(*args: Any) -> None:
        nonlocal pages
        pages += 1
        if pages == 3:
            raise SystemExit
        real_advance(*args)

    real_advance = polling._advance
    monkeypatch.setattr(polling, "_advance", advance)
    with pytest.raises(SystemExit):
        run(connector)
    assert titles() == failed(*range(10))
    connector.refresh_from_db()
    assert run(connector) == (13, 0, 0, 1)
    assert titles() == failed(*range(23))


def test_a_lost_cursor_stores_nothing_twice(connector: Connector, log: Path) -> None:
    log.write_bytes(lines(*range(20)) + b"broken\n")
    run(connector)
    Connector.objects.update(cursor={})
    assert run(connector) == (0, 20, 0, 1)
    assert Event.objects.count() == 20
    assert DeadLetter.objects.count() == 1


@pytest.mark.parametrize("way", ["rename", "copy and truncate"])
def test_rotation_between_polls_loses_nothing(connector: Connector, log: Path, way: str) -> None:
    log.write_bytes(lines(1))
    run(connector)
    append(log, lines(2))
    if way == "rename":
        log.rename(log.with_name("app.log.1"))
    else:
        shutil.copy(log, log.with_name("app.log.1"))
        os.truncate(log, 0)
    append(log, lines(3))
    assert run(connector) == (2, 0, 0, 0)
    assert titles() == failed(1, 2, 3)


def test_the_same_first_line_after_a_rotation_hides_no_other_line(connector: Connector, log: Path) -> None:
    banner = orjson.dumps({"ts": 1_772_366_400, "level": "info", "msg": "started"}) + b"\n"
    log.write_bytes(banner + lines(1))
    run(connector)
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(banner + lines(2))
    assert run(connector) == (1, 0, 1, 0)
    assert titles() == failed(1, 2)


def test_a_file_that_is_not_there_yet_is_tried_again_and_read_once_it_is(connector: Connector, log: Path) -> None:
    with pytest.raises(SourceUnavailable):
        run(connector)
    connector.refresh_from_db()
    assert "app.log" in connector.last_error
    assert connector.next_poll_at is not None
    log.write_bytes(lines(1))
    Breaker.objects.update(opened_at=timezone.now() - timedelta(minutes=2))
    assert run(connector) == (1, 0, 0, 0)


def test_characters_a_database_refuses_keep_no_line_out(connector: Connector, log: Path) -> None:
    log.write_bytes(
        lines(1, logger="a\x00b", note="\x00", error="\x00")
        + b'{"ts":1772366400,"level":"error","logger":"\\ud800","msg":"\\ud800 failed 2"}\n'
    )
    assert run(connector) == (2, 0, 0, 0)


def test_a_dead_letter_becomes_an_event_once_it_is_mended(connector: Connector, log: Path) -> None:
    log.write_bytes(b'{"level":"error","msg":"failed 1"}\n')
    assert run(connector) == (0, 0, 0, 1)
    letter = DeadLetter.objects.get()
    assert "timestamp" in letter.message
    DeadLetter.objects.update(raw=lines(1).strip())
    retried = deadletters.retry(dead_letter=letter, actor=None, now=timezone.now())
    assert retried.state == DeadLetterState.REPLAYED
    assert titles() == failed(1)
