"""Deed: an incident from files is stored, and an investigation of it opened with everything linked and ranked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from accounts.models import User
from events.choices import OriginKind
from events.drafts import EventDraft
from events.models import Event
from events.services import origin_named, store
from events.topology import count_calls
from investigations import linking, services, suspicion
from investigations.bundles.drafts import Told, tell
from investigations.choices import ImpactSeverity
from investigations.models import Investigation
from investigations.suspects import Scene
from rcaplatform.kit.errors import Conflict
from rcaplatform.kit.leases import lease

BATCH = 1_000
LONGEST_TITLE = 300
# Names that no connector can have: those are of letters, digits and dashes.
_ORIGIN = "bundle {mark}: {source}"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an incident: its investigation, whether it is new, and how many events were."""

    investigation: Investigation
    opened: bool
    events: int
    fresh: int
    left_out: dict[str, int]


def take_in(
    *, scene: Scene, title: str, actor: User, now: datetime, say: Callable[[str], Any] = lambda _: None
) -> Imported:
    """Store an incident by the ways of the sources that would have told it, and open its investigation.

    Done twice it adds nothing: what was stored is known by what it says, the investigation by its alert. Each batch
    is stored for itself, so that an import which was broken off goes on where it was.

    Args:
        title: what the investigation is called.
        say: is told, in words, how far it is.

    Raises:
        Invalid: a value cannot be an event's; ``fields`` names it.
        Conflict: somebody else imports it at this moment.
    """
    told = tell(scene, title)
    with lease(UUID(int=int(told.mark, 16))) as held:
        if not held:
            raise Conflict("Somebody else imports this incident at this moment.")
        return _take_in(scene, told, title, actor, now, say)


def _take_in(scene: Scene, told: Told, title: str, actor: User, now: datetime, say: Callable[[str], Any]) -> Imported:
    fresh = _store(told, now, say)
    investigation, opened = _open(scene, told, title[:LONGEST_TITLE], actor, now)
    say("Linking")
    _link(investigation, told, actor, now)
    say("Ranking the suspects")
    if fresh and not opened:
        suspicion.compute(investigation=investigation, now=now)
    else:
        suspicion.compute_once(investigation=investigation, now=now)  # unless a worker is at it already
    return Imported(investigation, opened, told.events, fresh, told.left_out)


def _store(told: Told, now: datetime, say: Callable[[str], Any]) -> int:
    fresh = done = 0
    for source, drafts in told.drafts.items():
        origin = origin_named(_ORIGIN.format(mark=told.mark, source=source.label), OriginKind.CONNECTOR)
        for batch in _batches(drafts):
            fresh += len(store(drafts=batch, origin=origin, now=now).fresh)
            done += len(batch)
            if len(batch) == BATCH or done == told.events:
                say(f"Stored {done:,} of {told.events:,} events")
    if told.calls:
        origin = origin_named(_ORIGIN.format(mark=told.mark, source="Calls"), OriginKind.CONNECTOR)
        count_calls(told={"graph": told.calls}, origin=origin)
    return fresh


def _batches(drafts: list[EventDraft]) -> Iterable[list[EventDraft]]:
    return (drafts[start : start + BATCH] for start in range(0, len(drafts), BATCH))


def _open(scene: Scene, told: Told, title: str, actor: User, now: datetime) -> tuple[Investigation, bool]:
    """Return the investigation of an alert, opened now if it is not there, and whether it was."""
    known = Investigation.objects.alive().filter(metadata__bundle=told.mark).order_by("id")
    if found := known.first():
        return found, False
    noted: dict[str, Any] = {"bundle": told.mark, "environment": told.environment}
    if scene.alert.metric:
        noted["metric"] = scene.alert.metric
    if scene.baseline:
        noted["baseline"] = {"from": scene.baseline.start, "to": scene.baseline.end}
    values = {
        "title": title,
        "description": scene.alert.text,
        "service_affected": scene.alert.service[:200],
        "detected_at": datetime.fromtimestamp(scene.alert.fired_at, UTC),
        "impact_severity": ImpactSeverity.HIGH,
        "tags": ["imported"],
        "metadata": noted,
    }
    return services.create(values=values, actor=actor, now=now), True


def _link(investigation: Investigation, told: Told, actor: User, now: datetime) -> None:
    """Let the rules judge first, so that what they can explain has their reasons; the rest is linked as it came."""
    while linking.link_pending(now=now):
        pass
    linking.look_back(investigation=investigation.pk, now=now)
    prefix = _ORIGIN.format(mark=told.mark, source="")
    ids = Event.objects.alive().filter(origin__name__startswith=prefix, environment=told.environment)
    reason = "Came with the incident that was imported."
    rest = ids.exclude(links__investigation=investigation).order_by("id").values_list("pk", flat=True)
    linking.link_many_by_hand(investigation=investigation, events=list(rest), reason=reason, actor=actor, now=now)
