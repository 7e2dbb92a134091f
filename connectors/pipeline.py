"""Deeds of the engine: from records to stored events and dead letters, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import psycopg
import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from prometheus_client import Counter

from connectors.base import ConnectorConfig, Record, Source
from connectors.choices import Stage
from connectors.models import Connector, DeadLetter, Delivery
from connectors.registry import source_kind
from connectors.shelf import MetricShelf
from connectors.sources.pushedmetrics import PushedMetrics
from events.drafts import EventDraft
from events.services import store
from events.topology import count_calls
from rcaplatform.kit.errors import DomainError, Invalid
from rcaplatform.kit.sealing import unseal

log = structlog.get_logger(__name__)
RECORDS = Counter("rca_records", "Records of connectors, by what became of them.", ["connector", "outcome"])
MAX_MESSAGE = 2_000
# What the database or the checks before it say of a value, as opposed to of themselves: trying again does not help.
# The driver's own error reaches us unwrapped from COPY.
REFUSALS = (DataError, IntegrityError, psycopg.DataError, ValueError, Invalid)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record could not go on, and at which step."""

    stage: Stage
    problem: Exception

    @property
    def error(self) -> str:
        """The class of the problem."""
        return type(self.problem).__name__

    @property
    def message(self) -> str:
        """The problem in words, of bounded length and fit for the database."""
        problem = self.problem
        message = problem.message if isinstance(problem, DomainError) else f"{self.error}: {problem}"
        return message[:MAX_MESSAGE].replace("\x00", "\ufffd").encode(errors="replace").decode()


@dataclass(slots=True)
class Outcome:
    """What became of one record: events that were new, events known already, or why it is a dead letter."""

    record: Record
    stored: int = 0
    duplicates: int = 0
    failure: Failure | None = None

    @property
    def ignored(self) -> bool:
        """Whether there was nothing in it worth an event."""
        return not (self.stored or self.duplicates or self.failure)


@dataclass(slots=True)
class Tally:
    """What became of many records, in numbers: events stored and known, records ignored and dead."""

    stored: int = 0
    duplicates: int = 0
    ignored: int = 0
    dead: int = 0

    @property
    def heard(self) -> bool:
        """Whether the source told of anything at all."""
        return bool(self.stored or self.duplicates or self.ignored or self.dead)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count a page in."""
        for outcome in outcomes:
            self.stored += outcome.stored
            self.duplicates += outcome.duplicates
            self.ignored += outcome.ignored
            self.dead += outcome.failure is not None


def open_source(connector: Connector, now: datetime) -> Source[Any]:
    """Return the source that ``connector`` configures.

    Raises:
        Misconfigured: a setting is wrong.
        Unavailable: its secrets cannot be unsealed.
    """
    kind = source_kind(connector.kind)
    config = _configured(connector.kind, orjson.dumps(connector.config), bytes(connector.secrets))
    workspace = Path(settings.DATA_DIR) / "connectors" / str(connector.pk)
    source = kind(config, workspace=workspace, now=now)
    if isinstance(source, PushedMetrics):
        source.shelf = MetricShelf(connector)
    return source


@lru_cache(maxsize=500)
def _configured(kind: str, config: bytes, secrets: bytes) -> ConnectorConfig:
    """Return the settings of a connector, read and checked. They are opened for each delivery, and seldom change."""
    return source_kind(kind).Config.read({**orjson.loads(config), **unseal(secrets)})


def digest(
    *,
    connector: Connector,
    source: Source[Any],
    records: Sequence[Record],
    now: datetime,
    deliveries: Mapping[str, Delivery] | None = None,
) -> list[Outcome]:
    """Decode and store records; keep what cannot be decoded or stored as dead letters.

    Call it inside the transaction that writes down that these records were read.

    Args:
        deliveries: the delivery of each record that came in one, by the record's reference.

    Returns:
        What became of each record, in the order given.
    """
    outcomes = [Outcome(record) for record in records]
    told = [(outcome, draft) for outcome in outcomes for draft in _decode(source, outcome)]
    chosen = {id(draft) for draft in source.choose([draft for _, draft in told])}
    told = [(outcome, draft) for outcome, draft in told if id(draft) in chosen]
    with transaction.atomic(savepoint=False):  # all of it or nothing of the caller's transaction
        _store(connector, told, now)
        good = (outcome.record for outcome in outcomes if not outcome.failure)
        if calls := {record.reference: found for record in good if (found := list(source.calls(record)))}:
            count_calls(told=calls, origin=connector.origin)
        dead = [
            as_dead_letter(connector, outcome.record, outcome.failure, (deliveries or {}).get(outcome.record.reference))
            for outcome in outcomes
            if outcome.failure
        ]
        DeadLetter.objects.bulk_create(dead, ignore_conflicts=True)
        transaction.on_commit(lambda: _count(connector, outcomes))
    return outcomes


def _count(connector: Connector, outcomes: Sequence[Outcome]) -> None:
    tally = Tally()
    tally.add(outcomes)
    for outcome, number in asdict(tally).items():
        if number:
            RECORDS.labels(connector.name, outcome).inc(number)


def as_dead_letter(
    connector: Connector, record: Record, failure: Failure, delivery: Delivery | None = None
) -> DeadLetter:
    """Return the row, not yet saved, that keeps a record which could not go on."""
    reference = record.reference[:300]
    log.warning("record.dead", connector=connector.name, reference=reference, error=failure.error)
    return DeadLetter(
        connector=connector,
        delivery=delivery,
        stage=failure.stage,
        reference=reference,
        kind=record.kind[:100],
        error=failure.error,
        message=failure.message,
        raw=record.raw,
    )


Told = list[tuple[Outcome, EventDraft]]


def _decode(source: Source[Any], outcome: Outcome) -> list[EventDraft]:
    try:
        return list(source.decode(outcome.record))
    except Exception as problem:
        outcome.failure = Failure(Stage.DECODE, problem)
        return []


def _store(connector: Connector, told: Told, now: datetime) -> None:
    """Store all at once; only when the database refuses a value, one by one, so that a poison item stands alone."""
    try:
        _store_batch(connector, told, now)
    except REFUSALS as problem:
        if len(told) == 1:
            told[0][0].failure = Failure(Stage.STORE, problem)
            return
        for one in told:
            _store(connector, [one], now)


def _store_batch(connector: Connector, told: Told, now: datetime) -> None:
    stored = store(drafts=[draft for _, draft in told], origin=connector.origin, now=now)
    fresh = set(stored.fresh)
    for (outcome, _), key in zip(told, stored.keys, strict=True):
        if key in fresh:
            fresh.remove(key)  # the batch may tell of it twice
            outcome.stored += 1
        else:
            outcome.duplicates += 1
