"""The whole product as `make run` starts it, in a data directory of a test's own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

from rcaplatform import processes
from rcaplatform.embedded import Postgres, Redis, socket_dir

ROOT = Path(__file__).resolve().parent.parent


class Product:
    """The whole product in a data directory of its own, as `make run` starts it from the code in ``root``."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.root = ROOT
        self.log = data_dir.with_suffix(".log")
        self.supervisor: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def launch(self, **variables: str) -> subprocess.Popen[bytes]:
        """Start and return the supervisor at once."""
        stores = {"DATABASE_URL": "", "REDIS_URL": "", "RCA_DATA_DIR": str(self.data_dir), "PORT": str(self.port)}
        with self.log.open("wb") as log:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "rcaplatform.supervisor"],
                cwd=self.root, env=os.environ | stores | {"HOST": ""} | variables, stdout=log, stderr=log,
            )  # fmt: skip
        return self.supervisor

    def start(self, **variables: str) -> subprocess.Popen[bytes]:
        """Start, and return the supervisor once all is ready."""
        supervisor = self.launch(**variables)
        self.until(lambda: b"Ready in" in self.log.read_bytes() or supervisor.poll() is not None, seconds=180)
        assert supervisor.poll() is None, self.log.read_text()
        return supervisor

    def refused(self, **variables: str) -> str:
        """Start, expect a refusal and return the last line of what was said."""
        supervisor = self.launch(**variables)
        assert supervisor.wait(60) == 1
        said = self.log.read_text()
        assert "Traceback" not in said
        return said.splitlines()[-1]

    def healthy(self) -> bool:
        """Tell whether the web server answers."""
        with suppress(OSError), urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def alive(self) -> dict[int, str]:
        """Return every process of this product that runs, by number, with its command line."""
        servers = [Postgres(self.data_dir), Redis(self.data_dir)]
        tests = [processes.supervised(self.data_dir), *(processes.serving(server) for server in servers)]
        found = {number for number in processes._numbers() for test in tests if processes._matches(test, number)}
        running = {}
        for number in sorted(found):
            with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                running[number] = Path(f"/proc/{number}/cmdline").read_text().replace("\0", " ")
        return running

    def leader(self, words: str) -> int:
        """Return the oldest process whose command line has these words."""
        return next(number for number, command in self.alive().items() if words in command)

    def until(self, reached: Callable[[], bool], *, seconds: float = 60) -> None:
        """Wait some seconds at most for ``reached``."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def end(self) -> None:
        """Stop it without remains."""
        if self.supervisor:
            self.supervisor.kill()
            self.supervisor.wait()
        for number in self.alive():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        shutil.rmtree(socket_dir(self.data_dir), ignore_errors=True)

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py beside it, and return what it wrote."""
        stores = {"DATABASE_URL": "", "REDIS_URL": "", "RCA_DATA_DIR": str(self.data_dir)}
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.root, env=os.environ | stores, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
