"""How many reads a second the API answers as people and programs mix them, and what each costs whom.

Run: `.venv/bin/python -m benchmarks.mixed [--events 100000] [--seconds 60] [--connections 16] [--keep FOLDER]`

Serves a store of its own as in production, rate limits off, and asks by access tokens of three people: so many of each
kind in a hundred as `MIX` says. Ratios are to a bare view of the REST framework on the same server, asked before and
after; the time on a processor is that of the web processes, of PostgreSQL and of Redis.
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from benchmarks import talk
from benchmarks.load import Load, ask, request
from benchmarks.processor import children, spent
from benchmarks.reads import Store, Web, web
from benchmarks.report import Row, at_most, table
from connectors.demo.crowd import TERMS

# What is asked, and how often in a hundred: one event or investigation is looked at more often than a list is read.
MIX: Mapping[str, int] = {
    "one event": 25,
    "list of events": 10,
    "events of a service": 8,
    "search": 5,
    "one investigation": 15,
    "list of investigations": 7,
    "links of an investigation": 10,
    "suspects of an investigation": 5,
    "notes of an investigation": 5,
    "severity distribution": 2,
    "who am I": 8,
}
TARGET = 1_000
PEOPLE = ("user", "engineer", "admin")


def asked(server: Web, tokens: Sequence[str], size: int = 2_000, seed: int = 1) -> tuple[list[bytes], list[str]]:
    """Return so many requests in an order that is drawn, and which part of the mix each of them is."""
    dice = random.Random(seed)

    def some(path: str) -> list[str]:
        found = talk.ask(server.port, "GET", f"/api/v1/{path}", token=tokens[-1]).body["results"]
        return [row["id"] for row in found]

    events = [number for page in range(1, 6) for number in some(f"events?per_page=100&page={page * 10}")]
    cases = some("investigations?per_page=100")
    ranked = cases[:10]
    for number in ranked:
        talk.ask(server.port, "POST", f"/api/v1/investigations/{number}/suspects", token=tokens[-1])

    def case(part: str = "") -> str:
        return f"investigations/{dice.choice(ranked if part == '/suspects' else cases)}{part}"

    made: dict[str, Callable[[], str]] = {
        "one event": lambda: f"events/{dice.choice(events)}",
        "list of events": lambda: f"events?page={dice.randint(1, 20)}",
        "events of a service": lambda: "events?service=storefront",
        "search": lambda: f"events/search?{urlencode({'q': dice.choice(list(TERMS.values()))})}",
        "one investigation": case,
        "list of investigations": lambda: "investigations",
        "links of an investigation": lambda: case("/events"),
        "suspects of an investigation": lambda: case("/suspects"),
        "notes of an investigation": lambda: case("/notes"),
        "severity distribution": lambda: "analytics/severity-distribution",
        "who am I": lambda: "me",
    }
    kinds = dice.choices(list(MIX), weights=list(MIX.values()), k=size)
    return [request(f"/api/v1/{made[kind]()}", dice.choice(tokens)) for kind in kinds], kinds


class Meter:
    """Seconds that groups of processes have spent on a processor."""

    def __init__(self, server: Web, store: Store) -> None:
        self.roots = {"web": server.process.pid, **store.processes}

    def read(self) -> dict[str, float]:
        """Return the seconds of each group so far."""
        return {name: sum(map(spent, (root, *children(root)))) for name, root in self.roots.items()}


def measure(store: Store, *, seconds: float, connections: int) -> list[Row]:
    """Measure the mix between two looks at the bare view."""
    with web(store) as product, web(store, "benchmarks.read_settings") as bare:
        tokens = [product.token(name) for name in PEOPLE]
        requests, kinds = asked(product, tokens)
        ask(product.port, requests, connections=connections, seconds=min(seconds, 5))
        bares = [bare.get("/drf", {}, connections=connections, seconds=2).rate]
        meter, memory = Meter(product, store), product.memory()
        before = meter.read()
        loads = ask(product.port, requests, connections=connections, seconds=seconds)
        spent = {name: (after - before[name]) for name, after in meter.read().items()}
        grown = product.memory() - memory
        bares.append(bare.get("/drf", {}, connections=connections, seconds=2).rate)
        return report(loads, kinds, spent, median(bares), memory, grown)


def report(
    loads: list[Load], kinds: list[str], spent: Mapping[str, float], bare: float, memory: float, grown: float
) -> list[Row]:
    """Return the rows of the table: the whole, what it cost, and each part of the mix."""
    whole = together(loads)
    count = len(whole.times)
    costs = ", ".join(f"{name} {seconds * 1_000 / count:.2f} ms" for name, seconds in spent.items())
    what, beside = f"mixed reads by JWT, {whole.seconds:.0f} s", f"{bare:,.0f}/s bare view of the REST framework"
    ratio, target = f"{whole.rate / bare:.2f}", f">= {TARGET:,}/s"
    rows = [
        Row(what, f"{whole.rate:,.0f}/s", beside, ratio, target, whole.rate >= TARGET),
        Row("answers that were not 200", f"{whole.failed} of {count:,}", target="0", met=not whole.failed),
        at_most("p95", whole.ms(0.95), 50, "ms", bare=f"p50 {whole.ms(0.5):.1f} ms, p99 {whole.ms(0.99):.1f} ms"),
        Row("on a processor, a request", costs),
        at_most("memory of the largest web worker, grown by", grown, 5, "MiB", bare=f"{memory:.0f} MiB before"),
    ]
    for kind, weight in MIX.items():
        part = together([load for load, other in zip(loads, kinds, strict=True) if other == kind])
        rows.append(
            Row(
                f"{kind}, {weight} %",
                f"p50 {part.ms(0.5):.1f} ms, p95 {part.ms(0.95):.1f} ms",
                f"{part.failed} failed" if part.failed else "",
            )
        )
    return rows


def together(loads: Sequence[Load]) -> Load:
    """Return many loads as one."""
    times = [seconds for load in loads for seconds in load.times]
    return Load(loads[0].seconds, times, sum(load.failed for load in loads))


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--investigations", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--keep", type=Path, help="a folder whose store is used again")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rca-bench-")))
        store = Store(folder / str(options.events), options.events, options.investigations, stack)
        print(table(measure(store, seconds=options.seconds, connections=options.connections)))


if __name__ == "__main__":
    main()
