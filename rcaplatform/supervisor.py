"""Composition: everything `make run` starts, in order, kept running, and stopped in reverse when asked to."""

import asyncio
import contextlib
import errno
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import environ

from rcaplatform.embedded import Server, StartError, servers, socket_dir
from rcaplatform.kit.figures import VARIABLE
from rcaplatform.processes import MARK, Child, ServerChild, commands, stop_leftovers, supervised

BASE_DIR = Path(__file__).resolve().parent.parent
# Variables that must be numbers, and their limits.
NUMBERS = {"PORT": 65535, "WEB_WORKERS": 64, "WEB_THREADS": 64, "WORKER_CONCURRENCY": 64, "POLL_CONCURRENCY": 64}
PATIENCE = 60.0  # seconds for one thing to become ready
GRACE = 8.0  # seconds for one process to end by itself
COLOURS = {"web": 36, "worker": 32, "poller": 33, "retrier": 33, "beat": 35, "postgres": 34, "redis": 31}


def say(name: str, text: str) -> None:
    """Write one line of a process, or of the supervisor if ``name`` is empty."""
    prefix = f"{name:8} | " if name else ""
    if name in COLOURS and sys.stdout.isatty():
        prefix = f"\x1b[{COLOURS[name]}m{prefix}\x1b[0m"
    with contextlib.suppress(OSError):  # whoever read this is gone; the processes are not
        sys.stdout.write(f"{prefix}{text}\n")
        sys.stdout.flush()


@contextlib.contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold ``data_dir`` for this supervisor.

    Raises:
        StartError: another one holds it, or it cannot be written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (data_dir / "supervisor.lock").open("a+")
    except OSError as problem:
        raise StartError(f"RCA_DATA_DIR: {data_dir} cannot be written ({problem.strerror}).") from problem
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StartError(f"{data_dir} is in use by process {file.read().strip()}; stop it first.") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def require_numbers(environment: Mapping[str, str]) -> None:
    """Check the variables that must be numbers.

    Raises:
        StartError: names the one that is none.
    """
    for name, most in NUMBERS.items():
        text = environment.get(name) or "1"
        if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
            raise StartError(f"{name} must be a number from 1 to {most}, not {text!r}.")


def require_free(host: str, port: int) -> None:
    """Check that the address can be listened on.

    Raises:
        StartError: names the variable to change.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except socket.gaierror as problem:
        raise StartError(f"HOST {host!r} is no address of this machine: {problem.strerror}.") from problem
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            raise StartError(f"Port {port} is taken; stop what listens there or set PORT.") from problem
        raise StartError(f"HOST and PORT: cannot listen on {host}:{port} ({problem.strerror}).") from problem


def child_environment(data_dir: Path, embedded: list[Server]) -> dict[str, str]:
    """Return the environment of the processes: ours, the stores' addresses, and our Python's commands first."""
    environment = dict(os.environ)
    environment |= {server.variable: server.url for server in embedded}
    environment |= {"RCA_DATA_DIR": str(data_dir), MARK: str(data_dir), VARIABLE: str(data_dir / "metrics")}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    if sys.stdout.isatty():
        environment.setdefault("LOG_CONSOLE", "true")
    if os.getuid() == 0:  # whoever starts as root knows; Celery says it at length
        environment.setdefault("PYTHONWARNINGS", "ignore:::celery.platforms")
    return environment


class Supervisor:
    """Starts everything in order, and stops it in reverse."""

    def __init__(self, data_dir: Path, host: str, port: int) -> None:
        self.data_dir = data_dir
        self.listen = host
        self.host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - where to ask, not to listen
        self.port = port
        self.embedded = servers(data_dir, os.environ)
        self.children: list[Child] = []
        self.stopping: float | None = None

    async def run(self) -> None:
        """Run until a signal says to stop.

        Raises:
            StartError: something could not be started; whatever was is stopped again.
        """
        main = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            nohup = number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN
            if main and not nohup:
                asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number, main)
        try:
            await self._start()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            say("", "Stopping ...")
        finally:
            self.stopping = self.stopping or time.monotonic()
            for child in reversed(self.children):
                await child.stop(GRACE)
            with contextlib.suppress(OSError):
                socket_dir(self.data_dir).rmdir()
        say("", "Everything is stopped.")

    def _on_signal(self, number: signal.Signals, main: asyncio.Task[None]) -> None:
        now = time.monotonic()
        if self.stopping is None:
            self.stopping = now
            main.cancel()
        elif number == signal.SIGINT and now - self.stopping > 1:  # a person insists; make and timeout merely repeat
            for child in self.children:
                child.kill()
            os._exit(130)

    async def _start(self) -> None:
        began = time.monotonic()
        await asyncio.to_thread(stop_leftovers, supervised(self.data_dir), signal.SIGTERM)
        require_free(self.listen, self.port)
        for server in self.embedded:
            await self._serve(server)
        environment = child_environment(self.data_dir, self.embedded)
        told = await self._prepare(environment)
        for name, command in commands(environment).items():
            if name != "prepare":
                child = Child(name, command, environment, say)
                self.children.append(child)
                await child.spawn()
                child.keep()
            if name == "web":  # whoever waits, waits for the pages: until they are there, nobody competes with them
                await self._answering()
        logins = "".join(f"  {line}\n" for line in told)
        say("", f"\nReady in {time.monotonic() - began:.1f} s: {self._origin} (Ctrl-C stops it)\n{logins}")

    @property
    def _origin(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    async def _serve(self, server: Server) -> None:
        child = ServerChild(server, say)
        self.children.append(child)
        await child.spawn()
        while not server.ready():
            if not child.running or time.monotonic() - child.started > PATIENCE:
                raise StartError(f"{server.title} does not start: {server.complaint()}")
            await asyncio.sleep(0.02)
        child.keep()
        say("", f"{server.title} ready ({time.monotonic() - child.started:.1f} s)")

    async def _prepare(self, environment: Mapping[str, str]) -> list[str]:
        told: list[str] = []
        child = Child("prepare", commands(environment)["prepare"], environment, lambda _, line: told.append(line))
        child.errors = None
        self.children.append(child)
        await child.spawn()
        if await child.wait():
            raise StartError  # it has said why
        self.children.remove(child)
        return told

    async def _answering(self) -> None:
        # As a proxy would ask that speaks https for us: a SITE_URL with https redirects everybody else.
        headers = f"Host: 127.0.0.1:{self.port}\r\nX-Forwarded-Proto: https\r\nConnection: close"
        request = f"GET /healthz HTTP/1.1\r\n{headers}\r\n\r\n".encode()
        deadline = time.monotonic() + PATIENCE
        answer = b""
        while b" 200 " not in answer:
            if time.monotonic() > deadline:
                raise StartError(f"{self._origin}/healthz does not answer: {answer.decode(errors='replace').strip()}")
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(5):
                    reader, writer = await asyncio.open_connection(self.host, self.port)
                    writer.write(request)
                    answer = (await reader.read()).partition(b"\r\n")[0]
                    writer.close()
            await asyncio.sleep(0.05)


def main() -> int:
    """Start, supervise and stop; return the exit code."""
    environ.Env.read_env(BASE_DIR / ".env", overwrite=False)
    data_dir = Path(os.environ.get("RCA_DATA_DIR") or BASE_DIR / "var").resolve()
    try:
        require_numbers(os.environ)
        host, port = os.environ.get("HOST") or "127.0.0.1", int(os.environ.get("PORT") or 8000)
        with locked(data_dir):
            asyncio.run(Supervisor(data_dir, host, port).run())
    except StartError as problem:
        if text := str(problem):
            sys.stderr.write(f"{text}\n")
        return 1
    except OSError as problem:
        sys.stderr.write(f"{problem.filename or 'Start'}: {problem.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
