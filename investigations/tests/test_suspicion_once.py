"""Two workers and one investigation: its suspects are ranked once, by whoever comes first."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from investigations import suspicion
from investigations.models import SuspectReport
from investigations.suspects import Answer
from investigations.tests.factories import InvestigationFactory

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 10  # seconds


def test_who_comes_while_another_worker_ranks_leaves_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    InvestigationFactory()
    begun, done = Signal(), Signal()

    def slow(_scene: object) -> Answer:
        begun.set()
        assert done.wait(PATIENCE)
        return Answer(engine=1)

    def work() -> int:
        try:
            return suspicion.compute_owed(now=timezone.now())
        finally:
            connection.close()  # of this thread

    monkeypatch.setattr(suspicion, "rank", slow)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(work)
        assert begun.wait(PATIENCE)
        second = suspicion.compute_owed(now=timezone.now())
        done.set()
        assert (first.result(PATIENCE), second) == (1, 0)
    assert SuspectReport.objects.count() == 1


def test_who_saw_it_owed_before_another_ranked_it_does_not_rank_it_again() -> None:
    case = InvestigationFactory()
    assert [suspicion.compute_once(investigation=case, now=timezone.now()) for _ in range(2)] == [True, False]


def test_a_worker_that_dies_at_it_holds_nobody_up() -> None:
    case = InvestigationFactory()
    worker = psycopg.connect(**connection.get_connection_params())
    worker.execute("SELECT pg_advisory_lock(%s)", [case.pk.int % 2**63])
    assert suspicion.compute_owed(now=timezone.now()) == 0
    worker.close()
    assert suspicion.compute_owed(now=timezone.now()) == 1
