"""A PostgreSQL and a Redis for tests when no address is given: there before the settings are read, gone with the run.

A pytest plugin, loaded with `-p tests.servers`. What it stores need not survive, so PostgreSQL does not wait for disks.
"""

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from rcaplatform.embedded import ENVIRONMENT, Postgres, Server, servers, socket_dir

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Start the stores before pytest-django reads the settings; the processes of xdist inherit their addresses."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        number = int(worker.removeprefix("gw")) % 15 + 1
        os.environ["REDIS_URL"] = os.environ["REDIS_URL"].replace("?db=0", f"?db={number}")  # to clear as it likes
    else:
        running = ExitStack()
        atexit.register(running.close)  # reached after Ctrl-C and after a broken conftest as well
        running.enter_context(stores())


@contextmanager
def serving(server: Server) -> Iterator[subprocess.Popen[bytes]]:
    """Run an embedded server for as long as the block lasts."""
    server.prepare()
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            server.command(), env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 30
        while not server.ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{server.title} does not start: {server.complaint()}")
            time.sleep(0.01)
        yield process
    finally:
        process.send_signal(server.stop_signal)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def stores() -> Iterator[None]:
    """Start what DATABASE_URL and REDIS_URL do not name, in a directory removed at the end, and let them name it."""
    data_dir = Path(tempfile.mkdtemp(prefix="rca-test-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, data_dir, ignore_errors=True)
        stack.callback(shutil.rmtree, socket_dir(data_dir), ignore_errors=True)
        for server in servers(data_dir, os.environ):
            swift = Postgres(data_dir, FAST) if isinstance(server, Postgres) else server
            stack.enter_context(serving(swift))
            os.environ[server.variable] = server.url
        os.environ["RCA_DATA_DIR"] = str(data_dir)
        yield
