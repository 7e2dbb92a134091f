"""Follow a file of lines that grows, is rotated and truncated, from where reading stopped. Files only, no database.

Rotation by renaming and by copying are both followed. What was not yet read of the old file comes first (found by its
inode, or by its first line once it was copied or compressed), then files rolled since, then the new file. That one
counts from its first line on, because until then the writer may still hold the old one.
"""

import errno
import gzip
import io
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from hashlib import blake2b
from math import inf
from pathlib import Path
from typing import Any, Self, TypeVar

import structlog

from connectors.localfiles import require_readable

log = structlog.get_logger(__name__)
MAX_LINE = 256 * 1024
BLOCK_BYTES = 1024 * 1024
BLOCK_LINES = 2_000
HEAD_BYTES = TAIL_BYTES = 1024
_ROLLED = re.compile(r"[._-](?:old|bak|\d[\dTZ_.:-]*)(?:\.gz)?")


Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Place:
    """How far which file has been read.

    Attributes:
        head: a digest of its first line (of at most 1 KB of it): the same in a copy and in an archive.
        offset: the end of the last full line read, in bytes.
        tail: a digest of the last 1 KB before it, by which a file that was truncated and has grown past it is known;
            empty where that was not noted: in an archive, and by earlier releases.
    """

    inode: int
    head: str
    offset: int
    tail: str = ""

    @classmethod
    def of(cls, cursor: Mapping[str, Any]) -> Self | None:
        """Return the place a cursor holds; an empty cursor holds none."""
        return cls(**cursor) if cursor else None


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines of a file, without their line ends.

    Attributes:
        start: where the first line begins.
        lines: a line too long to be taken in whole stands alone, cut to `MAX_LINE` and one byte more.
        end: where the line after the last begins.
    """

    file: "LogFile"
    start: int
    lines: list[bytes]
    end: int


class LogFile:
    """An open file, plain or compressed by gzip; renaming it does not disturb reading.

    Attributes:
        head: see `Place`; empty as long as it has no full line.

    Raises:
        OSError: it is not there, not readable, or not a regular file.
        Misconfigured: it is one that no source may read.
    """

    def __init__(self, path: Path) -> None:
        require_readable(path)
        self.path = path
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        self.inode, self.modified, self.size = facts.st_ino, facts.st_mtime_ns, float(facts.st_size)
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._stream: io.FileIO | gzip.GzipFile = self._file
        if path.suffix == ".gz":
            self._stream, self.size = gzip.GzipFile(fileobj=self._file), inf
        self.head = self._read_head()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._file.close()

    def place(self, offset: int) -> Place:
        """Return the place of ``offset`` in this file."""
        # To read back in an archive is to unpack it from its start; but nobody truncates one.
        return Place(self.inode, self.head, offset, "" if self._is_archive else self._tail(offset))

    def holds(self, place: Place) -> bool:
        """Tell whether this is the file of ``place`` or a copy of it, with all that was read."""
        if self.head != place.head or self.size < place.offset:
            return False
        return not place.tail or self._is_archive or self._tail(place.offset) == place.tail

    def blocks(self, offset: int, *, final: bool) -> Iterator[Block]:
        """Yield the full lines from ``offset`` on.

        Args:
            final: nobody writes to it any more, so that a last line without an end is full.
        """
        if not (self.head or final):
            return  # empty when it was opened: what came since belongs to a head that is not known yet
        if self._guarded(self._stream.seek, offset) is None:
            return
        chunk, pending = self._next(), b""
        while chunk:
            *lines, pending = (pending + chunk).split(b"\n")
            for first in range(0, len(lines), BLOCK_LINES):
                few = lines[first : first + BLOCK_LINES]
                end = offset + sum(map(len, few)) + len(few)
                yield Block(self, offset, few, end)
                offset = end
            if len(pending) > MAX_LINE:
                # A writer that keeps its position after a truncation leaves a hole, which reads as NULs.
                pending, hole = pending.lstrip(b"\0"), len(pending)
                offset += hole - len(pending)
            if len(pending) <= MAX_LINE:
                chunk = self._next()
                continue
            skipped, chunk, ended = self._skip_line()
            if not (ended or final):
                return
            end = offset + len(pending) + skipped
            yield Block(self, offset, [pending[: MAX_LINE + 1]], end)
            offset, pending, chunk = end, b"", chunk or self._next()
        if pending and final:
            yield Block(self, offset, [pending], offset + len(pending))

    def _skip_line(self) -> tuple[int, bytes, bool]:
        """Read on to the end of a line; return how many bytes that took, what came with them, and whether it ended."""
        skipped = 0
        while chunk := self._next():
            line, ended, beyond = chunk.partition(b"\n")
            skipped += len(line) + len(ended)
            if ended:
                return skipped, beyond, True
        return skipped, b"", False

    def _next(self) -> bytes:
        # One read at a time, so that what comes before the break in an archive is not lost with it.
        read = self._stream.read1 if isinstance(self._stream, gzip.GzipFile) else self._stream.read
        return self._guarded(read, BLOCK_BYTES) or b""

    def _guarded(self, action: Callable[[int], Result], amount: int) -> Result | None:
        """Do it; a broken archive ends where it breaks."""
        try:
            return action(amount)
        except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
            log.warning("logfile.broken_archive", path=str(self.path), error=str(problem))
            return None

    def _read_head(self) -> str:
        start = self._guarded(self._stream.read, HEAD_BYTES) or b""
        line, ended, _ = start.partition(b"\n")
        begun = ended or len(start) == HEAD_BYTES
        return _digest(line) if begun else ""

    def _tail(self, offset: int) -> str:
        start = max(0, offset - TAIL_BYTES)
        return _digest(os.pread(self._file.fileno(), offset - start, start))

    @property
    def _is_archive(self) -> bool:
        return self._stream is not self._file


def _digest(raw: bytes) -> str:
    return blake2b(raw, digest_size=8).hexdigest()


def follow(path: Path, place: Place | None) -> Iterator[Block]:
    """Yield what was written since ``place``, oldest first. A file that is gone for the moment yields nothing.

    Files rotated at the very moment they are looked for may come twice, with the same heads and offsets, but never not.

    Raises:
        OSError: it cannot be read, or it is not there and never was.
    """
    if place is None:
        with LogFile(path) as file:
            yield from file.blocks(0, final=False)
        return
    with ExitStack() as opened:
        current = _open(path, opened)
        if current and current.inode == place.inode and current.holds(place):
            yield from current.blocks(place.offset, final=False)
            return
        # Looked at before the old file is read to its end: a writer that has begun the new one is done with the old.
        begun = current is not None and bool(current.head)
        unread = _unread(path.resolve(), place, current, opened)
        for file, offset in unread:
            yield from file.blocks(offset, final=begun or file is not unread[-1][0])
        if current and begun:
            if not unread:
                log.warning("logfile.old_file_gone", path=str(path), offset=place.offset)
            yield from current.blocks(0, final=False)


def _open(path: Path, opened: ExitStack) -> LogFile | None:
    try:
        return opened.enter_context(LogFile(path))
    except FileNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class _Listed:
    """A file beside the followed one, as listed; `modified` in ns."""

    path: Path
    inode: int
    modified: int

    def open(self, opened: ExitStack) -> LogFile:
        """Open it; another file that took its name meanwhile is an error: to go on with that one would lose lines."""
        file = opened.enter_context(LogFile(self.path))
        if file.inode != self.inode:
            raise OSError(f"{self.path} was rotated while it was looked at")
        return file


def _unread(path: Path, place: Place, current: LogFile | None, opened: ExitStack) -> list[tuple[LogFile, int]]:
    """Return the old file and those rolled after it, each with where to read on; none when the old one is gone."""
    others = [listed for listed in _beside(path, place) if current is None or listed.inode != current.inode]
    old = _old_file(place, others, opened)
    if old is None:
        return []
    paths = {listed.path for listed in others}
    unread = [(old, place.offset)]
    for listed in others:
        being_compressed = listed.path.suffix == ".gz" and listed.path.with_suffix("") in paths
        if listed.modified > old.modified and _is_rolled(path.name, listed.path.name) and not being_compressed:
            unread.append((listed.open(opened), 0))
    return unread


def _old_file(place: Place, others: list[_Listed], opened: ExitStack) -> LogFile | None:
    """Find the file by its inode, else a copy or an archive of it by its first line, the newest first."""
    for listed in sorted(others, key=lambda listed: (listed.inode != place.inode, -listed.modified)):
        with ExitStack() as tried:
            file = listed.open(tried)
            if file.holds(place):
                opened.push(tried.pop_all())
                return file
    return None


def _beside(path: Path, place: Place) -> list[_Listed]:
    """Return the files beside ``path`` that may hold lines of it, the oldest first.

    Raises:
        OSError: they are being renamed at this moment.
    """
    first, second = (_listing(path, place) for _ in range(2))
    if {(listed.path, listed.inode) for listed in first} != {(listed.path, listed.inode) for listed in second}:
        raise OSError(f"{path} was rotated while it was looked for")
    return sorted(second, key=lambda listed: listed.modified)


def _listing(path: Path, place: Place) -> list[_Listed]:
    found = []
    with suppress(FileNotFoundError, PermissionError):
        for beside in path.parent.iterdir():
            with suppress(FileNotFoundError):
                facts = beside.lstat()
                akin = beside.name.startswith(path.name) and os.access(beside, os.R_OK)
                related = akin or facts.st_ino == place.inode
                if related and stat.S_ISREG(facts.st_mode):
                    found.append(_Listed(beside, facts.st_ino, facts.st_mtime_ns))
    return found


def _is_rolled(name: str, other: str) -> bool:
    return other.startswith(name) and _ROLLED.fullmatch(other, len(name)) is not None
