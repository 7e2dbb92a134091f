"""Composition: the processes of the product. Their commands, how one is kept running, and what a killed start left."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rcaplatform.embedded import ENVIRONMENT, Server, StartError, parent_death

# Every supervised process carries this variable with its data directory, by which the next start finds leftovers.
MARK = "RCA_SUPERVISED"
# What ran as long as this was well: it was killed, and is back at once. What cannot start dies sooner.
FIRST_DELAY, LONGEST_DELAY, LONG_ENOUGH = 1.0, 5.0, 5.0  # seconds
# A server that runs and answers nobody for so long is killed and started again; asked every so often.
SILENCE, ASK_EVERY = 60.0, 5.0  # seconds
# A killed supervisor takes the stores with it, so nothing can be finished; only granian must end processes of its own.
ORPHAN_SIGNALS = {"web": signal.SIGTERM}
LONGEST_LINE = 65536  # bytes of output told as one line
# Requests a web process has open at most, streams among them; granian's own limit would stop it at some 500 open pages.
MOST_OPEN = "2600"

Say = Callable[[str, str], None]


def commands(environment: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the command of each process by name, in starting order; docker-compose.yml uses the same ones."""

    def get(name: str, default: str) -> str:
        return environment.get(name) or default

    celery = ["celery", "--quiet", "-A", "rcaplatform"]
    web = ["granian", "--interface", "asginl", "--host", get("HOST", "127.0.0.1"), "--port", get("PORT", "8000")]
    web += ["--workers", get("WEB_WORKERS", "2"), "--respawn-failed-workers", "--respawn-interval", "1"]
    web += ["--workers-kill-timeout", "5", "--backpressure", MOST_OPEN, "--no-ws", "rcaplatform.asgi:application"]
    worker = ["worker", "--queues", "ingest,link,celery", "--concurrency", get("WORKER_CONCURRENCY", "2")]
    retrier = ["worker", "--queues", "retry,notify", "--hostname", "retrier@%h", "--concurrency", "2"]
    poller = ["worker", "--queues", "polls", "--hostname", "poller@%h", "--concurrency", get("POLL_CONCURRENCY", "2")]
    alone = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    return {
        "prepare": ["python", "-m", "rcaplatform.prepare"],
        "web": web,
        "worker": [*celery, *worker, *alone],
        "poller": [*celery, *poller, *alone],
        "retrier": [*celery, *retrier, *alone],
        "beat": [*celery, "beat", "--loglevel", "WARNING"],
    }


def next_delay(delay: float, ran: float) -> float:
    """Return the seconds to wait before a restart, given the last such wait and how long the process then ran.

    One that ran for long is missed already, and comes back at once.
    """
    if ran >= LONG_ENOUGH:
        return 0.0
    return min(delay * 2, LONGEST_DELAY) or FIRST_DELAY


def supervised(data_dir: Path) -> Callable[[Path], bool]:
    """Recognise by its directory in /proc a process that an earlier start of ``data_dir`` left running."""
    mark = os.fsencode(f"{MARK}={data_dir}")

    def belongs(process: Path) -> bool:
        return mark in (process / "environ").read_bytes().split(b"\0")

    return belongs


def serving(server: Server) -> Callable[[Path], bool]:
    """Recognise by its directory in /proc a process of ``server``; it works in the server's home."""
    home = os.fsencode(server.home)

    def belongs(process: Path) -> bool:
        if (process / "comm").read_text().strip() != server.process_name:
            return False
        return home in (process / "cmdline").read_bytes().split(b"\0") or (process / "cwd").readlink() == server.home

    return belongs


def stop_leftovers(belongs: Callable[[Path], bool], ending: signal.Signals, *, patience: float = 10.0) -> None:
    """Stop every process that ``belongs``: parents with ``ending``, after ``patience`` seconds all with SIGKILL."""
    deadline = time.monotonic() + patience
    asked: set[int] = set()
    while found := {number: _parent(number) for number in _numbers() if _matches(belongs, number)}:
        overdue = time.monotonic() - deadline
        if overdue > patience:
            return
        for number, parent in found.items():
            if overdue > 0:
                _send(number, signal.SIGKILL)
            elif parent not in found and number not in asked:
                asked.add(number)
                _send(number, ending)
        time.sleep(0.05)


def _send(number: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(number, what)


def _numbers() -> list[int]:
    proc = Path("/proc")
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()] if proc.is_dir() else []


def _parent(number: int) -> int:
    try:
        return int(Path("/proc", str(number), "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _matches(belongs: Callable[[Path], bool], number: int) -> bool:
    try:
        return number != os.getpid() and belongs(Path("/proc", str(number)))
    except OSError:  # it ended meanwhile, or is another user's
        return False


def reason(code: int) -> str:
    """Return an exit code in words."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


class Child:
    """One process in a session of its own: started, told apart in the output, restarted when it dies, stopped."""

    stop_signal = signal.SIGTERM
    errors: int | None = subprocess.STDOUT

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], say: Say) -> None:
        self.name = name
        self.command = command
        self.environment = environment
        self.say = say
        self.process: asyncio.subprocess.Process | None = None
        self.started = 0.0
        self._output: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.returncode is None

    async def ended(self) -> None:
        """Wait for the end of the process itself; asyncio would wait for everybody who holds its output open."""
        while self.running:
            await asyncio.sleep(0.05)

    async def spawn(self) -> None:
        """Start the process."""
        self.started = time.monotonic()
        orphaned = parent_death(ORPHAN_SIGNALS.get(self.name, signal.SIGKILL))
        self.process = await self._execute([*orphaned, *self.command], subprocess.PIPE)
        self._output = asyncio.create_task(self._relay(self.process))

    async def wait(self) -> int:
        """Wait until the process has ended, end whatever it started, relay what they wrote; return its exit code."""
        await self.ended()
        self.kill()
        if self._output:
            await asyncio.wait([self._output], timeout=1)
        code = self.process.returncode if self.process else 0
        self.process = None  # its number may belong to another process by now
        return code or 0

    def keep(self) -> None:
        """Restart the process from now on whenever it ends."""
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self, grace: float) -> None:
        """End the process, and whatever it started, within ``grace`` seconds."""
        self._leaving.set()
        while self._keeper and not self.running and not self._keeper.done():
            await asyncio.sleep(0.05)  # it may be starting again just now
        if self.process and self.running:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended(), grace)
        self.kill()
        await (self._keeper or self.wait())

    def kill(self) -> None:
        """End the process, and whatever it started, at once."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def _execute(self, command: list[str], output: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=self.errors,
            start_new_session=True,
        )

    async def _relay(self, process: asyncio.subprocess.Process) -> None:
        pending = b""
        while process.stdout and (chunk := await process.stdout.read(LONGEST_LINE)):
            *lines, pending = (pending + chunk).split(b"\n")
            if len(pending) > LONGEST_LINE:
                lines, pending = [*lines, pending], b""
            for line in filter(bytes.strip, lines):
                self.say(self.name, line.decode(errors="replace"))
        if pending:
            self.say(self.name, pending.decode(errors="replace"))

    async def _keep(self) -> None:
        delay = 0.0
        problem = reason(await self.wait())
        while not self._leaving.is_set():
            delay = next_delay(delay, time.monotonic() - self.started)
            self.say(self.name, f"ended ({problem}); restarting {f'in {delay:.0f} s' if delay else 'at once'}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), delay)
                return
            try:
                await self.spawn()
                problem = reason(await self.wait())
            except (StartError, OSError) as refusal:
                problem = str(refusal)


class ServerChild(Child):
    """An embedded server: prepared before each start, with its output in its own log."""

    def __init__(self, server: Server, say: Say) -> None:
        super().__init__(server.name, [], ENVIRONMENT, say)
        self.server = server
        self.stop_signal = server.stop_signal
        self._watcher: asyncio.Task[None] | None = None

    def keep(self) -> None:
        """Restart the server from now on whenever it ends, or runs and does not answer."""
        super().keep()
        self._watcher = asyncio.create_task(self._watch())

    async def spawn(self) -> None:
        """Clear what a killed server left, then start this one."""
        self.started = time.monotonic()
        await asyncio.to_thread(stop_leftovers, serving(self.server), self.stop_signal)
        await asyncio.to_thread(self.server.prepare)
        with self.server.log.open("wb") as log:
            self.process = await self._execute(self.server.command(), log.fileno())

    async def _watch(self) -> None:
        """Kill what does not answer; after each time in vain it has twice as long, for a recovery may take its time."""
        heard, patience = time.monotonic(), SILENCE
        while not self._leaving.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), ASK_EVERY)
                return
            if await asyncio.to_thread(self.server.answers):
                heard, patience = time.monotonic(), SILENCE
            elif self.running and time.monotonic() - max(heard, self.started) > patience:
                self.say(self.name, f"answered nobody for {patience:g} s; killed")
                heard, patience = time.monotonic(), patience * 2
                self.kill()
