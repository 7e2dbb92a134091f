"""How fast a log file becomes events: `python -m benchmarks.log_file [LINES] [PERCENT]`.

Makes a file of JSON lines of which PERCENT (5) are warnings and errors, a fifth of these errors with a stack trace,
and a few are broken. Connects it, and polls it a second time, which finds nothing new. Uses DATABASE_URL and REDIS_URL
where given, else embedded servers of its own, set up as `make run` sets them up.
"""

import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.git_history import manage
from rcaplatform.embedded import servers
from tests.servers import serving

SERVICES = ("auth", "cart", "orders", "payments", "search", "shipping", "web", "mail")
ROUTES = ("/api/v1/orders", "/api/v1/cart/items", "/api/v1/payments", "/login", "/search")
BROKEN_EVERY = 50_000
BROKEN = (
    b'{"timestamp":"2026-01-01T00:00:00Z","level":"ERR',
    b"Segmentation fault",
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
        size = path.stat().st_size / 2**20
        print(f"a file of {lines:,} lines, {size:,.0f} MiB, {percent:g} % of them of interest", flush=True)
        environment = {**os.environ, "RCA_DATA_DIR": str(folder / "var"), "LOG_LEVEL": "ERROR"}
        for server in servers(folder / "var", environment):
            stack.enter_context(serving(server))
            environment[server.variable] = server.url
        manage(environment, "migrate", "--verbosity=0")
        manage(environment, "connect", "logs", str(path))
        manage(environment, "connectors", "poll")


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
            "message": f"POST {route} took {dice.randrange(3, 4_000)} ms for cart {dice.randrange(10**6)}",
            "trace_id": f"{dice.getrandbits(128):032x}",
            "request_id": f"req-{number}",
            "http": {"method": "POST", "route": route, "status": 200 if level == "INFO" else 504},
        }
        if level == "ERROR":
            line["exc_info"] = TRACE.format(service=service, line=dice.randrange(10, 400))
        yield json.dumps(line).encode()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, float(sys.argv[2]) if len(sys.argv) > 2 else 5)
