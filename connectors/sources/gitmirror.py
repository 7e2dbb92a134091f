"""A bare copy of a repository, and what git reads from it: references, commits, tags. No database here."""

import re
import shutil
from codecs import getincrementaldecoder
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from connectors.errors import Misconfigured
from connectors.sources.gitcli import Git, GitFailed

References = dict[str, str]  # full name to the id it points to

FETCH_SECONDS = 2 * 60 * 60
READ_SECONDS = 15 * 60
CHECK_SECONDS = 20
MAX_REFERENCES = 50_000
MAX_FILES = 300
MAX_DIFF = 16_000  # characters
MAX_PATH = 1_000
MAX_DIRECTORIES = 500
DIRECTORY_DEPTH = 5
MAX_TOKEN = 64 * 1024
LOOSE_OBJECTS = 6_700  # git's own default
CHUNK = 5_000  # commits for one run of git; it works ahead while their events are stored

COMMIT_FIELDS = {
    "sha": "%H",
    "parents": "%P",
    "committed": "%ct",
    "authored": "%at",
    "author_name": "%an",
    "author_email": "%ae",
    "committer_name": "%cn",
    "committer_email": "%ce",
    "subject": "%s",
    "body": "%b",
}
TAG_FIELDS = {
    "ref": "%(refname)",
    "sha": "%(objectname)",
    "type": "%(objecttype)",
    "target": "%(*objectname)",
    "created": "%(creatordate:unix)",
    "tagger_name": "%(taggername)",
    "tagger_email": "%(taggeremail)",
    "subject": "%(contents:subject)",
    "body": "%(contents:body)",
}
COMMIT_FORMAT = "%x00".join(COMMIT_FIELDS.values())
TAG_FORMAT = "%00".join(TAG_FIELDS.values()) + "%00"
_CHANGE = re.compile(r"\n?(\d+|-)\t(\d+|-)\t(.*)", re.DOTALL)
_DECODER = getincrementaldecoder("utf-8")
_FORMAT_CLASH = re.compile(r"mismatched algorithms.*server (sha\d+)")


class Damaged(GitFailed):
    """The copy cannot be read: make it anew."""


@dataclass(slots=True)
class Changes:
    """What a commit did to files: all of it counted, the first 300 named.

    Attributes:
        directories: files changed by the first five parts of their directory.
    """

    files: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0
    insertions: int = 0
    deletions: int = 0
    directories: Counter[str] = field(default_factory=Counter)

    def add(self, path: str, before: str, insertions: str, deletions: str) -> None:
        """Count in one file, called ``before`` until now if it was moved; a binary file has ``-`` lines."""
        binary = insertions == "-"
        added, removed = (0, 0) if binary else (int(insertions), int(deletions))
        self.count += 1
        self.insertions += added
        self.deletions += removed
        path = path[:MAX_PATH]
        directory = "/".join(path.split("/")[:-1][:DIRECTORY_DEPTH])
        if directory in self.directories or len(self.directories) < MAX_DIRECTORIES:
            self.directories[directory] += 1
        if len(self.files) < MAX_FILES:
            entry: dict[str, Any] = {"path": path, "insertions": added, "deletions": removed}
            self.files.append(
                entry | ({"binary": True} if binary else {}) | ({"from": before[:MAX_PATH]} if before else {})
            )


class Mirror:
    """The copy of one repository: whole, because lines can only be counted where the contents of files are.

    Raises:
        Damaged: (every method) the copy is of no use any more; `discard` it.
    """

    def __init__(self, git: Git) -> None:
        self.git = git
        self.path = git.directory
        self._format = "sha1"

    def fetch(self) -> Iterator[None]:
        """Bring the copy up to date: what was forced is taken, what is gone is removed. Yields while it goes on."""
        self._prepare()
        # Where the source has deepened its own shallow history, the copy follows.
        deepen = ["--unshallow"] if (self.path / "shallow").exists() else []
        options = [
            "--force",
            "--prune",
            "--no-tags",
            "--update-shallow",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
        ]
        wanted = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
        command = ["fetch", "--quiet", *options, *deepen, "--", self.git.address.text, *wanted]
        try:
            for _ in self.git.stream(*command, limit=FETCH_SECONDS):
                yield
        except GitFailed as problem:
            clash = _FORMAT_CLASH.search(problem.message)
            self._format = clash[1] if clash else self._format
            if clash or not self._is_sound():
                raise Damaged(problem.message) from problem
            raise

    def discard(self) -> None:
        """Throw the copy away; the next `fetch` makes it anew."""
        if self.path.is_dir():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)

    def references(self) -> References:
        """Return the branches and tags, by full name."""
        listed = self._read("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
        # Not splitlines: names may hold what Unicode takes for the end of a line.
        rows = (line.partition(" ") for line in _text(listed).split("\n") if line)
        references = {name: sha for sha, _, name in rows}
        if len(references) > MAX_REFERENCES:
            raise Misconfigured(f"It has {len(references)} branches and tags; {MAX_REFERENCES} can be followed.")
        return references

    def default_branch(self) -> str:
        """Return the full name of the branch that the source's HEAD means; nothing when it is detached or empty."""
        answer = self.git.run("ls-remote", "--symref", "--", self.git.address.text, "HEAD", limit=CHECK_SECONDS)
        first = _text(answer).partition("\t")[0]
        return first.removeprefix("ref: ") if first.startswith("ref: ") else ""

    def boundary(self) -> frozenset[str]:
        """Return the commits at which a shallow history was cut off."""
        try:
            return frozenset((self.path / "shallow").read_text().split())
        except FileNotFoundError:
            return frozenset()

    def holds(self, shas: Iterable[str]) -> set[str]:
        """Return those of ``shas`` that are in the copy."""
        answer = self._read("cat-file", "--batch-check=%(objectname)", stdin=_lines(shas))
        return {line for line in _text(answer).splitlines() if not line.endswith(" missing")}

    def write_listing(
        self, file: Path, *, tips: Mapping[str, str], first: str, without: Iterable[str], since: int
    ) -> None:
        """Write a line ``<sha> <tip>`` for each commit that is reachable from ``tips`` and not from ``without``.

        Parents come before children and older commits before younger ones; those of the reference called ``first`` come
        before all others. The same arguments give the same file.

        Args:
            since: leave out commits made before that second of the Unix era; 0 leaves out none.
        """
        known = [f"^{sha}" for sha in sorted(without)]
        main = [tips[first]] if first in tips else []
        others = sorted(set(tips.values()) - set(main))
        options = [
            "--date-order",
            "--reverse",
            "--source",
            "--format=%H %S",
            *([f"--max-age={since}"] if since else []),
        ]
        with file.open("wb") as listing:
            for wanted, unwanted in ((main, known), (others, [*known, *(f"^{sha}" for sha in main)])):
                if wanted:
                    for chunk in self._stream("log", *options, "--stdin", stdin=_lines([*wanted, *unwanted])):
                        listing.write(chunk)

    def commits(self, listing: Iterator[str]) -> Iterator[dict[str, Any]]:
        """Yield what git knows of each commit of a listing, with the ``tip`` it was listed for; see `Changes`."""
        boundary = self.boundary()
        while lines := list(islice(listing, CHUNK)):
            tips = dict(line.split() for line in lines)
            for commit, changes in self._log(tips):
                cut = commit["sha"] in boundary  # compared with nothing, every file would count as new
                yield commit | {"tip": tips[commit["sha"]], "cut": cut} | _plain(Changes() if cut else changes)

    def _log(self, shas: Iterable[str]) -> Iterator[tuple[dict[str, Any], Changes]]:
        options = ["--no-walk=unsorted", "-z", "--numstat", "--find-renames=100%", "--diff-merges=first-parent"]
        plain = ["--no-ext-diff", "--no-textconv", "--no-color", "--no-notes", f"--format={COMMIT_FORMAT}"]
        tokens = _tokens(self._stream("log", *options, *plain, "--stdin", stdin=_lines(shas)))
        commit: dict[str, Any] = {}
        changes = Changes()
        for token in tokens:
            if change := _CHANGE.fullmatch(token):
                added, removed, path = change.groups()
                before = "" if path else next(tokens)
                changes.add(path or next(tokens), before, added, removed)
                continue
            if commit:
                yield commit, changes
            rest = islice(tokens, len(COMMIT_FIELDS) - 1)
            commit = dict(zip(COMMIT_FIELDS, [token, *rest], strict=True))
            changes = Changes()
        if commit:
            yield commit, changes

    def diff(self, sha: str) -> str:
        """Return what a commit changed, line by line: the first 16,000 characters of it."""
        options = ["--format=", "--no-ext-diff", "--no-textconv", "--no-color", "--no-notes", "--find-renames=100%"]
        found = bytearray()
        for chunk in self._stream("show", *options, sha, "--"):
            found += chunk
            if len(found) > 4 * MAX_DIFF:  # no character takes more bytes
                break
        return _text(bytes(found))[:MAX_DIFF]

    def tags(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return what git knows of those tags, by full name."""
        wanted = frozenset(names)
        tokens = _tokens(self._stream("for-each-ref", f"--format={TAG_FORMAT}", "refs/tags"))
        found = {}
        while len(row := list(islice(tokens, len(TAG_FIELDS)))) == len(TAG_FIELDS):
            row[0] = row[0].removeprefix("\n")
            if row[0] in wanted:
                found[row[0]] = dict(zip(TAG_FIELDS, row, strict=True))
        return found

    def merge_base(self, one: str, other: str) -> str:
        """Return the commit at which two histories part: one of the two where there is nothing to part; or nothing."""
        try:
            return _text(self.git.run("merge-base", "--", one, other)).strip()
        except GitFailed:
            return ""

    def tidy(self) -> Iterator[None]:
        """Pack loose objects when there are many; lose none: the next history is compared with the present one."""
        settings = (f"gc.auto={LOOSE_OBJECTS}", "gc.autoDetach=false", "gc.cruftPacks=true", "gc.pruneExpire=never")
        options = [word for setting in settings for word in ("-c", setting)]
        for _ in self._stream(*options, "gc", "--auto", "--quiet"):
            yield

    def _prepare(self) -> None:
        """Make an empty copy, or clear away what a process that was killed had begun."""
        if not (self.path / "HEAD").exists():
            self.discard()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.git.run("init", "--bare", "--quiet", "--template=", f"--object-format={self._format}", str(self.path))
        locks = (file for folder in ("*.lock", "refs/**/*.lock") for file in self.path.glob(folder))
        for left in (*locks, *self.path.glob("objects/pack/tmp_*")):
            left.unlink(missing_ok=True)

    def _is_sound(self) -> bool:
        try:
            self.git.run("rev-list", "--all", "--quiet", limit=READ_SECONDS)
        except GitFailed:
            return False
        return True

    def _read(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return b"".join(self._stream(*arguments, stdin=stdin))

    def _stream(self, *arguments: str, stdin: bytes = b"") -> Iterator[bytes]:
        """Read the copy; nothing but damage can stop that."""
        try:
            yield from self.git.stream(*arguments, stdin=stdin, limit=READ_SECONDS)
        except GitFailed as problem:
            raise Damaged(problem.message) from problem


def _plain(changes: Changes) -> dict[str, Any]:
    return {
        "files": changes.files,
        "count": changes.count,
        "insertions": changes.insertions,
        "deletions": changes.deletions,
        "directories": changes.directories,
    }


def _tokens(chunks: Iterable[bytes]) -> Iterator[str]:
    """Split at NUL; the middle of what is longer than 64 Ki characters is lost, so that no message fills the memory."""
    decode = _DECODER("backslashreplace").decode
    pending = ""
    for chunk in chunks:
        *ended, rest = decode(chunk).split("\0")
        for part in ended:
            yield pending + part
            pending = ""
        pending = (pending + rest)[:MAX_TOKEN]


def _lines(words: Iterable[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()


def _text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")
