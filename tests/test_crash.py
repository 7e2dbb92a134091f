"""`kill -9` of a poll, and of anything: what was committed is kept, the rest comes again, nothing is stored twice."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import orjson
import pytest
from django.db import connection
from django.utils import timezone

from benchmarks import chaos
from benchmarks.kill9 import connected
from benchmarks.product import Product, running
from benchmarks.soak import linked
from connectors import services
from connectors.sources.jsonlines import JSONLines
from events.models import Event
from rcaplatform.processes import LONG_ENOUGH

ROOT = Path(__file__).resolve().parent.parent
LINES, KILLS = 16_000, 2


def start_poll() -> "subprocess.Popen[bytes]":
    """Poll the connector in a process of its own, in this test's database."""
    given, name = urlsplit(os.environ["DATABASE_URL"]), connection.settings_dict["NAME"]
    environment = {**os.environ, "DATABASE_URL": urlunsplit(given._replace(path=f"/{name}"))}
    command = [sys.executable, "manage.py", "connectors", "poll", "log"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_poll_that_is_killed_again_and_again_stores_every_line_once(tmp_path: Path) -> None:
    log, now = tmp_path / "log", timezone.now().isoformat()
    line = {"timestamp": now, "level": "error", "message": "boom"}
    told = ({**line, "number": number, "service": f"shop-{number}"} for number in range(LINES))  # no flood to be folded
    log.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in told))
    services.connect(name="log", kind=JSONLines.kind, values={"path": str(log)}, actor=None, now=timezone.now())
    stored = Event.objects.filter(origin__name="log")
    for _ in range(KILLS):
        before, poll = stored.count(), start_poll()
        while poll.poll() is None and stored.count() == before:
            time.sleep(0.02)
        poll.send_signal(signal.SIGKILL)
        poll.wait()
        assert before < stored.count() < LINES
    assert start_poll().wait(120) == 0
    assert (stored.count(), stored.values("data__attributes__number").distinct().count()) == (LINES, LINES)


@pytest.mark.slow
def test_eight_kills_of_whatever_runs_lose_nothing_and_store_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "SETTLE", 120)
    options = argparse.Namespace(kills=8, minutes=0.5, seed=1, pause=0.5, rate=20, interval=5)
    with running(DEMO="false") as product:
        assert chaos.measure(product, options) == 0


def leaders(product: Product) -> list[int]:
    """Return the first process of each kind of worker."""
    return [product.processes()[role][0] for role in ("worker", "poller", "retrier")]


@pytest.mark.slow
def test_workers_that_are_busy_outlive_a_redis_that_is_killed_and_go_on() -> None:
    with running(DEMO="false") as product:
        log = product.data_dir / "shop.log"
        log.touch()
        product.shell(connected("bench") + chaos.SCRIPT.format(path=log, interval=5))
        ingest, before = chaos.Ingest(product, log, 40), leaders(product)
        ingest.start()
        try:
            for _ in range(4):
                time.sleep(LONG_ENOUGH + 1)  # so that it is started again at once
                done = linked(product)
                os.kill(product.processes()["redis"][0], signal.SIGKILL)
                ends = time.monotonic() + 30
                while linked(product) < done + 100:
                    assert time.monotonic() < ends, product.log.read_text()
                    time.sleep(0.1)
        finally:
            ingest.stop()
        assert leaders(product) == before, product.log.read_text()
