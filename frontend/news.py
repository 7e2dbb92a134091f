"""Questions: what happened since a page was shown, in one sentence; empty when nothing did."""

from datetime import datetime
from uuid import UUID

from django.db.models import Count

from accounts.models import User
from events.models import Event
from investigations.choices import LinkState
from investigations.models import Hypothesis, Investigation, Link, Note

MOST = 100
_DECIDED = {LinkState.CONFIRMED: "confirmed", LinkState.REJECTED: "rejected", LinkState.MANUAL: "linked by hand"}


def of_investigation(investigation: Investigation, reader: User, *, version: int, known: int, since: datetime) -> str:
    """Say what others did to an investigation, and how many events were linked.

    Args:
        investigation: as it is now.
        reader: whose own notes and decisions are no news.
        version: the version of the investigation on the page.
        known: how many links, of any state, it had.
        since: when the page was made. Links are counted instead: one may be dated before and committed after.
    """
    said = []
    fresh = investigation.links.count() - known
    if fresh > 0:
        said.append(_count(fresh, "new event"))
    if investigation.version > version:
        by_reader = investigation.updated_by_id == reader.pk
        who = (
            "You changed this in another window"
            if by_reader
            else f"{investigation.updated_by or 'Somebody'} changed this"
        )
        said.append(who)
    others: dict[str, list[str]] = {}
    notes = Note.objects.alive().filter(investigation=investigation, updated_at__gt=since).exclude(author=reader)
    for author in notes.values_list("author__username", flat=True)[:MOST]:
        _add(others, author, "wrote a note")
    decided = Link.objects.filter(investigation=investigation, decided_at__gt=since).exclude(decided_by=reader)
    counted = decided.values_list("decided_by__username", "state").order_by("decided_by__username", "state")
    for decider, state, count in counted.annotate(Count("id"))[:MOST]:
        _add(others, decider, f"{_DECIDED.get(state, 'suggested')} {_count(count, 'link')}")
    weighed = Hypothesis.objects.filter(investigation=investigation, updated_at__gt=since).exclude(updated_by=reader)
    for thinker in weighed.values_list("updated_by__username", flat=True)[:MOST]:
        _add(others, thinker or "Somebody", "worked on hypotheses")
    said += [f"{name} {' and '.join(deeds)}" for name, deeds in others.items()]
    return ", ".join(said)


def _add(others: dict[str, list[str]], who: str, deed: str) -> None:
    if deed not in others.setdefault(who, []):
        others[who].append(deed)


def of_events(*, newest: UUID | None) -> str:
    """Say how many events were stored after ``newest``; keys are ordered by the time they were made."""
    rows = Event.objects.alive()
    fresh = rows.filter(pk__gt=newest) if newest else rows
    count = fresh.order_by("pk").values("pk")[: MOST + 1].count()
    return _count(count, "new event", most=MOST) if count else ""


def _count(number: int, thing: str, *, most: int | None = None) -> str:
    shown = f"More than {most}" if most and number > most else str(number)
    return f"{shown} {thing}" if number == 1 else f"{shown} {thing}s"
