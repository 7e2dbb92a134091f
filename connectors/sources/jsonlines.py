"""Source: a file of JSON lines, one log record each, followed through rotation and truncation."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from connectors.base import Cursor, Page, Pull, Record, option, refuse
from connectors.errors import BadRecord, Misconfigured, SourceUnavailable
from connectors.sources.logfields import read_object
from connectors.sources.logfolding import Folding, Told
from connectors.sources.loglines import LogLine, is_quiet
from connectors.sources.logsource import FOLDING, LogConfig, LogSource
from connectors.sources.tailing import MAX_LINE, Block, LogFile, Place, follow
from events.choices import Severity

PAGE_RECORDS = 2_000
PAGE_BYTES = 4 * 1024 * 1024
SAMPLE_LINES = 20
_BLANK = b"\0 \t\r\n"


@dataclass(frozen=True, kw_only=True)
class LogFileConfig(LogConfig):
    """Which file, and what of it."""

    path: str = option("Absolute path of the log file; rotated copies are looked for beside it.")
    service: str = option("Service of lines that do not name theirs.", default="")
    environment: str = option("Environment of lines that do not name theirs.", default="")

    def __post_init__(self) -> None:
        if not Path(self.path).is_absolute() or "\x00" in self.path:
            refuse({"path": "Give an absolute path."})


class JSONLines(LogSource[LogFileConfig], Pull[LogFileConfig]):
    """The cursor is a `Place`: {inode, head, offset, tail}, and what floods fold by."""

    kind, label, Config = "jsonlines", "JSON-lines log file", LogFileConfig
    argument = "path"

    def check(self) -> None:
        """Return when the file is there, readable, and among its first full lines, if any, is a JSON object."""
        try:
            with LogFile(Path(self.config.path)) as file:
                block = next(file.blocks(0, final=False), None)
        except OSError as problem:
            raise Misconfigured(_in_words(problem), fields={"path": _in_words(problem)}) from problem
        sample = [line for line in block.lines[:SAMPLE_LINES] if line.strip(_BLANK)] if block else []
        if sample and not any(map(_is_object, sample)):
            message = f"None of the first {len(sample)} lines is a JSON object."
            raise Misconfigured(message, fields={"path": message})

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield the lines worth decoding; blank ones and those certainly below the least severity are only counted."""
        folding, place = self.folding(cursor), Place.of(_without_folding(cursor))
        page = _Filling(place)
        try:
            for block in follow(Path(self.config.path), place):
                records = self._sift(block)
                if page.size >= PAGE_BYTES or len(page.records) + len(records) > PAGE_RECORDS:
                    yield page.filled(folding)
                    page = _Filling(page.place)
                page.add(block, records)
        except OSError as problem:
            raise SourceUnavailable(_in_words(problem)) from problem
        last = page.filled(folding, final=True)
        if page.size or last.records:
            yield last

    def understood(self, record: Record) -> Told:
        """Return the line in ``record``."""
        fields = record.value if isinstance(record.value, dict) else _object_in(record.value)
        config = self.config
        return Told(LogLine(fields), record.reference, fields, service=config.service, environment=config.environment)

    def revive(self, reference: str, kind: str, raw: bytes) -> Record:
        """Return a line to decode again; it need not be JSON."""
        return super().revive(reference, kind, raw) if kind else Record(reference, raw, raw, kind)

    def _sift(self, block: Block) -> list[Record]:
        skips, records, offset = not self.is_wanted(Severity.INFO), [], block.start
        for line in block.lines:
            try:
                value = orjson.loads(line) if len(line) <= MAX_LINE else None
            except orjson.JSONDecodeError:
                value = None
            if not (skips and isinstance(value, dict) and is_quiet(value)) and line.strip(_BLANK):
                records.append(_record(block.file.head, offset, line, value))
            offset += len(line) + 1
        return records


@dataclass(slots=True)
class _Filling:
    """A page that is being filled, from ``place`` on."""

    place: Place | None
    records: list[Record] = field(default_factory=list)
    lines: int = 0
    size: int = 0

    def add(self, block: Block, records: list[Record]) -> None:
        self.records += records
        self.lines += len(block.lines)
        self.size += block.end - block.start
        self.place = block.file.place(block.end)

    def filled(self, folding: Folding, *, final: bool = False) -> Page:
        records = folding.fold(self.records)
        if final:
            records += folding.overdue()
        cursor = asdict(self.place) if self.place else {}
        return Page(records, {**cursor, FOLDING: folding.state()}, ignored=max(0, self.lines - len(records)))


def _without_folding(cursor: Cursor) -> Cursor:
    return {name: value for name, value in cursor.items() if name != FOLDING}


def _record(head: str, offset: int, line: bytes, value: Any) -> Record:
    """Name the line by its place and its bytes, so that no other line and every reading of this one has that name."""
    text = line.lstrip(b"\0")
    raw = text[: MAX_LINE + 1]
    digest = blake2b(raw, digest_size=6).hexdigest()
    reference = f"{head}:{offset + len(line) - len(text)}:{digest}"
    return Record(reference, value if isinstance(value, dict) else raw, raw)


def _object_in(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise BadRecord(f"This line is longer than {MAX_LINE // 1024} KB; only its beginning is kept.")
    return read_object(line)


def _is_object(line: bytes) -> bool:
    try:
        _object_in(line)
    except BadRecord:
        return False
    return True


def _in_words(problem: OSError) -> str:
    return f"{problem.strerror}: {problem.filename}" if problem.filename else str(problem)
