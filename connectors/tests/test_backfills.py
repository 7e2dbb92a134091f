"""A span of the past is read beside what is new, in slices, and goes on where it was."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import AuditEntry, User
from connectors import backfills, breakers
from connectors.backfills import BACKFILL_TASK
from connectors.base import ConnectorConfig, Record
from connectors.choices import BackfillState
from connectors.errors import Misconfigured, SourceUnavailable
from connectors.models import Backfill, Connector
from connectors.registry import SOURCES
from connectors.tests.factories import NOW, ConnectorFactory
from connectors.windows import Windowed
from events.choices import Source
from events.drafts import EventDraft
from events.models import Event
from rcaplatform.kit.errors import Conflict, Invalid

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


class Diary(Windowed[ConnectorConfig]):
    """Tells of one thing an hour."""

    kind, label, Config = "diary", "Diary", ConnectorConfig
    down = False

    def check(self) -> None:
        """Do nothing."""

    def fetch(self, start: datetime, end: datetime) -> Iterable[Record]:
        if self.down:
            raise SourceUnavailable("no route")
        yield Record.of(start.isoformat(), "entry", {"at": start.timestamp()})

    def decode(self, record: Record) -> Iterable[EventDraft]:
        at = datetime.fromisoformat(record.reference)
        yield EventDraft(
            source=Source.LOGS, source_id=record.reference, timestamp=at, title="entry", event_type="entry"
        )


@pytest.fixture
def connector(monkeypatch: pytest.MonkeyPatch) -> Connector:
    monkeypatch.setitem(SOURCES, "diary", Diary)
    return ConnectorFactory(kind="diary", secret={})


def ask(connector: Connector, actor: User, hours: int = 3) -> Backfill:
    return backfills.ask(connector=connector, start=NOW - hours * HOUR, end=NOW, actor=actor, now=NOW)


def work(backfill: Backfill) -> None:
    """Heed the newest bell."""
    backfill.refresh_from_db()
    assert backfill.rung_at is not None
    backfills.work(backfill_id=backfill.pk, rung_at=backfill.rung_at)


def found(backfill: Backfill) -> tuple[str, int]:
    backfill.refresh_from_db()
    return backfill.state, backfill.stored


def test_it_is_read_to_its_end_and_recorded(connector: Connector, engineer: User) -> None:
    backfill = ask(connector, engineer)
    work(backfill)
    assert found(backfill) == (BackfillState.DONE, 3)
    assert AuditEntry.objects.get().verb == "backfill"


def test_a_slice_ends_in_time_and_the_next_goes_on(
    connector: Connector, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfills, "SLICE", 0)
    backfill = ask(connector, engineer)
    work(backfill)
    assert found(backfill) == (BackfillState.RUNNING, 1)
    while found(backfill)[0] == BackfillState.RUNNING:
        work(backfill)
    assert found(backfill) == (BackfillState.DONE, 3)


def test_the_live_cursor_stays_where_it_is(connector: Connector, engineer: User) -> None:
    work(ask(connector, engineer))
    connector.refresh_from_db()
    assert connector.cursor == {}


def test_what_is_known_already_is_stored_once(connector: Connector, engineer: User) -> None:
    for _ in range(2):
        work(ask(connector, engineer))
    assert Event.objects.count() == 3


def test_a_source_that_is_away_is_waited_for(
    connector: Connector, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    backfill = ask(connector, engineer)
    with monkeypatch.context() as away:
        away.setattr(Diary, "down", True)
        work(backfill)
    assert found(backfill) == (BackfillState.RUNNING, 0)
    rung: list[Any] = []
    monkeypatch.setattr(backfills, "ring", lambda *what: rung.append(what))
    later = NOW + timedelta(minutes=3)
    backfills.sweep(later)
    backfills.sweep(later + timedelta(minutes=1))
    assert rung == [(BACKFILL_TASK, str(backfill.pk), later.isoformat())]
    work(backfill)
    assert found(backfill) == (BackfillState.DONE, 3)


def test_a_cancelled_one_is_not_read_further(connector: Connector, engineer: User) -> None:
    backfill = ask(connector, engineer)
    backfills.cancel(backfill=backfill, actor=engineer)
    work(backfill)
    assert found(backfill) == (BackfillState.CANCELLED, 0)
    with pytest.raises(Conflict, match="ended already"):
        backfills.cancel(backfill=backfill, actor=engineer)


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [(NOW, NOW - HOUR, "end"), (NOW - HOUR, NOW + HOUR, "end"), (NOW - timedelta(days=500), NOW, "start")],
)
def test_a_span_that_makes_no_sense_is_refused(
    connector: Connector, engineer: User, start: datetime, end: datetime, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        backfills.ask(connector=connector, start=start, end=end, actor=engineer, now=NOW)
    assert set(refused.value.fields) == {field}


def test_a_source_that_is_not_asked_by_time_has_no_past_to_read(engineer: User) -> None:
    connector = ConnectorFactory(kind="jsonlines", config={"path": "/app.log"}, secret={})
    with pytest.raises(Misconfigured, match="cannot be asked for a span"):
        ask(connector, engineer)


def test_while_the_connector_is_off_nothing_is_read(connector: Connector, engineer: User) -> None:
    backfill = ask(connector, engineer)
    Connector.objects.update(enabled=False)
    work(backfill)
    assert found(backfill) == (BackfillState.RUNNING, 0)


def test_what_cannot_go_on_says_why(connector: Connector, engineer: User) -> None:
    backfill = ask(connector, engineer)
    Connector.objects.update(kind="gone")
    work(backfill)
    assert found(backfill)[0] == BackfillState.FAILED
    assert "no source 'gone'" in backfill.error


def test_of_many_bells_the_newest_alone_counts(connector: Connector, engineer: User) -> None:
    backfill = ask(connector, engineer)
    backfills.work(backfill_id=backfill.pk, rung_at=NOW - HOUR)
    assert found(backfill) == (BackfillState.PENDING, 0)


def test_a_breaker_that_is_held_stops_it_at_the_next_page(
    connector: Connector, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    backfill, genuine = ask(connector, engineer), Diary.fetch

    def fetch(source: Diary, start: datetime, end: datetime) -> Iterable[Record]:
        if start == NOW - 2 * HOUR:
            breakers.force_open(connector=connector, actor=engineer, now=NOW)
        return genuine(source, start, end)

    monkeypatch.setattr(Diary, "fetch", fetch)
    work(backfill)
    assert found(backfill) == (BackfillState.RUNNING, 1)


def test_a_past_that_cannot_be_decoded_is_not_read_to_its_end(
    connector: Connector, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Diary, "decode", lambda *_: 1 / 0)
    backfill = ask(connector, engineer, hours=150)
    work(backfill)
    assert (found(backfill)[0], backfill.dead) == (BackfillState.RUNNING, 100)
