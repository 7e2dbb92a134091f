"""Several nodes of one installation on one machine: one PostgreSQL and one Redis, each node with a folder of its own.

A node is what a machine would run: any of web, worker, poller, retrier and beat, by the commands of production. Nodes
share the two stores and the keys, and nothing else.
"""

import http.client
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.load import UNLIMITED
from benchmarks.product import PATIENCE, ROOT, free_port
from rcaplatform.embedded import NOBODY, Postgres, Redis, own, socket_dir
from rcaplatform.processes import commands
from tests.servers import serving


def private_key() -> str:
    """Return a key to sign tokens with."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*kind).decode()


def until(reached: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """Wait for something; return the seconds it took.

    Raises:
        TimeoutError: it did not come.
    """
    began = time.monotonic()
    while not reached():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"Not within {seconds:g} s.")
        time.sleep(0.02)
    return time.monotonic() - began


@dataclass
class Node:
    """One node: its processes by what they are, and its port where it has a web server."""

    name: str
    data_dir: Path
    port: int
    environment: dict[str, str]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where all of them write."""
        return self.data_dir / "log"

    def start(self, role: str) -> None:
        """Start one process in a session of its own, named after the node."""
        command = commands(self.environment)[role]
        command = [part.replace("%h", self.name) for part in command]
        if role == "worker":
            command += ["--hostname", f"celery@{self.name}"]
        if role == "beat":
            command += ["--pidfile", ""]
        with self.log.open("ab") as log:
            self.processes[role] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to all of it at once, and wait until it is gone."""
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        for process in self.processes.values():
            process.wait(30)
        self.processes.clear()

    def answers(self, path: str = "/healthz") -> bool:
        """Tell whether its web server answers well."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            link.request("GET", path)
            return link.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()


class Cluster:
    """The stores, and the nodes that were added."""

    def __init__(self, home: Path, stack: ExitStack, **variables: str) -> None:
        self.home, self._stack = home, stack
        self.primary, redis = Postgres(home / "stores"), Redis(home / "stores")
        self.nodes: dict[str, Node] = {}
        stack.callback(shutil.rmtree, socket_dir(home / "stores"), ignore_errors=True)
        stack.enter_context(serving(self.primary))
        self.redis = stack.enter_context(serving(redis))
        python = str(Path(sys.executable).parent)
        self.environment = {
            **os.environ, **UNLIMITED, "PATH": f"{python}{os.pathsep}{os.environ['PATH']}",
            "DATABASE_URL": self.primary.url, "REDIS_URL": redis.url, "SECRET_KEY": secrets.token_hex(32),
            "JWT_PRIVATE_KEY": private_key(), "DEMO": "false", "LOG_LEVEL": "WARNING", "WEB_WORKERS": "1",
            "WORKER_CONCURRENCY": "1", "POLL_CONCURRENCY": "1", **variables,
        }  # fmt: skip
        self.run("-m", "rcaplatform.prepare", RCA_DATA_DIR=str(home / "prepared"))

    def run(self, *arguments: str, **variables: str) -> str:
        """Run Python in the environment of a node; return what it prints."""
        environment = {**self.environment, "RCA_DATA_DIR": str(self.home / "prepared"), **variables}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return done.stdout.decode()

    def shell(self, script: str) -> str:
        """Run a script inside Django; return what it prints."""
        return self.run("manage.py", "shell", "--no-imports", "-c", script)

    def number(self, statement: str, server: Postgres | None = None) -> int:
        """Return the one number that ``statement`` asks for."""
        with psycopg.connect((server or self.primary).url) as database:
            row = database.execute(statement.encode()).fetchone()
        return int(row[0]) if row else 0

    def add(self, name: str, *roles: str, **variables: str) -> Node:
        """Start a node, and wait until its web server answers where it has one."""
        data_dir, port = self.home / name, free_port()
        data_dir.mkdir()
        own_variables = {"RCA_DATA_DIR": str(data_dir), "PORT": str(port), "SITE_URL": "http://127.0.0.1"}
        figures = {"PROMETHEUS_MULTIPROC_DIR": str(data_dir / "metrics")}
        node = Node(name, data_dir, port, {**self.environment, **own_variables, **figures, **variables})
        (data_dir / "static").symlink_to(self.home / "prepared" / "static")
        self.nodes[name] = node
        self._stack.callback(self._stop, node)
        for role in roles:
            node.start(role)
        if "web" in roles:
            until(node.answers)
        return node

    @staticmethod
    def _stop(node: Node) -> None:
        with suppress(subprocess.TimeoutExpired):
            node.kill(signal.SIGTERM)
        node.kill()

    def follow(self) -> "Follower":
        """Return a standby that follows the primary, not started yet."""
        server = Postgres(self.home / f"standby-{len(list(self.home.glob('standby-*')))}")
        self._stack.callback(shutil.rmtree, socket_dir(server.data_dir), ignore_errors=True)
        server.data_dir.mkdir(mode=0o700)
        server.home.mkdir(mode=0o700)
        if os.getuid() == 0:
            os.chown(server.home, NOBODY, NOBODY)
        own(socket_dir(server.data_dir))
        where = ("--host", str(socket_dir(self.primary.data_dir)), "--username", "rca", "--pgdata", str(server.home))
        server._run(  # noqa: SLF001 - as the user that PostgreSQL runs as
            "pg_basebackup", *where, "--wal-method=stream", "--checkpoint=fast", "--write-recovery-conf"
        )
        return Follower(server)


@dataclass
class Follower:
    """A standby."""

    server: Postgres

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Let it follow for as long as the block lasts."""
        with serving(self.server) as process:
            yield process

    def _do(self, statement: str) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as database:
            database.execute(statement.encode())

    def pause(self) -> None:
        """Let it receive and not replay."""
        self._do("SELECT pg_wal_replay_pause()")
        until(self._paused, 10)

    def _paused(self) -> bool:
        with psycopg.connect(self.server.url) as database:
            row = database.execute("SELECT pg_get_wal_replay_pause_state() = 'paused'").fetchone()
        return bool(row and row[0])

    def resume(self) -> None:
        """Let it replay again."""
        self._do("SELECT pg_wal_replay_resume()")


@contextmanager
def cluster(**variables: str) -> Iterator[Cluster]:
    """Start the stores, migrate, yield; leave nothing behind."""
    home = Path(tempfile.mkdtemp(prefix="rca-nodes-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        yield Cluster(home, stack, **variables)
