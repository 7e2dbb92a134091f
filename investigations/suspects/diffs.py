"""Decision: what a diff changes: lines that went and came, by file, and the words that really differ."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from investigations.suspects.scene import Commit

MOST_LINES = 4_000
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|\d+(?:\.\d+)?")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_COMMENT = re.compile(r"^\s*(//|#(?!\[)|--\s|/\*|\*\s|\*/|<!--|;\s|%)")
_FILE = re.compile(r"[\w./-]+\.[A-Za-z0-9]{1,8}\b|[\w./-]*(?:Dockerfile|Makefile|CODEOWNERS)\b")
_TRIVIAL = re.compile(
    r"(^|/)(docs?|documentation|test|tests|testdata|__tests__|spec|e2e|fixtures|\.github|\.circleci|examples?)/"
    r"|_test\.\w+$|\.test\.\w+$|\.spec\.\w+$|test_\w+\.py$|_fuzz\w*\.\w+$|\.(md|rst|txt|adoc|css|scss|less|svg|png|jpg|woff2?)$"
    r"|(^|/)(CODEOWNERS|LICENSE|README|CHANGELOG|\.gitignore|\.editorconfig|\.golangci\.ya?ml|\.eslintrc\S*|\.pre-commit\S*)"
    r"|\.gitlab-ci\.yml$",
    re.IGNORECASE,
)
_MANIFEST = re.compile(
    r"(^|/)(go\.(mod|sum)|package(-lock)?\.json|yarn\.lock|pnpm-lock\.yaml|requirements[\w-]*\.(txt|in)|poetry\.lock"
    r"|uv\.lock|Pipfile(\.lock)?|Cargo\.(toml|lock)|pom\.xml|build\.gradle(\.kts)?|Gemfile(\.lock)?|composer\.(json|lock)"
    r"|mix\.(exs|lock)|\w+\.csproj)$"
)
STAGING = re.compile(r"(^|[/_.-])(staging|stage|dev|test|sandbox|local)([/_.-]|$)", re.IGNORECASE)


class Hunk(NamedTuple):
    """A stretch of a diff."""

    file: str
    header: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    context: tuple[str, ...]


@dataclass(frozen=True)
class Diff:
    """What one commit changes. Comments are left out of the lines."""

    commit: Commit
    hunks: tuple[Hunk, ...]

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The files it touches."""
        return tuple(dict.fromkeys([*self.commit.files, *(hunk.file for hunk in self.hunks if hunk.file)]))

    @cached_property
    def removed(self) -> tuple[str, ...]:
        """The lines that went, of files that matter."""
        return tuple(line for hunk in self.hunks if not trivial(hunk.file) for line in hunk.removed)

    @cached_property
    def added(self) -> tuple[str, ...]:
        """The lines that came, of files that matter."""
        return tuple(line for hunk in self.hunks if not trivial(hunk.file) for line in hunk.added)

    @cached_property
    def gone(self) -> Counter[str]:
        """The words there are fewer of."""
        return Counter(words(self.removed)) - Counter(words(self.added))

    @cached_property
    def new(self) -> Counter[str]:
        """The words there are more of."""
        return Counter(words(self.added)) - Counter(words(self.removed))

    @cached_property
    def touched(self) -> frozenset[str]:
        """Every word of the lines that changed, of their headers, and of the names of files."""
        headers = [hunk.header for hunk in self.hunks if not trivial(hunk.file)]
        names = [name.rpartition("/")[2].partition(".")[0] for name in self.files if not trivial(name)]
        return frozenset(words((*self.removed, *self.added, *headers, *names)))

    @property
    def trivial(self) -> bool:
        """Whether it touches only documentation, tests, styles and the like."""
        return bool(self.files) and all(trivial(name) or STAGING.search(name) for name in self.files)

    @property
    def bump(self) -> bool:
        """Whether it only moves versions of dependencies."""
        matter = [name for name in self.files if not trivial(name)]
        return bool(matter) and all(_MANIFEST.search(name) for name in matter)


def diff(commit: Commit) -> Diff:
    """Read the diff of a commit, in unified format or in excerpts of it."""
    hunks: list[Hunk] = []
    file = commit.files[0] if commit.files else ""
    header, sides = "", _Sides()
    for line in commit.diff.splitlines()[:MOST_LINES]:
        if line.startswith(("--- ", "+++ ")) and ("/" in line or "." in line):
            file = _named(line[4:], commit.files) or file
        elif line.startswith("@@"):
            hunks += sides.closed(file, header)
            header = line.strip("@ ")
            file = _named(header, commit.files) or file
        elif not line.startswith(("diff ", "index ", "new file", "deleted file", "similarity", "rename")):
            sides.take(line)
    return Diff(commit, (*hunks, *sides.closed(file, header)))


def trivial(name: str) -> bool:
    """Tell whether a file cannot change what a service does."""
    return bool(_TRIVIAL.search(name))


def words(lines: Iterable[str]) -> list[str]:
    """Return the identifiers and numbers of lines, in lower case."""
    return [word.casefold() for line in lines for word in _WORD.findall(line)]


def parts(word: str) -> list[str]:
    """Return what an identifier is made of: "BatchWriteItem" is batch, write, item."""
    return [part.casefold() for part in _CAMEL.findall(word)]


class _Sides:
    """Collects the lines of a hunk."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.added: list[str] = []
        self.context: list[str] = []

    def take(self, line: str) -> None:
        """Count a line in."""
        if not line[1:].strip() or _COMMENT.match(line[1:]):
            return
        {"-": self.removed, "+": self.added}.get(line[:1], self.context).append(line[1:])

    def closed(self, file: str, header: str) -> list[Hunk]:
        """Return what was collected and begin anew."""
        if not (self.removed or self.added or self.context):
            return []
        hunk = Hunk(file, header, tuple(self.removed), tuple(self.added), tuple(self.context))
        self.removed, self.added, self.context = [], [], []
        return [hunk]


def _named(text: str, files: tuple[str, ...]) -> str:
    """Return the file that a header names."""
    known = next((name for name in files if name in text), "")
    if known:
        return known
    found = _FILE.search(text.split(": ", 1)[0]) if "/" in text else None
    return found.group().removeprefix("a/").removeprefix("b/") if found else ""
