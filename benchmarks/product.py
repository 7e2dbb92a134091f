"""The whole product as `make run` starts it, in a temporary directory, for programs that measure or kill it."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from rcaplatform.embedded import database_url, socket_dir

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120  # seconds until the product is ready
# What the command line of each process holds, in the order in which they are asked.
ROLES = {
    "web": b"granian",
    "beat": b"beat",
    "poller": b"poller@",
    "retrier": b"retrier@",
    "worker": b"ingest,link,celery",
}
STORES = {"redis": "redis-server", "postgres": "postgres"}
ACTOR = """
from accounts.services import create_user
from investigations.services import create
actor = create_user(username="bench", password="a long enough one", role="engineer", actor=None)
"""


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Product:
    """One installation: its supervisor runs from `running` on."""

    data_dir: Path
    port: int
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are started with."""
        own = {"RCA_DATA_DIR": str(self.data_dir), "PORT": str(self.port), "DEMO_PASSWORD": "unused here"}
        return {**os.environ, "DATABASE_URL": "", "REDIS_URL": "", **own, **self.variables}

    @property
    def log(self) -> Path:
        """Where the supervisor writes."""
        return self.data_dir / "log"

    @property
    def address(self) -> str:
        """The address of its PostgreSQL."""
        return database_url(self.data_dir)

    def shell(self, script: str) -> str:
        """Run a script inside Django; return what it prints."""
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", script]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return done.stdout.decode()

    def number(self, statement: str) -> int:
        """Return the one number that ``statement`` asks for."""
        with psycopg.connect(self.address) as database:
            row = database.execute(statement.encode()).fetchone()
        return int(row[0]) if row else 0

    def processes(self) -> dict[str, list[int]]:
        """Return the numbers of its processes by what they are, each with what it forked, oldest first."""
        mark = f"RCA_SUPERVISED={self.data_dir}".encode()
        homes = {title: (name, self.data_dir.resolve() / name) for name, title in STORES.items()}
        found = {name: list[int]() for name in [*ROLES, *STORES]}
        for number in sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
            process = Path("/proc", str(number))
            with contextlib.suppress(OSError):
                name, home = homes.get((process / "comm").read_text().strip(), ("", None))
                if name and (process / "cwd").readlink() == home:
                    found[name].append(number)
                elif mark in (process / "environ").read_bytes().split(b"\0"):
                    told = (process / "cmdline").read_bytes()
                    if role := next((role for role, word in ROLES.items() if word in told), ""):
                        found[role].append(number)
        return found

    def is_ready(self) -> bool:
        """Whether /readyz says so."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            link.request("GET", "/readyz")
            return link.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()


@contextmanager
def running(**variables: str) -> Iterator[Product]:
    """Start the product, yield it when it is ready, and leave nothing of it behind."""
    data_dir = Path(tempfile.mkdtemp(prefix="rca-bench-"))
    product = Product(data_dir, int(os.environ.get("PORT") or free_port()), variables)
    with product.log.open("wb") as log:
        command = [sys.executable, "-m", "rcaplatform.supervisor"]
        supervisor = subprocess.Popen(command, cwd=ROOT, env=product.environment, stdout=log, stderr=log)
    try:
        ends = time.monotonic() + PATIENCE
        while not product.is_ready():
            if supervisor.poll() is not None or time.monotonic() > ends:
                raise SystemExit(f"The product does not start: {product.log.read_text()[-2_000:]}")
            time.sleep(0.2)
        yield product
    finally:
        supervisor.send_signal(signal.SIGTERM)
        try:
            supervisor.wait(60)
        except subprocess.TimeoutExpired:
            supervisor.kill()
            supervisor.wait()
        shutil.rmtree(socket_dir(data_dir), ignore_errors=True)
        shutil.rmtree(data_dir, ignore_errors=True)
