"""Deeds: ask the sources of metrics and traces about the time of an incident, once, when its investigation opens.

The events that are stored are what was remarkable; to rank suspects one must know the usual as well. Each source is
asked behind its circuit breaker and for a bounded time. One that is away costs no more than a word in the report.
"""

from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import structlog
from django.conf import settings

from connectors import breakers
from connectors.base import Pull
from connectors.models import Connector
from connectors.pipeline import open_source
from connectors.registry import source_kind
from investigations import surveys, suspicion
from investigations.comparing import onset_of
from investigations.models import Investigation
from investigations.surveys import Answer
from investigations.suspects.scene import Series
from rcaplatform.kit.errors import DomainError
from rcaplatform.kit.leases import lease

log = structlog.get_logger(__name__)
BEFORE, AFTER = timedelta(hours=2), timedelta(minutes=30)
SECONDS = 20.0  # for one source; a request that hangs ends by its own deadline
MOST_SOURCES, MOST_TOLD = 10, 5_000


def work(*, now: datetime) -> int:
    """Ask about each investigation that was opened lately, and rank its suspects anew; return about how many."""
    askable = _askable() if settings.SURVEY_SOURCES else []
    return sum(_survey(investigation, askable, now) for investigation in surveys.owed(now)) if askable else 0


def _askable() -> list[Connector]:
    running = Connector.objects.running().order_by("name")
    return [one for one in running if source_kind(one.kind).observable][:MOST_SOURCES]


def _survey(investigation: Investigation, askable: list[Connector], now: datetime) -> bool:
    """Ask, keep and rank, unless another worker is at it; its lease is another than that of a ranking."""
    with lease(UUID(int=investigation.pk.int ^ 1)) as held:
        if not held or investigation.surveys.exists():
            return False
        answers = [_asked(connector, investigation, now) for connector in askable]
        surveys.keep(investigation=investigation, answers=answers, now=now)
        suspicion.compute(investigation=investigation, now=now)
        return True


def _asked(connector: Connector, investigation: Investigation, now: datetime) -> Answer:
    answer = Answer(connector.name)
    try:
        breakers.Gate(connector).call(lambda: _collect(connector, investigation, now, answer))
    except DomainError as problem:
        answer.failed, answer.said = True, problem.message
    except Exception as problem:
        log.exception("survey.failed", connector=connector.name)
        answer.failed, answer.said = True, f"{type(problem).__name__}: {problem}"
    return answer


def _collect(connector: Connector, investigation: Investigation, now: datetime, answer: Answer) -> None:
    """Take what the source tells until it has told enough, or its time is over."""
    source, ends = open_source(connector, now), monotonic() + SECONDS
    if not isinstance(source, Pull) or not source.is_polled():
        answer.said = "It is not polled."
        return
    onset = onset_of(investigation)
    for one in source.observe(onset - BEFORE, min(now, investigation.detected_at + AFTER)):
        answer.told.append(one)
        if len(answer.told) >= MOST_TOLD or monotonic() > ends:
            break
    series = sum(isinstance(one, Series) for one in answer.told)
    counts = ((series, "series"), (len(answer.told) - series, "spans"))
    answer.said = ", ".join(f"{count:,} {what}" for count, what in counts if count) or "nothing of that time"
