"""The contract of a source: the author says what, the engine (`connectors.pipeline`) does how. No database here."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from connectors.errors import Misconfigured
from events.drafts import EventDraft

Cursor = dict[str, Any]


def option(help_text: str, *, default: Any = MISSING) -> Any:
    """Declare one setting of a connector; without a default it is required."""
    metadata = {"help": help_text, "secret": False}
    if isinstance(default, list | dict):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def secret(help_text: str, *, default: Any = MISSING) -> Any:
    """Declare one setting that is sealed at rest and never shown again."""
    return field(default=default, metadata={"help": help_text, "secret": True}, repr=False)


@dataclass(frozen=True, kw_only=True)
class ConnectorConfig:
    """Typed settings of one kind of connector, declared with `option` and `secret`."""

    @classmethod
    def secret_names(cls) -> frozenset[str]:
        """Return which settings are secrets."""
        return frozenset(spec.name for spec in fields(cls) if spec.metadata["secret"])

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings in ``values``.

        Raises:
            Misconfigured: one is missing, unknown or of the wrong type; ``fields`` names each.
        """
        specs = {spec.name: spec for spec in fields(cls)}
        wrong = {name: "There is no such setting." for name in values if name not in specs}
        for name, spec in specs.items():
            if name not in values:
                if spec.default is MISSING and spec.default_factory is MISSING:
                    wrong[name] = "This setting is required."
            elif not isinstance(values[name], kind := _KINDS[str(spec.type)]):
                wrong[name] = f"Give {_NAMES[kind]}."
        if wrong:
            problems = "; ".join(f"{name}: {message}" for name, message in wrong.items())
            raise Misconfigured(problems, fields=wrong)
        return cls(**values)


_KINDS: dict[str, type] = {"str": str, "int": int, "bool": bool, "list[str]": list, "dict[str, str]": dict}
_KINDS |= {f"<class '{kind.__name__}'>": kind for kind in (str, int, bool)}
_NAMES = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    list: "a list of texts",
    dict: "a mapping of texts",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One thing a source said, before it is understood.

    Attributes:
        reference: where it was found (a line, a commit, a delivery), unique within the connector.
        value: what `Source.decode` reads.
        raw: the bytes to keep when it cannot be decoded.
    """

    reference: str
    value: Any
    raw: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and the cursor to save together with their events.

    Attributes:
        ignored: how many more were read and not worth making a record of.
    """

    records: list[Record]
    cursor: Cursor
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a verified delivery says of itself: its idempotency key and what the sender calls it."""

    key: str
    event: str


Settings = TypeVar("Settings", bound=ConnectorConfig)


class Source(ABC, Generic[Settings]):
    """A kind of system events come from.

    Args:
        config: the connector's settings, read and checked.
        workspace: a folder of this connector alone, for what it must keep (a git mirror); made on first use.
        now: the time this poll or digestion began.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    Config: ClassVar[type[ConnectorConfig]]

    def __init__(self, config: Settings, *, workspace: Path, now: datetime) -> None:
        self.config = config
        self.workspace = workspace
        self.now = now

    @abstractmethod
    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the events in ``record``; none when there is nothing in it worth an event. Pure.

        Raises:
            BadRecord: it cannot be understood. Any other exception is treated alike.
        """


class Pull(Source[Settings]):
    """A source that is read at an interval."""

    @abstractmethod
    def check(self) -> None:
        """Return when the source can be read.

        Raises:
            Misconfigured: the owner must change something.
            SourceUnavailable: it does not answer now.
        """

    @abstractmethod
    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield what is new since ``cursor`` ({} at first), oldest first, in pages of bounded size."""


class Push(Source[Settings]):
    """A source that calls us."""

    @abstractmethod
    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check that the delivery is genuine, over the raw ``body``. Header names are lower-case. Pure.

        Raises:
            Forged: it is not.
        """
