"""How fast events are written, next to what the database and the framework can do by themselves, in one run.

Run: `.venv/bin/python -m benchmarks.ingest [--events 50000] [--seconds 8]`

Starts a PostgreSQL (durable: fsync and synchronous commits), a Redis and the web server of their own in a temporary
directory. Figures of a busy machine vary; the ratios, taken side by side, say more. No worker runs, so nothing is
linked meanwhile, and the linking queue has no limit.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.ingest_load import Sender, request_of, told
from benchmarks.load import UNLIMITED
from benchmarks.product import ROOT, free_port
from rcaplatform.embedded import Postgres, Redis, socket_dir
from rcaplatform.processes import commands
from tests.servers import serving

PYTHON = sys.executable
LINES, JSON = "application/x-ndjson", "application/json"
SINGLES = {"bare Django view, INSERT": "/raw", "bare DRF view, serializer": "/drf", "POST /events": "/api/v1/events"}
COPY = "bare COPY, 1,000 a commit"
numbers = count(10_000_000)


@contextmanager
def stores(data_dir: Path) -> Iterator[dict[str, str]]:
    """Run both stores and return the environment of whoever uses them."""
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, socket_dir(data_dir), ignore_errors=True)
        for server in (Postgres(data_dir), Redis(data_dir)):
            stack.enter_context(serving(server))
        environment = {**os.environ, "RCA_DATA_DIR": str(data_dir), "EVENT_QUEUE_LIMIT": "0", "LOG_LEVEL": "WARNING"}
        environment |= UNLIMITED | {"DJANGO_SETTINGS_MODULE": "rcaplatform.settings", "WEB_WORKERS": "2"}
        subprocess.run([PYTHON, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        yield environment


@contextmanager
def web(environment: dict[str, str], settings: str) -> Iterator[int]:
    """Run the product's web server with ``settings`` and return its port."""
    port = free_port()
    environment = {**environment, "PORT": str(port), "DJANGO_SETTINGS_MODULE": settings}
    command = [str(Path(PYTHON).with_name(commands(environment)["web"][0])), *commands(environment)["web"][1:]]
    with (Path(environment["RCA_DATA_DIR"]) / f"{settings}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit("The web server does not start.")


def send(
    port: int, path: str, kind: str, bodies: Iterator[bytes], token: str, connections: int, seconds: float
) -> tuple[float, list[Sender]]:
    """Send bodies over so many connections, each its share; return the seconds all took and the senders."""
    requests = [request_of(path, kind, body, token) for body in bodies]
    until = time.perf_counter() + seconds
    senders = [Sender(port, iter(requests[index::connections]), until) for index in range(connections)]
    began = time.perf_counter()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    took = time.perf_counter() - began
    wrong = [status for sender in senders for status in sender.statuses if status not in (200, 201)]
    if wrong or not any(sender.statuses for sender in senders):
        sys.exit(f"{path} answered {wrong[:5] or 'nothing'}")
    return took, senders


def many(port: int, token: str, events: int) -> Iterator[tuple[str, float]]:
    """Yield the events a second of bulk calls, by size of a call and number of connections."""
    for size in (100, 1_000, 10_000):
        for connections in (1, 2, 4):
            calls = max(connections, round(events / size / connections) * connections)
            if size == 100:
                calls = min(calls, 400)
            bodies = [b"\n".join(json.dumps(told(next(numbers))).encode() for _ in range(size)) for _ in range(calls)]
            took, _ = send(port, "/api/v1/events/bulk", LINES, iter(bodies), token, connections, 300)
            yield f"bulk over HTTP, {size:,} a call, {connections} connections", calls * size / took


def one_by_one(ports: dict[str, int], token: str, seconds: float) -> Iterator[tuple[str, float, str]]:
    """Yield the requests a second of each single door, and its p50 and p95; they take turns, three each."""
    for connections in (1, 16):
        counts: dict[str, list[float]] = {name: [] for name in SINGLES}
        times: dict[str, list[float]] = {name: [] for name in SINGLES}
        for _ in range(3):
            for name, path in SINGLES.items():
                bodies = (json.dumps(told(next(numbers))).encode() for _ in range(int(2_000 * seconds)))
                took, senders = send(ports[path], path, JSON, bodies, token, connections, seconds)
                counts[name].append(sum(len(sender.seconds) for sender in senders) / took)
                times[name] += [each for sender in senders for each in sender.seconds]
        for name in SINGLES:
            ordered = sorted(times[name])
            p50, p95 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.95))
            yield f"{name}, {connections} connections", median(counts[name]), f"p50 {p50:.1f} ms, p95 {p95:.1f} ms"


def inside(environment: dict[str, str], events: int, first: int) -> dict[str, Any]:
    """Return what `benchmarks.ingest_store` finds with events numbered from ``first``."""
    command = [PYTHON, "-m", "benchmarks.ingest_store", str(events), str(first)]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def show(name: str, rate: float, than: float, also: str = "") -> None:
    """Print one line of the table."""
    print(f"{name:<48} {rate:>10,.0f}/s {rate / than:>8.2f}  {also}", flush=True)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=40_000, help="events of each bulk figure, at most")
    parser.add_argument("--seconds", type=float, default=4, help="length of each of three rounds of single events")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rca-ingest-") as folder, stores(Path(folder)) as environment:
        found = inside(environment, options.events, 0)
        copy = found["rates"][COPY]
        print(f"{'events stored':<48} {'rate':>12} {'of COPY':>8}")
        for name, rate in found["rates"].items():
            show(name, rate, copy)
        with web(environment, "rcaplatform.settings") as ours, web(environment, "benchmarks.bare") as bare:
            for name, rate in many(ours, found["token"], options.events):
                show(name, rate, copy)
            again = inside(environment, options.events, 5_000_000)["rates"][COPY]
            show(f"{COPY}, after all that", again, copy)
            ports = {"/raw": bare, "/drf": bare, "/api/v1/events": ours}
            singles = list(one_by_one(ports, found["token"], options.seconds))
            print(f"{'one event a request':<48} {'rate':>12} {'of DRF':>8}")
            for position, (name, rate, also) in enumerate(singles):
                show(name, rate, singles[position // 3 * 3 + 1][1], also)


if __name__ == "__main__":
    main()
