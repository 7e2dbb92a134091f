"""Repositories for tests, made by git itself."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from connectors.base import Cursor, Page
from connectors.sources.git import Git, GitConfig
from events.drafts import EventDraft

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FIRST_COMMIT = 1_767_000_000  # seconds of the Unix era
PERSON = ("Ada Lovelace", "ada@example.org")


class Repository:
    """A repository with a working tree; each commit is a minute younger than the one before."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        self.clock = FIRST_COMMIT
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main", "--template=", *options)

    def git(self, *arguments: str, stdin: bytes = b"", person: tuple[str, str] = PERSON) -> str:
        """Run git here and return what it says."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": f"{self.clock} +0000",
            "GIT_COMMITTER_DATE": f"{self.clock} +0000",
        }
        for role in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{role}_NAME": person[0], f"GIT_{role}_EMAIL": person[1]}
        command = ["git", "-c", "commit.gpgsign=false", *arguments]
        done = subprocess.run(command, cwd=self.path, env=environment, input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def commit(
        self, message: str = "A change", files: Mapping[str, str] | None = None, person: tuple[str, str] = PERSON
    ) -> str:
        """Write ``files`` (another line of ``a.txt`` by default), commit everything, and return the hash."""
        self.clock += 60
        for name, text in (files if files is not None else {"a.txt": f"{self.clock}\n"}).items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        self.git("add", "--all")
        self.git(
            "commit",
            "--quiet",
            "--allow-empty",
            "--allow-empty-message",
            "--file=-",
            stdin=message.encode(),
            person=person,
        )
        return self.head()

    def head(self) -> str:
        """Return the hash of what is checked out."""
        return self.git("rev-parse", "HEAD")

    def commits(self, number: int, branch: str = "main") -> None:
        """Make many commits at once on a branch that does not exist yet."""
        lines = []
        for count in range(number):
            self.clock += 60
            lines.append(
                f"commit refs/heads/{branch}\ncommitter {PERSON[0]} <{PERSON[1]}> {self.clock} +0000\n"
                f"data <<END\nChange {count}\nEND\nM 100644 inline file{count % 7}.txt\ndata <<END\n{count}\nEND\n"
            )
        self.git("fast-import", "--quiet", stdin="\n".join(lines).encode())

    def raw_commit(self, body: bytes, branch: str = "main") -> str:
        """Store a commit object as it is given, whatever git would say of it, and point ``branch`` at it."""
        tree = self.git("mktree", stdin=b"")
        content = b"tree " + tree.encode() + b"\n" + body
        sha = self.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=content)
        self.git("update-ref", f"refs/heads/{branch}", sha)
        return sha


@dataclass
class Reader:
    """A git source that is read again and again, as the engine does."""

    source: Git
    cursor: Cursor

    @classmethod
    def of(cls, url: Path | str, workspace: Path, **settings: object) -> "Reader":
        """Return a reader of ``url`` that has read nothing."""
        config = GitConfig.read({"url": str(url), **settings})
        return cls(Git(config, workspace=workspace, now=NOW), {})

    def pages(self) -> list[Page]:
        """Read to the end."""
        pages = []
        for page in self.source.read(self.cursor):
            self.cursor = page.cursor
            pages.append(page)
        return pages

    def events(self) -> list[EventDraft]:
        """Read to the end and decode."""
        records = [record for page in self.pages() for record in page.records]
        return [draft for record in records for draft in self.source.decode(record)]

    def ids(self) -> list[str]:
        """Read to the end and return what the events are known by."""
        return [event.source_id for event in self.events()]
