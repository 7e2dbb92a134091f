"""Whether the product keeps up: `python -m benchmarks.throughput [--seconds 300] [--rate 100000]` lines a minute.

Starts the product with two workers, writes JSON lines of errors of several services at that rate into a log that is
polled, and waits until all are stored and linked. No two lines are of one template, and folding is off besides.
Afterwards, on the same servers, a bare COPY into the same table is the yardstick. A line's lag is from when it was
written to when linking took its event up; the wait for the next poll is part of it.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import orjson
import psycopg

from benchmarks.processor import spent
from benchmarks.product import ACTOR, ROOT, Product, running
from benchmarks.report import Row, table

SERVICES = ("auth", "cart", "orders", "payments", "search", "shipping", "web", "mail")
STEP = 0.1  # seconds between two writes
MINE = "FROM events_event e JOIN events_origin o ON o.id = e.origin_id WHERE o.name = 'lines'"
LAG = (
    f"SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM linked_at - timestamp)) {MINE}"  # noqa: S608
)
SCRIPT = """
from django.utils import timezone
from connectors.services import connect
now = timezone.now()
values = {{"path": "{path}", "fold_after": 0}}
connect(name="lines", kind="jsonlines", values=values, interval={interval}, actor=None, now=now)
create(values={{"title": "Payments", "service_affected": "payments", "detected_at": now}}, actor=actor, now=now)
"""


def line(number: int, dice: random.Random) -> bytes:
    """Return a line that says what no other says."""
    words = "".join(chr(97 + number // 26**place % 26) for place in range(6))
    told = {
        "timestamp": datetime.now(UTC).isoformat(),
        "level": "error",
        "service": SERVICES[number % len(SERVICES)],
        "logger": "shop.views",
        "message": f"could not {words} the basket: gateway {words[::-1]} said no after {dice.randrange(4_000)} ms",
        "trace_id": f"{dice.getrandbits(128):032x}",
        "http": {"method": "POST", "route": "/api/v1/orders", "status": 504},
    }
    return orjson.dumps(told) + b"\n"


def write(file: IO[bytes], per_second: float, seconds: float) -> int:
    """Write lines at a steady rate; return how many."""
    dice, written, began = random.Random(1), 0, time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        while written < passed * per_second:
            file.write(line(written, dice))
            written += 1
        file.flush()
        time.sleep(STEP)
    return written


class Watch(threading.Thread):
    """Notes the most memory that a process of each kind takes, and the load of the machine."""

    def __init__(self, product: Product) -> None:
        super().__init__(daemon=True)
        self.product, self.ended = product, threading.Event()
        self.most: dict[str, float] = {}
        self.loads: list[float] = []

    def run(self) -> None:
        """Look now and then until it is ended."""
        while not self.ended.wait(5):
            self.loads.append(os.getloadavg()[0])
            for role, numbers in self.product.processes().items():
                for number in numbers if role != "postgres" else ():  # its memory is shared
                    self.most[role] = max(self.most.get(role, 0), resident(number))


def resident(number: int) -> float:
    """Return the MiB a process holds, 0 when it is gone."""
    try:
        said = Path("/proc", str(number), "statm").read_text()
    except OSError:
        return 0
    return int(said.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def settled(product: Product, lines: int, patience: float) -> float:
    """Wait until all is stored and linked, or patience is over; return the seconds it took."""
    began = time.monotonic()
    while time.monotonic() - began < patience:
        if product.number(f"SELECT count(*) {MINE} AND e.linked_at IS NOT NULL") >= lines:
            break
        time.sleep(0.5)
    return time.monotonic() - began


def busy_seconds(product: Product) -> list[tuple[str, float]]:
    """Return the seconds that the processes of each kind were on a processor, ended children among them."""
    everyone = product.processes().items()
    return sorted((role, sum(map(spent, numbers))) for role, numbers in everyone)


def lag(product: Product) -> tuple[float, float]:
    """Return the median and the 99th percentile of the seconds from a line to its linking."""
    with psycopg.connect(product.address) as database:
        row = database.execute(LAG.encode()).fetchone()
    return tuple(row[0]) if row and row[0] else (0.0, 0.0)


def bare(product: Product) -> float:
    """Return how many rows a second a bare COPY writes into the same table."""
    command = [sys.executable, "-m", "benchmarks.ingest_store", "12000", "50000000"]
    environment = product.environment | {"DJANGO_SETTINGS_MODULE": "rcaplatform.settings", "LOG_LEVEL": "ERROR"}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    return float(json.loads(done.stdout.splitlines()[-1])["rates"]["bare COPY, 1,000 a commit"])


def measure(product: Product, options: argparse.Namespace) -> list[Row]:
    """Write, wait, and return what came of it."""
    log = product.data_dir / "shop.log"
    log.write_bytes(b"")
    product.shell(ACTOR + SCRIPT.format(path=log, interval=options.interval))
    watch = Watch(product)
    watch.start()
    began = time.monotonic()
    with log.open("ab") as file:
        lines = write(file, options.rate / 60, options.seconds)
    wrote, after = time.monotonic() - began, settled(product, lines, options.settle)
    busy = busy_seconds(product)
    watch.ended.set()
    stored, linked = (product.number(f"SELECT count(*) {MINE}{only}") for only in ("", " AND e.linked_at IS NOT NULL"))
    (middle, late), per_second, yardstick = lag(product), linked / (wrote + after), bare(product)
    ratio = f"{per_second / yardstick:.2f}"
    rows = [
        Row("lines written", f"{lines:,}", f"{lines / wrote * 60:,.0f} a minute"),
        Row("stored", f"{stored:,}", target="all", met=stored == lines),
        Row("considered by linking", f"{linked:,}", target="all", met=linked == lines),
        Row("lag of a line until linking", f"p50 {middle:.1f} s, p99 {late:.1f} s"),
        Row("all linked after the last line", f"{after:.1f} s"),
        Row("events a second, to the end", f"{per_second:,.0f}", f"{yardstick:,.0f} bare COPY", ratio),
    ]
    rows += [Row(f"most memory of a {role}", f"{most:.0f} MiB") for role, most in sorted(watch.most.items()) if most]
    rows += [Row(f"{role} on a processor", f"{spent / max(stored, 1) * 1_000:.2f} ms an event") for role, spent in busy]
    loads = watch.loads or [os.getloadavg()[0]]
    return [*rows, Row("load average of a minute", f"{min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores")]


def main() -> None:
    """Run it; exit with 1 when not all is stored and linked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--rate", type=float, default=100_000, help="lines a minute")
    parser.add_argument("--interval", type=int, default=10, help="seconds between polls")
    parser.add_argument("--settle", type=float, default=600, help="seconds until all must be stored and linked")
    options = parser.parse_args()
    with running(WORKER_CONCURRENCY="2", POLL_CONCURRENCY="2") as product:
        rows = measure(product, options)
    print(table(rows))
    sys.exit(any(row.met is False for row in rows))


if __name__ == "__main__":
    main()
