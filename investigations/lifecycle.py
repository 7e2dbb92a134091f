"""Decision: what may follow what in the life of an investigation, and when it can have been. No database here."""

from datetime import datetime

from events.drafts import EARLIEST, LATEST
from investigations.choices import Status
from rcaplatform.kit.errors import Conflict, Invalid

MOVES: dict[str, frozenset[str]] = {
    Status.OPEN: frozenset({Status.IN_PROGRESS, Status.RESOLVED, Status.CLOSED}),
    Status.IN_PROGRESS: frozenset({Status.OPEN, Status.RESOLVED, Status.CLOSED}),
    Status.RESOLVED: frozenset({Status.IN_PROGRESS, Status.CLOSED}),
    Status.CLOSED: frozenset({Status.IN_PROGRESS}),
}


class IllegalMove(Conflict):
    """This status cannot follow the present one."""

    code = "illegal_move"


def require(present: str, to: str) -> None:
    """Let a legal move pass.

    Raises:
        IllegalMove: ``to`` cannot follow ``present``; the message names what can.
    """
    if to not in MOVES[present]:
        legal = ", ".join(sorted(MOVES[present]))
        raise IllegalMove(
            f"A {present} investigation cannot become {to}; it can become {legal}.",
            fields={"status": f"One of {legal}."},
        )


def require_times(*, started: datetime | None, detected: datetime, resolved: datetime | None) -> None:
    """Let times pass that lie where those of events do, from 1970 to 2199, and in order: onset, detected, resolved.

    Raises:
        Invalid: they do not; names the fields.
    """
    times = {"started_at": started, "detected_at": detected, "resolved_at": resolved}
    if far := [name for name, moment in times.items() if moment is not None and not EARLIEST <= moment < LATEST]:
        raise Invalid("Give times from 1970 to 2199.", fields=dict.fromkeys(far, "Give a time from 1970 to 2199."))
    if started is not None and started > detected:
        raise Invalid("Onset cannot be after detection.", fields={"started_at": "This is after the time of detection."})
    if resolved is not None and resolved < detected:
        raise Invalid(
            "Resolved cannot be before detected.", fields={"resolved_at": "This is before the time of detection."}
        )
