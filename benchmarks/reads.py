"""How fast the product reads, next to bare views on the same server and database, in one run.

Run: `.venv/bin/python -m benchmarks.reads [--events 1000000] [--investigations 10000] [--seconds 2] [--keep FOLDER]`

Fills a store of so many events and one of a tenth with `loadtest-data`, each on a PostgreSQL and a Redis of its own,
and asks the web server as it runs in production. Product and yardstick take turns, so that a busy machine slows both.
FOLDER keeps the stores for the next run. Rate limits are off.
"""

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.request import Request, urlopen

import psycopg

from benchmarks.load import UNLIMITED, Load, get
from benchmarks.processor import children
from benchmarks.product import ROOT, free_port
from benchmarks.report import Row, at_most, table
from connectors.demo.crowd import TERMS
from rcaplatform.embedded import servers, socket_dir
from rcaplatform.processes import commands
from tests.servers import serving

PASSWORD = "only to measure with"  # noqa: S105
TURNS, BUSY = 3, 16
LIST, SEARCH, BARE = "/api/v1/events", "/api/v1/events/search", "/events"
FILTERS: dict[str, dict[str, str]] = {
    "list": {},
    "filter by service": {"service": "storefront"},
    "filter by severity": {"severity": "critical"},
}
SEARCHES = {
    **{kind: {"q": term} for kind, term in TERMS.items()},
    "exact phrase": {"q": f'"{TERMS["phrase"]}"'},
    "and": {"q": f"{TERMS['common']} {TERMS['most common']}"},
    "or": {"q": f"{TERMS['common']} OR {TERMS['rare']}"},
    "not": {"q": f"{TERMS['common']} -{TERMS['most common']}"},
    "not alone": {"q": f"-{TERMS['common']}"},
    "with a filter": {"q": TERMS["common"], **FILTERS["filter by service"]},
}
ANALYTICS = ("investigation-timeline", "severity-distribution", "mttr", "sources", "components", "events/by-source")


class Store:
    """A filled store and the environment that leads to it."""

    def __init__(self, folder: Path, events: int, investigations: int, stack: ExitStack) -> None:
        self.environment = {**os.environ, **UNLIMITED, "RCA_DATA_DIR": str(folder), "LOG_LEVEL": "WARNING"}
        self.environment |= {"DEMO_PASSWORD": PASSWORD, "SITE_URL": "http://localhost:8000"}
        folder.mkdir(parents=True, exist_ok=True)
        self.processes: dict[str, int] = {}
        for server in servers(folder, {}):
            self.processes[server.name] = stack.enter_context(serving(server)).pid
            self.environment[server.variable] = server.url
        self.events = events
        self.manage("migrate", "--verbosity=0")
        self.manage("bootstrap")
        if not (folder / "filled").exists():
            self.manage("loadtest-data", f"--events={events}", f"--investigations={investigations}")
            (folder / "filled").touch()
        with psycopg.connect(f"dbname=rca user=rca host={socket_dir(folder)}", autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            self.deep = self._cursor(connection, events * 9 // 10)

    def manage(self, *arguments: str) -> None:
        """Run a command of the product on this store."""
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def _cursor(self, connection: psycopg.Connection, row: int) -> str:
        """Return the cursor after a row of the list, as the list would give it after paging there."""
        sql = "SELECT timestamp, id FROM events_event ORDER BY timestamp DESC, id DESC OFFSET %s LIMIT 1"
        found = connection.execute(sql, [row]).fetchone()
        if found is None:
            raise SystemExit(f"The store has no row {row:,}.")
        place = json.dumps(["-timestamp", found[0].isoformat(), str(found[1])])
        return base64.urlsafe_b64encode(place.encode()).rstrip(b"=").decode()


class Web:
    """A web server over a store: the product, or with ``settings`` the yardstick."""

    def __init__(self, store: Store, settings: str = "rcaplatform.settings", interface: str = "asginl") -> None:
        self.port = free_port()
        own = {"PORT": str(self.port), "DJANGO_SETTINGS_MODULE": settings}
        command = [str(Path(sys.executable).with_name("granian")), *commands({**store.environment, **own})["web"][1:]]
        command[command.index("asginl")] = interface
        command[-1] = "rcaplatform.wsgi:application" if interface == "wsgi" else command[-1]
        output = subprocess.DEVNULL
        self.process = subprocess.Popen(command, cwd=ROOT, env={**store.environment, **own}, stdout=output)

    def get(self, path: str, query: dict[str, str], *, connections: int = 1, seconds: float, token: str = "") -> Load:
        """Ask, and fail when an answer is not 200."""
        load = get(self.port, path, query, token=token, connections=connections, seconds=seconds)
        if load.failed or not load.times:
            raise SystemExit(f"{path} {query}: {load.failed} of {len(load.times)} answers were not 200.")
        return load

    def token(self, username: str = "engineer") -> str:
        """Sign in."""
        body = json.dumps({"username": username, "password": PASSWORD}).encode()
        address, headers = f"http://localhost:{self.port}/api/v1/auth/token", {"Content-Type": "application/json"}
        with urlopen(Request(address, body, headers), timeout=30) as answer:
            return str(json.load(answer)["access"])

    def memory(self) -> float:
        """Return the MiB of the largest worker."""
        sizes = [Path(f"/proc/{child}/statm").read_text().split()[1] for child in children(self.process.pid)]
        return max(map(int, sizes)) * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def web(store: Store, *options: str) -> Iterator[Web]:
    """Serve for as long as the block lasts."""
    server = Web(store, *options)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                server.get("/trivial" if options else "/healthz", {}, connections=4, seconds=0.2)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(20)


def against(product: Web, token: str, bare: Web, name: str, query: dict[str, str], seconds: float) -> list[Row]:
    """Measure a list and the same query in a bare view, in turns: alone, and with many connections."""
    ours, theirs, busy, busy_bare = [], [], [], []
    for _ in range(TURNS):
        ours.append(product.get(LIST, query, token=token, seconds=seconds))
        theirs.append(bare.get(BARE, query, seconds=seconds))
        busy.append(product.get(LIST, query, token=token, connections=BUSY, seconds=seconds).rate)
        busy_bare.append(bare.get(BARE, query, connections=BUSY, seconds=seconds).rate)
    p95, bare_p95 = (median(load.ms(0.95) for load in loads) for loads in (ours, theirs))
    rate, bare_rate = median(busy), median(busy_bare)
    ratio = rate / bare_rate
    return [
        at_most(f"{name}, 20 rows, p95", p95, 8, "ms", bare=f"{bare_p95:.1f} ms"),
        Row(
            f"{name}, {BUSY} connections", f"{rate:,.0f}/s", f"{bare_rate:,.0f}/s", f"{ratio:.2f}",
            ">= 1500/s, >= 0.6", rate >= 1500 and ratio >= 0.6,
        ),
    ]  # fmt: skip


def bridge(store: Store, bare: Web, seconds: float) -> list[Row]:
    """Measure what the server itself costs: the same views with nothing but threads."""
    with web(store, "benchmarks.read_settings", "wsgi") as threads:
        rates: dict[str, list[float]] = {"one": [], "other": [], "drf": []}
        for _ in range(TURNS):
            rates["one"].append(bare.get("/trivial", {}, connections=BUSY, seconds=seconds).rate)
            rates["other"].append(threads.get("/trivial", {}, connections=BUSY, seconds=seconds).rate)
            rates["drf"].append(bare.get("/drf", {}, connections=BUSY, seconds=seconds).rate)
    one, other, drf = (median(rates[name]) for name in ("one", "other", "drf"))
    ratio = one / other
    return [
        Row("trivial view, pages and stream on one port", f"{one:,.0f}/s", f"{other:,.0f}/s WSGI alone", f"{ratio:.2f}",
            ">= 0.8", ratio >= 0.8),
        Row("trivial view of the REST framework, bare", f"{drf:,.0f}/s"),
    ]  # fmt: skip


def latencies(product: Web, token: str, seconds: float) -> dict[str, float]:
    """Return the p95 of each list and search, in milliseconds."""
    asked = {name: (LIST, query) for name, query in FILTERS.items()}
    asked |= {f"search: {name}": (SEARCH, query) for name, query in SEARCHES.items()}
    found = {}
    for name, (path, query) in asked.items():
        product.get(path, query, token=token, seconds=seconds / 4)
        loads = [product.get(path, query, token=token, seconds=seconds / 2) for _ in range(TURNS)]
        found[name] = median(load.ms(0.95) for load in loads)
    return found


def depth(product: Web, token: str, store: Store, seconds: float) -> Row:
    """Measure a page deep down against the first."""
    first, deep = [], []
    for _ in range(TURNS):
        first.append(product.get(LIST, {"cursor": ""}, token=token, seconds=seconds).ms(0.5))
        deep.append(product.get(LIST, {"cursor": store.deep}, token=token, seconds=seconds).ms(0.5))
    ratio = median(deep) / median(first)
    what, row = "page by cursor, p50", store.events * 9 // 10
    figures = f"{median(deep):.1f} ms", f"{median(first):.1f} ms first page", f"{ratio:.2f}"
    return Row(f"{what}, at row {row:,}", *figures, "<= 1.5", ratio <= 1.5)


def analytics(product: Web, token: str) -> list[Row]:
    """Ask each once cold and once warm; what an installation does not have is left out."""
    rows = []
    for name in ANALYTICS:
        times = []
        for _ in range(2):
            request = Request(f"http://localhost:{product.port}/api/v1/analytics/{name}")
            request.add_header("Authorization", f"Bearer {token}")
            began = time.perf_counter()
            try:
                with urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
                    answer.read()
            except OSError:
                break
            times.append((time.perf_counter() - began) * 1000)
        if len(times) == 2:
            rows.append(at_most(f"analytics/{name}, cold", times[0], 150, "ms", bare=f"{times[1]:.1f} ms warm"))
    return rows


def measure(large: Store, small: Store, seconds: float) -> list[Row]:
    """Measure everything."""
    with web(small) as product:
        before = latencies(product, product.token(), seconds)
    with web(large) as product, web(large, "benchmarks.read_settings") as bare:
        token = product.token()
        rows = bridge(large, bare, seconds)
        for name, query in FILTERS.items():
            rows += against(product, token, bare, name, query, seconds)
        after = latencies(product, token, seconds)
        rows += [at_most(f"{name}, p95", after[name], 40, "ms") for name in after if name not in FILTERS]
        rows.append(depth(product, token, large, seconds))
        for name, now in after.items():
            ratio = now / before[name]
            figures = f"{now:.1f} ms", f"{before[name]:.1f} ms at a tenth"
            rows.append(Row(f"growth of {name}, p95", *figures, f"{ratio:.2f}", "< 1.5", ratio < 1.5))
        rows += analytics(product, token)
        rows.append(at_most("memory of the largest web worker", product.memory(), 200, "MiB"))
    return rows


def run(arguments: list[str] | None = None) -> list[Row]:
    """Fill the stores and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--investigations", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each turn of each measurement")
    parser.add_argument("--keep", type=Path, help="a folder whose stores are used again")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rca-bench-")))
        sizes = options.events, options.events // 10
        large, small = (Store(folder / str(size), size, options.investigations, stack) for size in sizes)
        return measure(large, small, options.seconds)


if __name__ == "__main__":
    print(table(run()))
