"""The contract of a source: the author says what, the engine (`connectors.pipeline`) does how. No database here."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import orjson

from connectors.errors import BadRecord, Misconfigured
from events.calls import Calls
from events.drafts import EventDraft
from investigations.suspects.scene import Call as Span
from investigations.suspects.scene import Series

Cursor = dict[str, Any]


def option(help_text: str, *, default: Any = MISSING, choices: Iterable[str] = (), at_least: int | None = None) -> Any:
    """Declare one setting of a connector; without a default it is required.

    Args:
        choices: the only texts it may be.
        at_least: the least number it may be.
    """
    metadata = {"help": help_text, "secret": False, "choices": tuple(choices), "at_least": at_least}
    if isinstance(default, list | dict):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def secret(help_text: str, *, default: Any = MISSING) -> Any:
    """Declare one setting that is sealed at rest and never shown again."""
    metadata = {"help": help_text, "secret": True, "choices": (), "at_least": None}
    return field(default=default, metadata=metadata, repr=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a kind of connector, as forms, commands and the reference show it.

    Attributes:
        type: str, int, bool, list (of texts) or dict (of texts).
        default: what it is when it is not given; meaningless where it is ``required``.
    """

    name: str
    type: type[Any]
    help: str
    required: bool
    default: Any
    secret: bool
    choices: tuple[str, ...]
    at_least: int | None


@dataclass(frozen=True, kw_only=True)
class ConnectorConfig:
    """Typed settings of one kind of connector, declared with `option` and `secret`."""

    @classmethod
    def settings(cls) -> list[Setting]:
        """Return every setting, the required ones first."""
        found = [
            Setting(
                name=spec.name,
                type=_KINDS[str(spec.type)],
                required=spec.default is MISSING and spec.default_factory is MISSING,
                default=spec.default if spec.default_factory is MISSING else spec.default_factory(),
                **spec.metadata,
            )
            for spec in fields(cls)
        ]
        return sorted(found, key=_optional)

    @classmethod
    def secret_names(cls) -> frozenset[str]:
        """Return which settings are secrets."""
        return frozenset(setting.name for setting in cls.settings() if setting.secret)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings in ``values``.

        Raises:
            Misconfigured: one is missing, unknown or of the wrong type; ``fields`` names each.
        """
        known = {setting.name: setting for setting in cls.settings()}
        wrong = {name: "There is no such setting." for name in values if name not in known}
        for name, setting in known.items():
            if name not in values:
                if setting.required:
                    wrong[name] = "This setting is required."
            elif problem := _problem(setting, values[name]):
                wrong[name] = problem
        refuse(wrong)
        return cls(**values)


def _optional(setting: Setting) -> bool:
    return not setting.required


def refuse(wrong: Mapping[str, str]) -> None:
    """Raise `Misconfigured` when something is ``wrong``: what, by the name of the setting."""
    if wrong:
        raise Misconfigured("; ".join(f"{name}: {message}" for name, message in wrong.items()), fields=wrong)


def _problem(setting: Setting, value: Any) -> str:
    if not isinstance(value, setting.type) or (setting.type is int and isinstance(value, bool)):
        return f"Give {_NAMES[setting.type]}."
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not all(isinstance(item, str) for item in inner):
        return f"Give {_NAMES[setting.type]}."
    if setting.choices and value not in setting.choices:
        return f"One of {', '.join(setting.choices)}."
    if setting.at_least is not None and value < setting.at_least:
        return f"At least {setting.at_least}."
    return ""


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
        value: what `Source.decode` reads: for most sources, parsed JSON.
        raw: the bytes to keep when it cannot be decoded.
        kind: what the source calls it (``push``, ``pipeline``, ``alert``); empty where there is but one.
    """

    reference: str
    value: Any
    raw: bytes
    kind: str = ""

    @classmethod
    def of(cls, reference: str, kind: str, payload: Any) -> Self:
        """Return a record of parsed JSON."""
        return cls(reference, payload, orjson.dumps(payload), kind)


@dataclass(frozen=True, slots=True)
class Gap:
    """A window of which a source did not tell everything, and why. People see it; nobody takes silence for peace."""

    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and the cursor to save together with their events.

    Attributes:
        ignored: how many more were read and not worth making a record of.
    """

    records: list[Record]
    cursor: Cursor
    ignored: int = 0
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a verified delivery says of itself: its idempotency key and what the sender calls it."""

    key: str
    event: str


@dataclass(frozen=True, slots=True)
class Call:
    """A verified delivery: what the sender calls it, the headers that are kept (lower-case names), and the body.

    Attributes:
        at: when it came; None where that is not known.
    """

    event: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime | None = None


Settings = TypeVar("Settings", bound=ConnectorConfig)


class Source(ABC, Generic[Settings]):
    """A kind of system events come from.

    Args:
        config: the connector's settings, read and checked.
        workspace: a folder of this connector alone, for what it must keep (a git mirror); made on first use.
        now: the time this poll or digestion began.

    Attributes:
        argument: the setting that a command takes by its place, and that a connector is called after unless named.
        observable: whether it can be asked what it measured at some time: see `observe`.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    argument: ClassVar[str] = ""
    observable: ClassVar[bool] = False
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

    def choose(self, drafts: Sequence[EventDraft]) -> Iterable[EventDraft]:
        """Return which of the events that a page tells are worth keeping, where there are many alike. Pure."""
        return drafts

    def calls(self, record: Record) -> Iterable[Calls]:
        """Return the calls between services that ``record``, which could be decoded, tells of. Pure."""
        return ()

    def observe(self, start: datetime, end: datetime) -> Iterator[Series | Span]:
        """Yield what it measured from ``start`` up to ``end``, remarkable or not; only where it is ``observable``.

        For the suspects of an incident: nothing of it is stored as an event, and no cursor moves.
        """
        yield from ()

    def revive(self, reference: str, kind: str, raw: bytes) -> Record:
        """Return the record that was kept as ``raw``, to decode it again.

        Raises:
            BadRecord: it cannot be read.
        """
        return Record(reference, parsed(raw), raw, kind)


def parsed(raw: bytes) -> Any:
    """Return the JSON in ``raw``.

    Raises:
        BadRecord: it is none.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        raise BadRecord(f"This is not JSON: {problem}.") from problem


class Pull(Source[Settings]):
    """A source that is read at an interval.

    Attributes:
        polled_with: the setting without which it is not; one that also calls us may go without.
    """

    polled_with: ClassVar[str] = ""

    def is_polled(self) -> bool:
        """Tell whether it is, as configured."""
        return not self.polled_with or bool(getattr(self.config, self.polled_with))

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
    """A source that calls us.

    Attributes:
        keeps: which headers are kept with a delivery besides its type: names, or beginnings that end in a hyphen.
        handshakes: whether the sender asks first, by OPTIONS, if it may (HTTP Web Hooks for Event Delivery).
        pushed_with: the setting without which it may not call; one that is also polled may go without.
        paths: what its senders append to the address they are given, without a slash at either end.
    """

    paths: ClassVar[tuple[str, ...]] = ()
    keeps: ClassVar[tuple[str, ...]] = ()
    handshakes: ClassVar[bool] = False
    pushed_with: ClassVar[str] = ""

    def is_pushed(self) -> bool:
        """Tell whether it may call, as configured."""
        return not self.pushed_with or bool(getattr(self.config, self.pushed_with))

    @abstractmethod
    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check that the delivery is genuine, over the raw ``body``. Header names are lower-case. Pure.

        Raises:
            Forged: it is not.
        """

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Return what a delivery tells, as (kind, parsed JSON); each is decoded, stored or buried by itself. Pure.

        Raises:
            BadRecord: it cannot be read.
        """
        yield call.event, parsed(call.body)

    def doubts(self, record: Record) -> Mapping[str, str]:
        """Return what in the settings has no effect on ``record``, by setting: a preview shows it. Pure."""
        return {}
