"""What survives chaos: every process is killed at random while webhooks come in and a log file is read.

Run: `.venv/bin/python -m benchmarks.chaos [--kills 1000] [--minutes 20] [--seed 1]`

Starts the product, posts signed GitHub deliveries at a rate, writes JSON lines at another, and sends SIGKILL to one
process after another: web, worker, poller, retrier, beat, Redis or PostgreSQL, now the first of its kind, now one that
it forked. Nothing waits for anything to recover. Then it lets all of it settle and compares what was accepted, or
written, with what is stored and linked. It exits with 1 when anything was lost or stored twice.
"""

import argparse
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue

import orjson
import psycopg

from benchmarks.kill9 import Sender, connected
from benchmarks.product import Product, running

LEADER = 0.2  # how often the first process of its kind is killed, which its supervisor lets wait before it is back
SETTLE = 900  # seconds until everything must be stored and linked
SCRIPT = """
connect(name="lines", kind="jsonlines", values={{"path": "{path}"}}, interval={interval}, actor=None, now=now)
"""


@dataclass
class Ingest:
    """Deliveries and lines that come in until it is told to stop."""

    product: Product
    log: Path
    per_second: float
    accepted: set[int] = field(default_factory=set)
    unanswered: list[str] = field(default_factory=list)
    lines: int = 0
    posted: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    waiting: "Queue[int]" = field(default_factory=Queue)

    def start(self) -> None:
        """Begin."""
        told = (self.product.port, self.waiting, self.accepted, self.unanswered, self.stopping)
        self.senders = [Sender(*told) for _ in range(4)]
        self.writer = threading.Thread(target=self._write, daemon=True)
        for thread in (self.writer, *self.senders):
            thread.start()

    def stop(self) -> None:
        """Write and post no more; what is under way is posted until it is accepted."""
        self.stopping.set()
        for thread in (self.writer, *self.senders):
            thread.join(SETTLE)

    def _write(self) -> None:
        with self.log.open("ab", buffering=0) as file:
            while not self.stopping.wait(0.1):
                for _ in range(max(1, int(self.per_second / 10))):
                    file.write(line(self.lines))
                    self.lines += 1
                    self.waiting.put(self.posted)
                    self.posted += 1


def line(number: int) -> bytes:
    """Return a line that no other says the same as: each speaks of one of a thousand services, so none is folded."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    told = {"timestamp": at, "level": "error", "message": "boom", "service": f"shop-{number % 1_000}", "number": number}
    return orjson.dumps(told) + b"\n"


def kill_one(product: Product, dice: random.Random) -> str:
    """Send SIGKILL to a process drawn at random; return what it was, or nothing when it is away already."""
    everyone = product.processes()
    role = dice.choice(sorted(everyone))
    numbers, leads = everyone[role], dice.random() < LEADER
    if not numbers:
        return ""
    victim = numbers[0] if leads or len(numbers) == 1 else dice.choice(numbers[1:])
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return ""
    return role


def rage(product: Product, *, kills: int, seconds: float, seed: int, pause: float) -> Counter[str]:
    """Kill until there were so many kills or the time is over; return how many of each."""
    dice, killed, ends = random.Random(seed), Counter[str](), time.monotonic() + seconds
    while killed.total() < kills and time.monotonic() < ends:
        if role := kill_one(product, dice):
            killed[role] += 1
            if killed.total() % 50 == 0:
                print(f"  {killed.total()} kills", flush=True)
        time.sleep(dice.uniform(0, 2 * pause))
    return killed


@dataclass(frozen=True)
class Found:
    """What is in the database, of one connector."""

    stored: int
    distinct: int
    linked: int


def found(product: Product, origin: str, identity: str) -> Found:
    """Count the events of a connector, how many of them differ, and how many were considered by linking."""
    mine = f"FROM events_event e JOIN events_origin o ON o.id = e.origin_id WHERE o.name = '{origin}'"
    mine += " AND e.event_type NOT LIKE 'connector%'"
    return Found(
        product.number(f"SELECT count(*) {mine}"),
        product.number(f"SELECT count(DISTINCT {identity}) {mine}"),
        product.number(f"SELECT count(*) {mine} AND e.linked_at IS NOT NULL"),
    )


# Not those of the demo, whose log has a torn line that becomes one.
DEAD_LETTERS = """
SELECT stage, error, message, reference, attempts FROM connectors_deadletter d
JOIN connectors_connector c ON c.id = d.connector_id JOIN events_origin o ON o.id = c.origin_id
WHERE o.name IN ('lines', 'bench')
"""
LINES, HOOKS = ("lines", "e.data->'attributes'->>'number'"), ("bench", "e.source_id")


def settle(product: Product, lines: int, deliveries: int) -> float:
    """Wait until as much is stored and linked as came in; return the seconds it took, or the most that it may."""
    began = time.monotonic()
    while time.monotonic() - began < SETTLE:
        with suppress(psycopg.Error):
            if found(product, *LINES).linked >= lines and found(product, *HOOKS).linked >= deliveries:
                break
        time.sleep(1)
    return time.monotonic() - began


def measure(product: Product, options: argparse.Namespace) -> int:
    """Bring in, kill, stop, settle, compare; return the exit code."""
    log = product.data_dir / "shop.log"
    log.write_bytes(b"")
    product.shell(connected("bench") + SCRIPT.format(path=log, interval=options.interval))
    ingest, began = Ingest(product, log, options.rate), time.monotonic()
    ingest.start()
    killed = rage(product, kills=options.kills, seconds=options.minutes * 60, seed=options.seed, pause=options.pause)
    raged = time.monotonic() - began
    ingest.stop()
    settled = settle(product, ingest.lines, len(ingest.accepted))
    return report(product, ingest, killed, raged, settled)


def report(product: Product, ingest: Ingest, killed: Counter[str], raged: float, settled: float) -> int:
    """Print what came of it; return the exit code."""
    print(f"{killed.total()} kills in {raged:.0f} s: {', '.join(f'{role} {n}' for role, n in killed.most_common())}")
    print(f"{len(ingest.unanswered)} calls unanswered or refused, each sent again; all settled {settled:.0f} s later")
    lost = False
    for name, came, (origin, identity) in (
        ("deliveries accepted", len(ingest.accepted), HOOKS),
        ("lines written", ingest.lines, LINES),
    ):
        kept = found(product, origin, identity)
        print(f"{name} {came:,}: stored {kept.stored:,}, distinct {kept.distinct:,}, linked {kept.linked:,}")
        lost |= not came == kept.stored == kept.distinct == kept.linked
    with psycopg.connect(product.address) as database:
        dead = database.execute(DEAD_LETTERS).fetchall()
    for letter in dead[:20]:
        print("  dead letter:", *letter)
    print(f"dead letters {len(dead)}; {'LOST OR TWICE' if lost or dead else 'nothing lost, nothing twice'}")
    return int(lost or bool(dead))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.6, help="seconds between kills, on average")
    parser.add_argument("--rate", type=float, default=40, help="deliveries, and lines, a second")
    parser.add_argument("--interval", type=int, default=10, help="seconds between polls")
    options = parser.parse_args()
    with running(DEMO="false") as product:
        status = measure(product, options)
        if status:
            said = (text for text in product.log.read_text().splitlines() if "rcaplatform.request" not in text)
            print(*list(said)[-200:], sep="\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
