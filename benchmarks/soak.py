"""Minutes of everything at once, then each process killed in turn while it goes on.

Run: `.venv/bin/python -m benchmarks.soak [--minutes 10] [--reads 100] [--rate 40] [--listeners 100] [--watch 20]`

Starts the product, posts signed deliveries and writes lines of a log at a rate, reads the API by an access token at
another, and lets browsers' streams listen to one investigation in which a note is written each second. After the
minutes it sends SIGKILL to a process that the web server forked, then to the first process of each kind in turn, and
watches for some seconds how long reads fail and how long nothing more is linked. At the end it compares what was
accepted or written with what is stored. It exits with 1 when anything was lost or stored twice.
"""

import argparse
import asyncio
import http.client
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import orjson
import psycopg

from benchmarks import talk
from benchmarks.chaos import HOOKS, LINES, SCRIPT, Ingest, found, settle
from benchmarks.kill9 import connected
from benchmarks.load import UNLIMITED
from benchmarks.product import Product, running
from benchmarks.report import Row, at_most, table

# What is read, in equal shares.
READS = ("me", "events", "events?service=shop-1", "events/search?q=boom", "investigations", "{case}", "{case}/events")
READERS, RECOVERED = 4, 5.0  # threads; seconds after which nothing may fail any more
PASSWORD = "a long enough one"  # noqa: S105
SESSION = """
from django.test import Client
from accounts.models import User
from investigations.models import Investigation
client = Client()
client.force_login(User.objects.get(username="bench"))
print(client.cookies["sessionid"].value, Investigation.objects.get().pk)
"""


@dataclass(frozen=True, slots=True)
class Read:
    """One answer: when it was asked for, how many seconds it took, and its status; 0 where none came."""

    at: float
    took: float
    status: int


@dataclass
class Traffic:
    """People who read, write notes and look on, until it is told to stop."""

    product: Product
    token: str
    cookie: str
    case: str
    per_second: float
    listeners: int
    reads: list[Read] = field(default_factory=list)
    noted: int = 0
    heard: int = 0
    lost: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin."""
        jobs = [*(self._read for _ in range(READERS)), self._note, lambda: asyncio.run(self._listen())]
        self.threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Read, write and listen no more."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)

    def _ask(self, link: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> int:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            link.request(method, f"/api/v1/{path}", body, headers)
            answer = link.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            link.close()
            return 0
        return answer.status

    def _read(self) -> None:
        dice, pause = random.Random(threading.get_ident()), READERS / self.per_second
        with closing(self._link()) as link:
            due = time.monotonic() + dice.uniform(0, pause)
            while not self.stopping.wait(max(0.0, due - time.monotonic())):
                at = time.monotonic()
                status = self._ask(link, "GET", dice.choice(READS).format(case=f"investigations/{self.case}"))
                self.reads.append(Read(at, time.monotonic() - at, status))
                due = max(due + pause, time.monotonic() - 1)  # after an outage not all at once

    def _note(self) -> None:
        with closing(self._link()) as link:
            while not self.stopping.wait(1):
                body = orjson.dumps({"body": f"Note {self.noted}"})
                self.noted += self._ask(link, "POST", f"investigations/{self.case}/notes", body) == 201

    def _link(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.product.port, timeout=30)

    async def _listen(self) -> None:
        tasks = [asyncio.create_task(self._stream()) for _ in range(self.listeners)]
        await asyncio.to_thread(self.stopping.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _stream(self) -> None:
        """Listen; when it ends come again after a second, as a browser does."""
        ask = f"GET /stream/investigations/{self.case} HTTP/1.1\r\nHost: localhost\r\n"
        ask += f"Cookie: sessionid={self.cookie}\r\n\r\n"
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.product.port)
                writer.write(ask.encode())
                while line := await reader.readline():
                    self.heard += line.startswith(b"data:") and b"note" in line
                writer.close()
            self.lost += 1
            await asyncio.sleep(1)


BUFFERS = "postgres, shared buffers"


def memory(product: Product) -> dict[str, float]:
    """Return the MiB that the processes of each kind hold, what they share with one another counted once.

    Shared buffers stand apart: they fill up to what they are given and stay there.
    """
    held = {}
    for role, numbers in product.processes().items():
        told = [_shares(number) for number in numbers]
        buffers = sum(one.get("Pss_Shmem", 0) for one in told) if role == "postgres" else 0
        held[role] = (sum(one.get("Pss", 0) for one in told) - buffers) / 1024
        if buffers:
            held[BUFFERS] = buffers / 1024
    return held


def _shares(number: int) -> dict[str, int]:
    """Return the KiB of each kind that a process holds."""
    with suppress(OSError):
        lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()[1:]
        return {name: int(size.split()[0]) for name, size in (line.split(":", 1) for line in lines)}
    return {}


def linked(product: Product) -> int:
    """Return how many events were considered by linking; -1 while the database does not say."""
    with suppress(psycopg.Error):
        return product.number("SELECT count(*) FROM events_event WHERE linked_at IS NOT NULL")
    return -1


def victims(product: Product) -> Iterator[tuple[str, int]]:
    """Name whom to kill, one after another, each as it is by then."""
    yield "a web process", product.processes()["web"][1]
    for role in ("web", "worker", "poller", "retrier", "beat", "redis", "postgres"):
        yield role, product.processes()[role][0]


def outage(product: Product, traffic: Traffic, name: str, number: int, seconds: float) -> Row:
    """Kill one process; return how long reads failed and nothing was linked."""
    killed, before, moved, still = time.monotonic(), linked(product), time.monotonic(), 0.0
    os.kill(number, signal.SIGKILL)
    while time.monotonic() - killed < seconds:
        time.sleep(0.25)
        if (now := linked(product)) > before:
            still, before, moved = max(still, time.monotonic() - moved), now, time.monotonic()
    still = max(still, time.monotonic() - moved)
    failed = [read for read in traffic.reads if read.at + read.took >= killed and read.status != 200]
    last = max((read.at + read.took - killed for read in failed), default=0.0)
    errors = sum(read.status >= 500 for read in failed)
    figure = f"{len(failed)} reads failed ({errors} with 5xx), the last after {last:.1f} s"
    stood = f"longest without a link {still:.1f} s"
    return Row(f"kill -9: {name}", figure, stood, target=f"none after {RECOVERED:g} s", met=last <= RECOVERED)


def soaked(traffic: Traffic, held: Sequence[Mapping[str, float]], lost: int) -> list[Row]:
    """Return what came of the minutes without a kill; ``held`` is memory early on, half way, and at the end."""
    early, half, after = held
    reads = list(traffic.reads)
    took = sorted(read.took * 1_000 for read in reads)
    failed = sum(read.status != 200 for read in reads)
    seconds = reads[-1].at - reads[0].at
    due = traffic.noted * traffic.listeners
    rows = [
        Row(f"reads in {seconds:.0f} s", f"{len(reads):,}, {len(reads) / seconds:.0f}/s"),
        Row("reads that failed", f"{failed}", target="0", met=not failed),
        at_most("read, p95", took[int(len(took) * 0.95)], 50, "ms", bare=f"p50 {median(took):.1f} ms"),
        Row("notes heard by streams", f"{traffic.heard:,} of {due:,}; {lost} streams lost", target="all", met=not lost),
    ]
    for role, size in after.items():
        middle = half.get(role, 0)
        grown = f"{middle - early.get(role, 0):+.0f}, then {size - middle:+.0f} MiB"
        rows.append(Row(f"memory of {role}", f"{size:.0f} MiB", grown))
    return rows


def kept(product: Product, ingest: Ingest) -> list[Row]:
    """Compare what came in with what is stored."""
    rows = []
    came_in = ("deliveries accepted", len(ingest.accepted), HOOKS), ("lines written", ingest.lines, LINES)
    for name, came, (origin, identity) in came_in:
        kept = found(product, origin, identity)
        figure = f"{came:,}: stored {kept.stored:,}, distinct {kept.distinct:,}, linked {kept.linked:,}"
        rows.append(Row(name, figure, target="all, once", met=came == kept.stored == kept.distinct == kept.linked))
    return rows


def measure(product: Product, options: argparse.Namespace) -> list[Row]:
    """Let everything go on for the minutes, kill, settle, compare."""
    log = product.data_dir / "shop.log"
    log.write_bytes(b"")
    product.shell(connected("bench") + SCRIPT.format(path=log, interval=5))
    cookie, case = product.shell(SESSION).split()
    ingest = Ingest(product, log, options.rate)
    traffic = Traffic(product, token(product), cookie, case, options.reads, options.listeners)
    ingest.start()
    traffic.start()
    time.sleep(min(60, options.minutes * 15))
    held = [memory(product)]
    for _ in range(2):
        ends = time.monotonic() + options.minutes * 30
        while time.monotonic() < ends:
            print(f"  {len(traffic.reads):,} reads, {ingest.lines:,} lines, {linked(product):,} linked", flush=True)
            time.sleep(min(30, max(0.0, ends - time.monotonic())))
        held.append(memory(product))
    rows = soaked(traffic, held, traffic.lost)
    if options.watch:
        rows += [outage(product, traffic, *victim, options.watch) for victim in victims(product)]
    traffic.stop()
    ingest.stop()
    settle(product, ingest.lines, len(ingest.accepted))
    return rows + kept(product, ingest)


def token(product: Product) -> str:
    """Sign in."""
    body = {"username": "bench", "password": PASSWORD}
    return str(talk.ask(product.port, "POST", "/api/v1/auth/token", body=body).body["access"])


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--reads", type=float, default=100, help="reads a second")
    parser.add_argument("--rate", type=float, default=40, help="deliveries, and lines, a second")
    parser.add_argument("--listeners", type=int, default=100, help="open streams")
    parser.add_argument("--watch", type=float, default=20, help="seconds after each kill; 0 kills nobody")
    options = parser.parse_args()
    with running(DEMO="false", EVENT_QUEUE_LIMIT="0", **UNLIMITED) as product:
        rows = measure(product, options)
    print(table(rows))
    sys.exit(any(row.target == "all, once" and not row.met for row in rows))


if __name__ == "__main__":
    main()
