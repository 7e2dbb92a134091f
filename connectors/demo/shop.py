"""Deed: make the shop's git repository with real commits, and its log file."""

import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import orjson

from connectors.demo import story

# One line was cut off when the disk was full for a moment: a dead letter for an operator to look at.
CUT_OFF = b'{"timestamp": "2026-03-01T12:00:00Z", "level": "error", "service": "checkout", "mess'


def make_repository(path: Path, now: datetime) -> dict[str, str]:
    """Make the repository anew.

    Returns:
        Commit hash by subject.
    """
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    _git(path, "init", "--quiet", "--initial-branch=main")
    _git(path, "fast-import", "--quiet", told="".join(_told(commit, now) for commit in story.commits()))
    _git(path, "reset", "--quiet", "--hard")  # the files beside it, for whoever looks in
    logged = _git(path, "log", "--format=%H %s").splitlines()
    return {subject: commit for commit, _, subject in (line.partition(" ") for line in logged)}


def _told(commit: story.Commit, now: datetime) -> str:
    """Return a commit in the words of git fast-import."""
    who = f"{commit.team} team <{commit.team}@shop.example> {int((now + commit.at).timestamp())} +0000"
    files = "".join(f"M 644 inline {name}\n{_data(text)}" for name, text in commit.files.items())
    message = f"{commit.subject}\n\n{commit.body}".strip() + "\n"
    return f"commit refs/heads/main\nauthor {who}\ncommitter {who}\n{_data(message)}{files}"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def make_log(path: Path, now: datetime) -> None:
    """Write what the services logged, as they would have."""
    logged = [orjson.dumps(story.stamped(line, now)) for line in story.lines()]
    logged.insert(len(logged) // 2, CUT_OFF)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in logged))


def _git(path: Path, *arguments: str, told: str = "") -> str:
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    command = ["git", "-C", str(path), *arguments]  # git is found on PATH, as the git source finds it
    done = subprocess.run(
        command, env=environment, input=told, check=True, capture_output=True, encoding="utf-8", timeout=60
    )
    return done.stdout
