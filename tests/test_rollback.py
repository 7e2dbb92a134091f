"""Going back: the release before runs on the schema of this one, with the data that this one made."""

import json
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.tests.realpeers import program
from tests.products import ROOT, Product

pytestmark = pytest.mark.slow
PASSWORD = "there-and-back"
COMMIT = os.environ.get("RCA_ROLLBACK_TO") or json.loads((ROOT / "deploy/released.json").read_text())["commit"]


@dataclass(slots=True)
class Visit:
    """One release at work on the shared data, asked by an engineer."""

    product: Product
    stored: set[str] = field(default_factory=set)
    cases: set[str] = field(default_factory=set)

    def work(self, release: str) -> None:
        """Start it, let it do everything that writes, read all that was written before, and stop it."""
        supervisor = self.product.start(DEMO_PASSWORD=PASSWORD, RATE_LIMIT_ENGINEER="0", RATE_LIMIT_SIGN_IN="0")
        with httpx.Client(base_url=f"http://127.0.0.1:{self.product.port}", timeout=30) as asking:
            assert Path(f"/proc/{self.product.leader('granian')}/cwd").readlink() == self.product.root
            assert asking.get("/readyz").json()["status"] == "ok"
            said = asking.post("/api/v1/auth/token", json={"username": "engineer", "password": PASSWORD}).json()
            asking.headers["Authorization"] = f"Bearer {said['access']}"
            self._smoke(said["access"])
            for case in self.cases:
                assert asking.get(f"/api/v1/investigations/{case}/events").json()["results"], release
            self._write(asking, release)
        supervisor.terminate()
        assert supervisor.wait(40) == 0

    def _smoke(self, token: str) -> None:
        done = subprocess.run(
            [sys.executable, "manage.py", "smoke", f"http://127.0.0.1:{self.product.port}", "--token-file", "-"],
            cwd=ROOT, env=os.environ | {"RCA_DATA_DIR": str(self.product.data_dir)},
            input=token, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def _write(self, asking: httpx.Client, release: str) -> None:
        """Open an investigation, tell of events beside it, and wait until they are linked to it."""
        told = {"title": "Checkout fails", "service_affected": release, "detected_at": "2026-03-01T10:05:00Z"}
        made = _made(asking.post("/api/v1/investigations", json=told))
        self.cases.add(made["id"])
        events: list[dict[str, Any]] = [
            {"title": f"Checkout fails {number}", "source": "manual", "event_type": "error", "service": release,
             "severity": "high", "timestamp": f"2026-03-01T10:0{number}:00Z", "source_id": f"{release}-{number}"}
            for number in range(5)
        ]  # fmt: skip
        for event in events:
            self.stored.add(_made(asking.post("/api/v1/events", json=event))["id"])
        links = f"/api/v1/investigations/{made['id']}/events"
        self.product.until(lambda: len(asking.get(links).json()["results"]) >= len(events))
        _made(asking.post(f"/api/v1/investigations/{made['id']}/notes", json={"body": f"Seen by {release}."}))
        for key in self.stored:
            assert asking.get(f"/api/v1/events/{key}").status_code == 200, release


def _made(answer: httpx.Response) -> Any:
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The code of the release before."""
    git, packed = program("git"), tmp_path / "before.tar"
    if subprocess.run([git, "cat-file", "-e", f"{COMMIT}^{{commit}}"], cwd=ROOT, check=False).returncode:
        pytest.skip(f"{COMMIT} is not in this clone: git fetch --unshallow")
    subprocess.run([git, "archive", f"--output={packed}", COMMIT], cwd=ROOT, check=True)
    with tarfile.open(packed) as code:
        code.extractall(tmp_path / "before", filter="data")
    return tmp_path / "before"


def test_there_and_back_and_there_again(product: Product, before: Path) -> None:
    visit = Visit(product)
    for release, root in (("new", ROOT), ("before", before), ("again", ROOT)):
        product.root = root
        visit.work(release)
