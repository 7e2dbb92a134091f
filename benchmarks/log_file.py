"""How fast a log file becomes events: `python benchmarks/log_file.py [LINES] [PERCENT]`.

Makes a file of JSON lines of which PERCENT (5) are warnings and errors, a fifth of these errors with a stack trace, and
a few are broken. Connects and polls it twice, and prints lines and events a second and the peak memory of this process.
Uses DATABASE_URL and REDIS_URL where given, else embedded servers of its own.
"""

import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.git_history import start_stores

SERVICES = ("auth", "cart", "orders", "payments", "search", "shipping", "web", "mail")
ROUTES = ("/api/v1/orders", "/api/v1/cart/items", "/api/v1/payments", "/login", "/search")
BROKEN_EVERY = 50_000
BROKEN = (
    b'{"timestamp":"2026-01-01T00:00:00Z","level":"ERR',
    b"Segmentation fault\n"[:-1],
    b'{"level":"ERROR"}',
    b"[1]",
)
TRACE = """Traceback (most recent call last):
  File "/srv/{service}/views.py", line {line}, in post
    order = gateway.charge(cart, card)
  File "/srv/{service}/gateway.py", line 88, in charge
    answer = self.session.post(url, json=body, timeout=3)
  File "/usr/lib/python3/site-packages/requests/sessions.py", line 637, in post
    return self.request("POST", url, data=data, json=json, **kwargs)
  File "/usr/lib/python3/site-packages/requests/adapters.py", line 713, in send
    raise ReadTimeout(e, request=request)
requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='bank', port=443): Read timed out. (read timeout=3)"""


def main(lines: int, percent: float) -> None:
    """Run the benchmark."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rca-bench-")))
        path = folder / "shop.log"
        with path.open("wb") as file:
            file.writelines(line + b"\n" for line in written(lines, percent / 100, random.Random(1)))
        print(
            f"made a file of {lines:,} lines, {path.stat().st_size / 2**20:,.0f} MiB, {percent:g} % of them of interest"
        )
        start_stores(stack, folder)
        measure(path, lines)


def written(lines: int, share: float, dice: random.Random) -> Iterator[bytes]:
    """Yield the lines."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(lines):
        if number % BROKEN_EVERY == BROKEN_EVERY - 1:
            yield BROKEN[number // BROKEN_EVERY % len(BROKEN)]
            continue
        moment += timedelta(milliseconds=dice.randrange(1, 20))
        service, route = dice.choice(SERVICES), dice.choice(ROUTES)
        chance = dice.random()
        level = "ERROR" if chance < share / 5 else "WARN" if chance < share else "INFO"
        line = {
            "timestamp": moment.isoformat(),
            "level": level,
            "logger": f"shop.{service}.views",
            "service": service,
            "message": f"{level.lower()}: POST {route} took {dice.randrange(3, 4000)} ms for cart {dice.randrange(10**6)}",
            "trace_id": f"{dice.getrandbits(128):032x}",
            "request_id": f"req-{number}",
            "http": {"method": "POST", "route": route, "status": 200 if level == "INFO" else 504},
        }
        if level == "ERROR":
            line["exc_info"] = TRACE.format(service=service, line=dice.randrange(10, 400))
        yield json.dumps(line).encode()


def measure(path: Path, lines: int) -> None:
    """Connect the file, read it twice and print figures."""
    from django.utils import timezone

    from connectors import services
    from connectors.polling import poll

    name = f"bench-{os.getpid()}"
    connector = services.connect(
        name=name, kind="jsonlines", values={"path": str(path)}, actor=None, now=timezone.now()
    )
    print(f"memory before: {peak():.0f} MiB")
    for title in ("first", "second"):
        began = time.monotonic()
        tally = poll(connector=connector, now=timezone.now())
        seconds = time.monotonic() - began
        print(f"{title} poll: {tally}, {seconds:.1f} s")
        print(f"  {lines / seconds:,.0f} lines/s, {tally.stored / seconds:,.0f} new events/s")
    print(f"peak memory: {peak():.0f} MiB")


def peak() -> float:
    """Return the most memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, float(sys.argv[2]) if len(sys.argv) > 2 else 5)
