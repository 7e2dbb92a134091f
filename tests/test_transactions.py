"""Transactions that lose a deadlock are run again, and only those."""

from threading import Barrier, Thread
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected
from structlog.testing import capture_logs

from events.models import Event
from events.tests.factories import EventFactory
from rcaplatform.kit.transactions import ATTEMPTS, repeat_deadlocked


@pytest.mark.django_db(transaction=True)
def test_of_two_that_deadlock_both_come_through() -> None:
    rows = [event.pk for event in EventFactory.create_batch(2)]
    both_hold_one, done = Barrier(2, timeout=5), []

    @repeat_deadlocked
    @transaction.atomic
    def write(order: list[UUID], tries: list[int]) -> None:
        tries.append(1)
        for pk in order:
            Event.objects.filter(pk=pk).update(component="held")
            if tries == [1] and pk == order[0]:
                both_hold_one.wait()

    def run(order: list[UUID]) -> None:
        tries: list[int] = []
        try:
            write(order, tries)
            done.append(len(tries))
        finally:
            connection.close()

    threads = [Thread(target=run, args=[order]) for order in (rows, rows[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), min(done), max(done) > 1) == (2, 1, True)


@pytest.mark.parametrize(("cause", "tried"), [(DeadlockDetected(), ATTEMPTS), (OSError(), 1)])
def test_it_is_not_tried_for_ever_and_not_for_another_reason(cause: Exception, tried: int) -> None:
    calls = []

    @repeat_deadlocked
    def hopeless() -> None:
        calls.append(1)
        raise OperationalError from cause

    with pytest.raises(OperationalError), capture_logs() as logs:
        hopeless()
    assert (len(calls), len(logs)) == (tried, tried - 1)
