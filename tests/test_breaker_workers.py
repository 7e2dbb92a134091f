"""The breaker of a source that fails is one for all workers: real ones, that hear bells, are killed and start anew."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from celery import current_app
from django.db import connection
from django.utils import timezone

from connectors import services
from connectors.breakers import FAILURES, RESET_SECONDS
from connectors.models import Breaker, Connector, Transition
from connectors.schedules import POLL_TASK
from connectors.tests import peers
from connectors.tests.peers import Peer, Reply, turns
from events.models import Event
from rcaplatform.processes import commands

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60
ALERTS = "/api/v2/alerts"
UNWELL = (Reply("no", status=500), peers.reset, peers.cut_short, Reply("<html>"), Reply("busy", status=503))


@contextmanager
def worker(queue: str, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker as the product does, in this test's database, that hears one queue; it dies with all it forked."""
    given, name = urlsplit(os.environ["DATABASE_URL"]), connection.settings_dict["NAME"]
    environment = {**os.environ, "DATABASE_URL": urlunsplit(given._replace(path=f"/{name}")), **variables}
    command = commands({"POLL_CONCURRENCY": "1"})["poller"]
    command[command.index("polls")] = queue
    command[command.index("poller@%h")] = f"{queue}@%h"
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a worker at once, with the process that was polling."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(told: Callable[[], Any]) -> Any:
    """Return what ``told`` returns once it is something."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if found := told():
            return found
        time.sleep(0.02)
    raise AssertionError(f"Nothing came in {PATIENCE} seconds.")


def ring(connector: Connector, queue: str) -> None:
    """Ask one worker to poll, once nobody else does."""
    until(is_free)
    Connector.objects.filter(pk=connector.pk).update(next_poll_at=timezone.now(), last_error="")
    current_app.send_task(POLL_TASK, args=[str(connector.pk)], queue=queue)


def rested(connector: Connector, queue: str) -> bool:
    """Ask one worker to poll; tell whether it says that the source rests."""
    ring(connector, queue)
    said = until(lambda: Connector.objects.values_list("last_error", flat=True).get(pk=connector.pk))
    return str(said).startswith(f"{connector.name} rests for a minute")


def moves() -> list[str]:
    return list(Transition.objects.order_by("id").values_list("after", flat=True))


def failures() -> int:
    return sum(breaker.failures for breaker in Breaker.objects.all())


def is_free() -> bool:
    """Tell whether PostgreSQL has noticed that nobody polls any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE l.locktype = 'advisory' AND d.datname = current_database()"
        )
        return bool(cursor.fetchone() == (0,))


def a_minute_passes() -> None:
    """Let the breaker have opened a minute ago, and its failures be as old."""
    for breaker in Breaker.objects.all():
        breaker.opened_at = timezone.now() - timedelta(seconds=RESET_SECONDS + 1)
        breaker.save(update_fields=["opened_at"])


def test_workers_count_together_rest_together_and_find_together_that_the_source_is_back() -> None:
    alert = {"fingerprint": "1", "startsAt": timezone.now().isoformat(), "labels": {"alertname": "Down"}}
    well = [{**alert, "status": {"state": "active"}}]
    with Peer({ALERTS: turns(*UNWELL)}) as peer, ExitStack() as stack:
        values = {"url": peer.url, "secret": "s"}
        connector = services.connect(name="am", kind="alertmanager", values=values, actor=None, now=timezone.now())
        first, _ = stack.enter_context(worker("first")), stack.enter_context(worker("second"))
        ring(connector, "first")
        until(lambda: failures() >= 2)
        kill(first)  # while it waits for its next try
        until(is_free)
        uncounted = len(peer.asked) - failures()  # a call that it had just made
        ring(connector, "second")
        until(lambda: moves() == ["open"])
        asked = FAILURES + uncounted
        assert len(peer.asked) == asked
        stack.enter_context(worker("first"))
        assert rested(connector, "first")
        assert rested(connector, "second")
        assert len(peer.asked) == asked

        a_minute_passes()
        ring(connector, "first")
        until(lambda: moves() == ["open", "half-open", "open"])
        assert rested(connector, "second")
        assert len(peer.asked) == asked + 1

        peer.routes[ALERTS] = well
        a_minute_passes()
        ring(connector, "second")
        until(lambda: moves()[3:] == ["half-open", "closed"])
        until(lambda: Event.objects.filter(event_type="alert_firing").exists())
        ring(connector, "first")
        until(lambda: len(peer.asked) == asked + 3)
        until(lambda: not Connector.objects.exclude(failures=0).exists())
        assert moves()[5:] == []
