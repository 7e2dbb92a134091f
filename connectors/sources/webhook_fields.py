"""Decision: what a generic webhook's settings say of a payload: which fields are where, and what words mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.errors import BadRecord, Misconfigured
from connectors.moments import moment
from connectors.sources.alert_words import severity_in, state_in
from connectors.sources.payload_paths import Path, Template, plain
from connectors.sources.payload_words import Reading
from events.choices import Severity

TEXTS = ("title", "message", "service", "component", "environment", "url", "id")
FIELDS = (*TEXTS, "severity", "status", "time", "key", "type")


@dataclass(frozen=True, slots=True)
class Fields:
    """Which field of an event is where in a payload.

    Attributes:
        title: a template that makes the title.
        severities: how bad a word of the sender's is.
        time_format: how a time is written (strptime), where it is none that is known.
    """

    paths: Mapping[str, Path] = field(default_factory=dict)
    title: Template | None = None
    severities: Mapping[str, Severity] = field(default_factory=dict)
    time_format: str = ""

    def apply(self, reading: Reading, payload: Any) -> Reading:
        """Put what the paths find in place of what was recognised.

        Raises:
            BadRecord: a path finds something that the field cannot be.
        """
        for name in TEXTS:
            if found := self.text(name, payload):
                setattr(reading, name, found)
        if self.title and (title := self.title.fill(payload)):
            reading.title = title
        if told := self.text("status", payload):
            reading.state = state_in(told) or told.lower()
        self._weigh(reading, payload)
        if (told_time := self.find("time", payload)) is not None:
            reading.at = self._moment(told_time)
        return reading

    def find(self, name: str, payload: Any) -> Any:
        """Return what the path of a field finds."""
        path = self.paths.get(name)
        return path.find(payload) if path else None

    def text(self, name: str, payload: Any) -> str:
        """Return what the path of a field finds, as text."""
        return plain(self.find(name, payload))

    def _weigh(self, reading: Reading, payload: Any) -> None:
        """Say how bad it is: by the owner's words first, then by everybody's."""
        mapped = self.text("severity", payload)
        reading.said = mapped or reading.said
        if (own := self.severities.get(reading.said.lower())) is not None:
            reading.severity = own
        elif mapped:
            reading.severity = severity_in(mapped) or reading.severity

    def _moment(self, value: Any) -> datetime:
        if self.time_format:
            try:
                at = datetime.strptime(str(value), self.time_format)  # noqa: DTZ007 - what has no offset is UTC
            except ValueError as problem:
                raise BadRecord(f"time: {problem}.", fields={"time": str(problem)}) from problem
            return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        if (found := moment(value)) is None:
            message = "This is no time that is known; time_format may say how it is written."
            raise BadRecord(f"time: {message}", fields={"time": message})
        return found


def read_fields(
    paths: Mapping[str, str], *, title: str, severities: Mapping[str, str], time_format: str
) -> tuple[Fields, dict[str, str]]:
    """Return the settings, read, and what is wrong with them by the name of the setting."""
    wrong: dict[str, str] = {}
    read: dict[str, Path] = {}
    for name, text in paths.items():
        if name not in FIELDS:
            wrong[f"fields.{name}"] = f"One of {', '.join(FIELDS)}."
            continue
        try:
            read[name] = Path.read(text)
        except Misconfigured as problem:
            wrong[f"fields.{name}"] = problem.message
    template = None
    try:
        template = Template.read(title) if title else None
    except Misconfigured as problem:
        wrong["title"] = problem.message
    unknown = sorted(set(severities.values()) - set(Severity.values))
    if unknown:
        wrong["severities"] = f"{', '.join(unknown)}: say one of {', '.join(Severity.values)}."
    known = {word.lower(): Severity(value) for word, value in severities.items() if value in Severity.values}
    return Fields(read, template, known, time_format), wrong
