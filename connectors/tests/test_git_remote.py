"""Repositories on other machines: read over the network, and what the owner is told when that fails."""

import base64
import random
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from connectors.errors import Misconfigured, SourceUnavailable
from connectors.sources import gitcli, gitmirror, gitpulse
from connectors.tests.repositories import Reader, Repository


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def free_port() -> int:
    """Return a port below those the system hands out of its own accord."""
    for port in random.sample(range(20_000, 32_768), 100):
        with socket.socket() as candidate, suppress(OSError):
            candidate.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


@contextmanager
def git_daemon(folder: Path) -> Iterator[str]:
    """Serve the repositories in a folder over git's own protocol."""
    port = free_port()
    git = shutil.which("git") or "git"
    command = [git, "daemon", "--export-all", f"--base-path={folder}", "--listen=127.0.0.1", f"--port={port}"]
    daemon = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.01)
        yield f"git://127.0.0.1:{port}"
    finally:
        daemon.terminate()
        daemon.wait()


PAGE = b"<html>A page of the host's</html>\n"


class Host(HTTPServer):
    """A host that gives every request the same answer and remembers the credentials it was shown."""

    status = 404
    shown: list[str | None]


class Answer(BaseHTTPRequestHandler):
    """What `Host` answers."""

    server: Host

    def do_GET(self) -> None:
        self.server.shown.append(self.headers["Authorization"])
        self.send_response(self.server.status)
        if self.server.status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def host() -> Iterator[Host]:
    server = Host(("127.0.0.1", free_port()), Answer)
    server.shown = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_repository_is_read_over_the_network_and_again_when_it_has_grown(shop: Repository, tmp_path: Path) -> None:
    shop.commit()
    with git_daemon(tmp_path) as address:
        reader = Reader.of(f"{address}/shop", tmp_path / "workspace")
        reader.source.check()
        assert reader.events()[0].service == "shop"
        new = shop.commit()
        assert reader.ids() == [new]
        with pytest.raises(Misconfigured, match="cannot be read with these credentials"):
            Reader.of(f"{address}/other", tmp_path / "other").source.check()


@pytest.mark.parametrize("path", ["nothing-here", ""])
def test_a_path_without_a_repository_is_the_owners_to_mend(tmp_path: Path, path: str) -> None:
    reader = Reader.of(tmp_path / path, tmp_path / "workspace")
    for attempt in (reader.source.check, reader.pages):
        with pytest.raises(Misconfigured, match=r"there is no git repository \(git says: '/.*' does not appear"):
            attempt()


def test_an_unknown_host_is_a_wrong_setting_at_first_and_an_outage_later(tmp_path: Path) -> None:
    reader = Reader.of("https://no-such-host.invalid/x", tmp_path)
    with pytest.raises(Misconfigured, match="its host is not known"):
        reader.source.check()
    with pytest.raises(SourceUnavailable, match="its host is not known"):
        reader.pages()


def test_a_host_that_refuses_the_connection_may_be_back_later(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="Failed to connect"):
        Reader.of(f"http://127.0.0.1:{free_port()}/x", tmp_path).pages()


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (404, Misconfigured, "there is no git repository"),
        (401, Misconfigured, "cannot be read with these credentials, or without any"),
        (403, Misconfigured, "cannot be read with these credentials, or without any"),
        (503, SourceUnavailable, "git ls-remote failed"),
        (200, Misconfigured, "there is no git repository"),
    ],
)
def test_what_a_host_answers_decides_who_must_act(
    host: Host, tmp_path: Path, status: int, error: type[Exception], said: str
) -> None:
    host.status = status
    with pytest.raises(error, match=said):
        Reader.of(f"http://127.0.0.1:{host.server_port}/x", tmp_path).source.check()


def test_the_token_is_shown_to_its_host_and_to_nobody_else(host: Host, tmp_path: Path) -> None:
    host.status = 401
    reader = Reader.of(f"http://ada@127.0.0.1:{host.server_port}/x", tmp_path, token="geheim-7")
    with pytest.raises(Misconfigured) as refused:
        reader.source.check()
    assert host.shown[0] == "Basic " + base64.b64encode(b"ada:geheim-7").decode()
    assert "geheim-7" not in refused.value.message
    assert "ada@" not in refused.value.message
    assert "geheim-7" not in repr(reader.source.config)


def test_a_host_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitmirror, "CHECK_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", free_port())) as silent:
        reader = Reader.of(f"git://127.0.0.1:{silent.getsockname()[1]}/x", tmp_path)
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match="git took longer than 0 seconds"):
            reader.source.check()
    assert time.monotonic() - began < 2


def test_reading_says_that_it_is_at_it_while_a_host_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sources.gitcli.BEAT", 0.05)
    with socket.create_server(("127.0.0.1", free_port())) as silent:
        reader = Reader.of(f"git://127.0.0.1:{silent.getsockname()[1]}/x", tmp_path)
        page = next(iter(reader.source.read({"refs": {}, "boundary": []})))
    assert (page.records, page.cursor) == ([], {"refs": {}, "boundary": []})


def test_a_fetch_that_moves_nothing_is_given_up_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitcli, "BEAT", 0.05)
    monkeypatch.setattr(gitcli, "STALLED", 0.2)
    with socket.create_server(("127.0.0.1", free_port())) as silent:
        reader = Reader.of(f"git://127.0.0.1:{silent.getsockname()[1]}/x", tmp_path)
        with pytest.raises(SourceUnavailable, match="nothing has come of it for 0 seconds"):
            reader.pages()
        silent.settimeout(5)
        with silent.accept()[0] as line:
            line.settimeout(5)
            while line.recv(1024):
                pass


def dribble(silent: socket.socket) -> None:
    """Keep a line open with a byte now and then, at last with an answer that is none."""
    with silent.accept()[0] as line, suppress(OSError):
        for byte in b"0123":
            time.sleep(0.15)
            line.send(bytes([byte]))


def test_a_fetch_that_moves_a_byte_now_and_then_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitcli, "BEAT", 0.05)
    monkeypatch.setattr(gitcli, "STALLED", 0.3)
    with socket.create_server(("127.0.0.1", free_port())) as silent:
        slow = threading.Thread(target=dribble, args=(silent,))
        slow.start()
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match="git fetch failed"):
            Reader.of(f"git://127.0.0.1:{silent.getsockname()[1]}/x", tmp_path).pages()
        slow.join()
    assert time.monotonic() - began > 0.5


def test_where_the_system_does_not_tell_what_a_process_does_nobody_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitpulse, "PROC", tmp_path / "nowhere")
    watch = gitpulse.Watch(1)
    assert [watch.idle_after(60), watch.idle_after(60)] == [0, 0]


def test_a_helper_of_git_that_runs_commands_cannot_be_reached(tmp_path: Path) -> None:
    mirror = Reader.of("/anything", tmp_path).source._mirror()
    with pytest.raises(Misconfigured, match="git may not be given this address"):
        mirror.git.run("ls-remote", "--", f"ext::touch {tmp_path}/sprung")
    assert not (tmp_path / "sprung").exists()


def test_git_must_be_installed(shop: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader.of(shop.path, tmp_path / "workspace")
    monkeypatch.setattr("connectors.sources.gitcli.PROGRAM", "no-such-git")
    with pytest.raises(Misconfigured, match="git is not installed"):
        reader.source.check()


def test_git_may_not_answer_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sources.gitcli.MAX_OUTPUT", 5)
    with pytest.raises(SourceUnavailable, match="git version answers more than 5 bytes"):
        Reader.of("/anything", tmp_path).source._mirror().git.run("version")
