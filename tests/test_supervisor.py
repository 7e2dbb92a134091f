"""What `make run` starts: it comes up, comes back, stops without remains, and says in one line why it cannot start."""

import asyncio
import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from rcaplatform import processes
from rcaplatform.embedded import Postgres, Redis, StartError
from rcaplatform.processes import Child, ServerChild, commands, next_delay
from rcaplatform.supervisor import NUMBERS, child_environment, locked, require_free, require_numbers
from tests.products import Product


@pytest.mark.slow
def test_a_killed_process_comes_back_and_a_signal_stops_everything(product: Product) -> None:
    supervisor = product.start()
    assert product.healthy()
    beat = product.leader("rcaplatform beat")
    for words in ("granian", "--queues ingest", "--queues polls", "--queues retry", "redis-server", "postgres -D"):
        os.kill(product.leader(words), signal.SIGKILL)
    product.until(lambda: product.log.read_text().count("ended (SIGKILL); restarting ") == 6)
    product.until(product.healthy)
    assert product.leader("rcaplatform beat") == beat
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(30) == 0
    assert product.alive() == {}


@pytest.mark.slow
def test_a_killed_supervisor_does_not_stop_the_next_start_and_data_stays(product: Product) -> None:
    supervisor = product.start()
    password = (product.data_dir / "demo-password").read_text()
    assert password in product.log.read_text()
    supervisor.kill()
    supervisor.wait()
    again = product.start()
    assert product.healthy()
    assert password in product.log.read_text()
    again.send_signal(signal.SIGINT)
    assert again.wait(30) == 0
    assert product.alive() == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("DATABASE_URL", "postgres://rca:hidden@127.0.0.1:1/rca", "DATABASE_URL: PostgreSQL cannot be reached"),
        ("DATABASE_URL", "postgres://rca:hidden@host:port/rca", "DATABASE_URL must be an address such as"),
        ("REDIS_URL", "redis://:hidden@127.0.0.1:1/0", "REDIS_URL: Redis cannot be reached"),
    ],
)
def test_a_broken_address_is_one_line_without_its_password(
    product: Product, variable: str, value: str, line: str
) -> None:
    assert product.refused(**{variable: value}).startswith(line)
    assert "hidden" not in product.log.read_text()
    assert product.alive() == {}


def test_a_taken_port_is_one_line(product: Product) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", product.port))
        taken.listen()
        refusal = f"Port {product.port} is taken; stop what listens there or set PORT."
        assert product.refused() == refusal
    assert product.log.read_text() == refusal + "\n"


def test_a_second_start_on_the_same_data_is_refused(product: Product) -> None:
    with locked(product.data_dir):
        assert product.refused() == f"{product.data_dir} is in use by process {os.getpid()}; stop it first."


@pytest.mark.parametrize(
    ("variable", "value"),
    [*(("PORT", value) for value in ("http", "0", "65536", "-1", "8000.5", "٨")), ("WEB_WORKERS", "many")],
)
def test_a_number_that_is_none_or_too_large_is_refused(variable: str, value: str) -> None:
    with pytest.raises(StartError, match=rf"{variable} must be a number from 1 to \d+, not '{value}'"):
        require_numbers({variable: value})


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(StartError, match=r"HOST and PORT: cannot listen on 192\.0\.2\.1"):
        require_free("192.0.2.1", 8000)


def test_a_data_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"RCA_DATA_DIR: .*file cannot be written"), locked(tmp_path / "file"):
        pass


def test_empty_variables_count_as_unset() -> None:
    empty = dict.fromkeys([*NUMBERS, "HOST", "RCA_DATA_DIR"], "")
    require_numbers(empty)
    assert commands(empty) == commands({})


def test_the_processes_get_the_addresses_of_the_embedded_servers(tmp_path: Path) -> None:
    servers = [Postgres(tmp_path), Redis(tmp_path)]
    environment = child_environment(tmp_path, [*servers])
    assert {server.url for server in servers} == {environment["DATABASE_URL"], environment["REDIS_URL"]}


@pytest.mark.parametrize(
    ("waited", "ran", "wait"), [(0, 0, 1), (1, 4, 2), (2, 4.9, 4), (4, 0, 5), (5, 0, 5), (5, 5, 0), (0, 3600, 0)]
)
def test_restarts_are_further_and_further_apart_and_what_lasted_is_back_at_once(
    waited: float, ran: float, wait: float
) -> None:
    assert next_delay(waited, ran) == wait


def told(script: str, *, seconds: float, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep a shell script running for some seconds, with quick restarts, and return what it told."""
    monkeypatch.setattr(processes, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(processes, "LONGEST_DELAY", 0.01)
    lines: list[str] = []

    async def run() -> None:
        child = Child("web", ["sh", "-c", script], os.environ, lambda _, line: lines.append(line))
        await child.spawn()
        child.keep()
        await asyncio.sleep(seconds)
        await child.stop(grace=1)

    asyncio.run(run())
    return lines


def test_a_process_that_ends_is_started_again_and_the_reason_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told("echo up; exit 3", seconds=0.5, monkeypatch=monkeypatch)
    assert lines[:3] == ["up", "ended (exit code 3); restarting in 0 s", "up"]


def test_what_a_dead_process_started_dies_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told("sleep 1000 & echo $!; wait $$; kill -9 $$", seconds=0.3, monkeypatch=monkeypatch)
    assert not Path(f"/proc/{lines[0]}/cmdline").exists() or not Path(f"/proc/{lines[0]}/cmdline").read_bytes()
    assert "ended (SIGKILL)" in lines[1]


def test_a_process_that_does_not_stop_when_asked_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    lines = told("trap '' TERM; echo $$; while :; do sleep 1; done", seconds=0.3, monkeypatch=monkeypatch)
    assert time.monotonic() - began < 5
    assert not Path(f"/proc/{lines[0]}").exists()


@dataclass(frozen=True)
class Fake(Redis):
    """A server that runs, and answers or does not."""

    answering: bool = False

    def prepare(self) -> None:
        """Nothing to do."""

    def command(self) -> list[str]:
        return ["sleep", "1000"]

    def answers(self) -> bool:
        return self.answering


def watched(server: Fake, *, seconds: float, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep a server running for some seconds, under a supervisor in a hurry, and return what it told."""
    for name, value in {"SILENCE": 0.1, "ASK_EVERY": 0.01, "FIRST_DELAY": 0.01, "LONGEST_DELAY": 0.01}.items():
        monkeypatch.setattr(processes, name, value)
    lines: list[str] = []

    async def run() -> None:
        child = ServerChild(server, lambda _, line: lines.append(line))
        await child.spawn()
        child.keep()
        await asyncio.sleep(seconds)
        await child.stop(grace=1)

    asyncio.run(run())
    return lines


def test_a_server_that_answers_nobody_is_started_again_and_then_has_twice_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = watched(Fake(tmp_path), seconds=1.5, monkeypatch=monkeypatch)
    assert lines[:3] == [
        "answered nobody for 0.1 s; killed",
        "ended (SIGKILL); restarting in 0 s",
        "answered nobody for 0.2 s; killed",
    ]


def test_a_server_that_answers_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(Fake(tmp_path, answering=True), seconds=0.4, monkeypatch=monkeypatch) == []


def test_a_line_without_end_is_told_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told("head -c 300000 /dev/zero | tr '\\0' x; sleep 9", seconds=0.5, monkeypatch=monkeypatch)
    assert sum(map(len, lines)) >= 250_000
    assert max(map(len, lines)) <= 2 * processes.LONGEST_LINE
