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
    hashes = {}
    for commit in story.commits():
        for name, text in commit.files.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        _git(path, "add", "--all")
        message = f"{commit.subject}\n\n{commit.body}".strip()
        _git(path, "commit", "--quiet", "--allow-empty", f"--message={message}", who=commit.team, at=now + commit.at)
        hashes[commit.subject] = _git(path, "rev-parse", "HEAD").strip()
    return hashes


def make_log(path: Path, now: datetime) -> None:
    """Write what the services logged, as they would have."""
    logged = [orjson.dumps(story.stamped(line, now)) for line in story.lines()]
    logged.insert(len(logged) // 2, CUT_OFF)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in logged))


def _git(path: Path, *arguments: str, who: str = "", at: datetime | None = None) -> str:
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    if at is not None:
        for role in ("AUTHOR", "COMMITTER"):
            environment[f"GIT_{role}_NAME"] = f"{who} team"
            environment[f"GIT_{role}_EMAIL"] = f"{who}@shop.example"
            environment[f"GIT_{role}_DATE"] = at.isoformat(timespec="seconds")
    command = ["git", "-C", str(path), *arguments]  # git is found on PATH, as the git source finds it
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout
