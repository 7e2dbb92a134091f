"""Facts: the plain model that every export is written from. No database here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from rcaplatform.kit.redaction import redacted, without_people

FORMAT = "rca-investigation/3"
Row = Mapping[str, Any]
_TOLD = (
    *("investigation", "events", "notes", "comments", "hypotheses"),
    *("ruled_out", "suspects", "other_events", "related"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An investigation with all that belongs to it, as plain values.

    Attributes:
        investigation: its columns, and the names of its people.
        events: what is linked and not rejected, oldest first, each with its link and the link's factors.
        notes: oldest first.
        comments: oldest first, each about an event or a note.
        hypotheses: oldest first, each with its verdict and its `evidence`: what which event says about it, and why.
        ruled_out: links that a person rejected, with the id, time and title of their events.
        suspects: the newest ranking of probable causes with its `suspects`; None before the first.
        other_events: what is spoken of without being linked; only where the whole is wanted.
        related: id, title and status of the investigations it has to do with.
        left_out: by kind, how many there are beyond the bounds of an export.
        redacted: e-mail addresses, IP addresses and what looks like a secret were blanked.
    """

    made_at: datetime
    investigation: Row
    events: list[Row] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)
    comments: list[Row] = field(default_factory=list)
    hypotheses: list[Row] = field(default_factory=list)
    ruled_out: list[Row] = field(default_factory=list)
    suspects: Row | None = None
    other_events: list[Row] = field(default_factory=list)
    related: list[Row] = field(default_factory=list)
    left_out: Mapping[str, int] = field(default_factory=dict)
    redacted: bool = False

    @property
    def causes(self) -> list[Row]:
        """The events that a person named a cause."""
        return [event for event in self.events if event["is_cause"]]

    @property
    def omissions(self) -> list[str]:
        """A sentence for each kind of which something was left out, and one where something was blanked."""
        blanked = "E-mail addresses, IP addresses and what looks like a secret were blanked."
        return [
            *(
                f"This is not everything: {number:,} more {kind} were left out, because an export is bounded."
                for kind, number in self.left_out.items()
            ),
            *([blanked] if self.redacted else []),
        ]

    def without_people(self) -> "Report":
        """Return the same with a blank for each e-mail address, IP address and secret, wherever it stands."""
        blanked = {name: redacted(getattr(self, name), without_people) for name in _TOLD}
        return replace(self, **blanked, redacted=True)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "format": FORMAT,
            "made_at": self.made_at,
            "complete": not self.left_out,
            "left_out": dict(self.left_out),
            "omissions": self.omissions,
            "investigation": self.investigation,
            "events": self.events,
            "notes": self.notes,
            "comments": self.comments,
            "hypotheses": self.hypotheses,
            "ruled_out": self.ruled_out,
            "suspects": self.suspects,
            "other_events": self.other_events,
            "related": self.related,
        }
