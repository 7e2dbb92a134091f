"""What a worker that was killed leaves running does not outlive the next start."""

import os
import signal
import socket
from pathlib import Path

import pytest

from connectors.tests.repositories import Reader
from rcaplatform.processes import MARK, stop_leftovers, supervised


def test_a_git_that_waits_for_a_silent_host_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, str(tmp_path))
    git = Reader.of("/anything", tmp_path).source._mirror().git
    with socket.create_server(("127.0.0.1", 0)) as silent, Path(os.devnull).open() as nothing:
        address = f"git://127.0.0.1:{silent.getsockname()[1]}/x"
        waiting = git._start(("ls-remote", address), nothing.fileno())
        with waiting, silent.accept()[0]:
            stop_leftovers(supervised(tmp_path), signal.SIGTERM)
    assert waiting.returncode == -signal.SIGTERM
