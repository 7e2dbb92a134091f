"""Deeds of linking: work the queue off, look back for a new investigation, and take people's word."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import merge
from itertools import chain, islice
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL

from accounts import audit
from accounts.models import User
from events.models import Event
from investigations.bursts import burst_of
from investigations.candidates import Lineup
from investigations.choices import LinkState
from investigations.models import Investigation, Link, LookBack
from investigations.querysets import LinkQuerySet
from investigations.scenes import Caseload, Sight, scenes, sights
from investigations.scoring import CHANGES, RULE_VERSION, SYMPTOM_LOOKBACK, Scene, Score, parts_of
from investigations.services import owe_look_back
from rcaplatform.kit import jsonio
from rcaplatform.kit.errors import Conflict
from rcaplatform.kit.ids import uuid7
from rcaplatform.kit.realtime import publish
from rcaplatform.kit.transactions import repeat_deadlocked

log = structlog.get_logger(__name__)
BATCH = 1_000
MOST_CANDIDATES = 50_000  # a look back considers no more; those nearest to onset come first
_INSERT = (
    "INSERT INTO investigations_link (id, event_id, investigation_id, score, factors, rule_version, state, is_cause, "
    "created_at) SELECT id, event, investigation, score, factors, %s, %s, false, %s "
    "FROM jsonb_to_recordset(%s::jsonb) "
    "AS judged (id uuid, event uuid, investigation uuid, score float8, factors jsonb) "
    "ON CONFLICT (investigation_id, event_id) DO NOTHING RETURNING investigation_id, score"
)


class Judgement(NamedTuple):
    """An event that links to an investigation. They sort in the order in which everybody writes them."""

    event: UUID
    investigation: UUID
    score: Score

    def as_row(self) -> dict[str, Any]:
        """Return what the database makes a link of."""
        return {
            "id": uuid7(),
            "event": self.event,
            "investigation": self.investigation,
            "score": self.score.confidence,
            "factors": [factor.as_json() for factor in self.score.factors],
        }


@repeat_deadlocked
@transaction.atomic
def link_pending(*, now: datetime, limit: int = BATCH, caseload: Caseload | None = None) -> int:
    """Consider up to ``limit`` events from the queue for every investigation they could belong to.

    Several workers share the queue: each takes rows that no other holds. A crash puts them back. The lock leaves the
    keys alone, so that a look back can meanwhile link the same events.

    Args:
        caseload: what a run over the queue keeps from batch to batch.

    Returns:
        How many events were considered; 0 when the queue is empty or all of it is being worked on.
    """
    queue = Event.objects.unlinked().select_for_update(skip_locked=True, no_key=True)
    events = list(sights(queue[:limit]))
    if not events:
        return 0
    ids = [event.id for event in events]
    these, lineup = _among(ids), (caseload or Caseload()).lineup(now)
    # An edited event is back in the queue: what was suggested before is judged anew, what people decided stands, and
    # so does what belongs to investigations that are over.
    _withdraw(Link.objects.filter(event_id__in=these, investigation_id__in=_among(lineup.keys)))
    links = _suggest(_judge(events, lineup), now)
    Event.objects.filter(pk__in=these).update(linked_at=now)
    log.info("linking.considered", events=len(ids), investigations=len(lineup), links=links, rule_version=RULE_VERSION)
    return len(events)


def look_back(*, investigation: UUID, now: datetime) -> bool:
    """Do the look back that is owed to an investigation, if it is still there and no other worker is at it.

    A crash leaves it owed; so does an error, which is logged, so that no other investigation waits because of it.

    Returns:
        Whether it is done.
    """
    try:
        return _settle(investigation, now)
    except Exception:
        log.exception("linking.look_back_failed", investigation=str(investigation))
        return False


@repeat_deadlocked
@transaction.atomic
def _settle(investigation: UUID, now: datetime) -> bool:
    owed = LookBack.objects.filter(investigation=investigation).order_by("pk")
    known = list(owed.values_list("pk", flat=True))
    held = owed.filter(pk__in=known).select_for_update(skip_locked=True)
    if not known or list(held.values_list("pk", flat=True)) != known:
        return False
    if found := Investigation.objects.alive().filter(pk=investigation).first():
        link_investigation(investigation=found, now=now)
    LookBack.objects.filter(pk__in=known).delete()
    return True


@transaction.atomic
def link_investigation(*, investigation: Investigation, now: datetime) -> int:
    """Look back over the store for events that belong to an investigation that is new or was edited.

    Returns:
        How many links are suggested; 0 for an investigation that cannot be read, and its links are left alone.
    """
    known = scenes(Investigation.objects.filter(pk=investigation.pk))
    if (scene := known.get(investigation.pk)) is None:
        return 0
    earlier = Link.objects.filter(investigation=investigation)
    # Read before the events: what other workers suggest while these are read is not among them, and is to stay.
    earlier = earlier.filter(pk__in=_among(list(earlier.undecided().values_list("pk", flat=True))))
    events = list(islice(_nearest_first(scene), MOST_CANDIDATES + 1))
    if capped := len(events) > MOST_CANDIDATES:
        reach = _distance(events.pop(), scene)
        earlier = earlier.filter(event__timestamp__gt=scene.onset - reach, event__timestamp__lt=scene.onset + reach)
        log.warning("linking.capped", investigation=str(investigation.pk), considered=len(events), within=str(reach))
    _withdraw(earlier)
    links = _suggest(_judge(events, Lineup(known)), now)
    log.info(
        "linking.looked_back",
        investigation=str(investigation.pk),
        events=len(events),
        capped=capped,
        links=links,
        rule_version=RULE_VERSION,
    )
    return links


def _among(ids: list[UUID]) -> RawSQL:
    return RawSQL("SELECT unnest(%s::uuid[])", [ids])  # one parameter: a thousand take longer to parse than to find


def _judge(events: Iterable[Sight], lineup: Lineup[UUID]) -> list[Judgement]:
    return [
        Judgement(event.id, investigation, score)
        for event in events
        if event.deleted_at is None
        for investigation, score in lineup.judge(event.clue)
    ]


def _withdraw(links: LinkQuerySet) -> None:
    """Delete suggestions; what people decided stands."""
    if held := _hold(links.undecided()):
        Link.objects.filter(pk__in=held).delete()


def _hold(links: LinkQuerySet) -> list[UUID]:
    """Lock links in the order in which everybody writes them, and return their ids."""
    ordered = links.order_by("event_id", "investigation_id").select_for_update(of=("self",))
    return list(ordered.values_list("pk", flat=True))


def _suggest(judged: list[Judgement], now: datetime) -> int:
    """Insert links; one that people decided on already, rejected above all, is left as it is.

    Returns:
        How many are new.
    """
    judged.sort(key=lambda one: (one.event, one.investigation))
    scores: dict[UUID, list[float]] = defaultdict(list)
    with connection.cursor() as cursor:
        for start in range(0, len(judged), BATCH):
            rows = jsonio.dumps([one.as_row() for one in judged[start : start + BATCH]])
            cursor.execute(_INSERT, [RULE_VERSION, LinkState.SUGGESTED, now, rows])
            for case, score in cursor.fetchall():
                scores[case].append(score)
    for case, given in scores.items():
        publish(topic=f"investigation:{case}", kind="linked", count=len(given))
        log.info("linking.suggested", investigation=str(case), links=len(given), least=min(given), most=max(given))
    return sum(map(len, scores.values()))


def _nearest_first(scene: Scene) -> Iterator[Sight]:
    """Yield the events that could belong to ``scene``, those nearest to onset first, each part by an index of time."""
    first, last = scene.span
    near = scene.onset - SYMPTOM_LOOKBACK
    possible = Event.objects.alive().filter(_could_link(scene))
    after = possible.between(scene.onset, last).order_by("timestamp")
    before = possible.filter(timestamp__gte=near, timestamp__lt=scene.onset).order_by("-timestamp")
    long_before = possible.filter(timestamp__gte=first, timestamp__lt=near, source__in=CHANGES).order_by("-timestamp")
    parts = [sights(part[: MOST_CANDIDATES + 1], chunk=BATCH) for part in (after, before, long_before)]
    return merge(parts[0], chain(*parts[1:]), key=lambda event: _distance(event, scene))


def _distance(event: Sight, scene: Scene) -> timedelta:
    return abs(event.timestamp - scene.onset)


def _could_link(scene: Scene) -> Q:
    """Leave out what can never reach the threshold. Names of services and components are among the words searched."""
    names = parts_of(scene.service) | parts_of(scene.component)
    words = scene.words | names | scene.references | {name for name in (scene.service, scene.component) if name}
    possible = Q(service=scene.service) if scene.service else Q(pk__in=[])
    return possible | Event.objects.any_word(words) if words else possible


@transaction.atomic
def confirm(*, link: Link, actor: User, now: datetime) -> None:
    """Say that the event belongs to the investigation."""
    _follow(link.investigation_id, link.event_id)
    _decide(link, LinkState.CONFIRMED, actor, now)


@transaction.atomic
def reject(*, link: Link, actor: User, now: datetime) -> None:
    """Say that the event does not belong; it never comes back by itself."""
    _decide(link, LinkState.REJECTED, actor, now, is_cause=False)


@transaction.atomic
def decide_burst(*, link: Link, state: LinkState, actor: User, now: datetime) -> int:
    """Confirm or reject, with one word, every event of a burst that stands as the one of ``link`` does.

    What people decided otherwise about single events stands, and so does a cause that is named, whatever becomes of
    the burst.

    Returns:
        How many links were changed.
    """
    alike = burst_of(link).filter(state=link.state, is_cause=False).exclude(state=state)
    if state == LinkState.CONFIRMED:
        _follow(link.investigation_id, link.event_id)
    changed = Link.objects.filter(pk__in=_hold(alike)).update(state=state, decided_by=actor, decided_at=now)
    if changed:
        change = {"state": [link.state, state], "links": [None, changed]}
        audit.record(actor=actor, verb=f"{state.label.lower()} burst", target=link, change=change)
        publish(topic=f"investigation:{link.investigation_id}", kind="decided", count=changed)
    return changed


@transaction.atomic
def decide_all(*, links: Iterable[Link], state: LinkState, actor: User, now: datetime) -> int:
    """Confirm or reject several links with one word, all of them or, where somebody was first at one, none.

    Returns:
        How many did not stand so already.

    Raises:
        Conflict: somebody else decided on one of them meanwhile.
    """
    deed = confirm if state == LinkState.CONFIRMED else reject
    changed = [link for link in links if link.state != state]
    for link in changed:
        deed(link=link, actor=actor, now=now)
    return len(changed)


@transaction.atomic
def link_by_hand(*, investigation: Investigation, event: Event, actor: User, now: datetime) -> Link:
    """Link an event because a person says so; this stands whatever the rules say."""
    _follow(investigation.pk, event.pk)
    factor = _by_hand("Linked by hand.")
    link, new = Link.objects.get_or_create(
        investigation=investigation,
        event=event,
        defaults={
            "score": 1.0,
            "factors": [factor],
            "rule_version": RULE_VERSION,
            "state": LinkState.MANUAL,
            "decided_by": actor,
            "decided_at": now,
        },
    )
    if not new:
        _decide(link, LinkState.MANUAL, actor, now)
    else:
        audit.record(actor=actor, verb="link", target=link, change={"event": [None, str(event.pk)]})
        publish(topic=f"investigation:{investigation.pk}", kind="linked", count=1)
    return link


@transaction.atomic
def link_many_by_hand(
    *, investigation: Investigation, events: Sequence[UUID], reason: str, actor: User, now: datetime
) -> int:
    """Link events because a person says so of all of them at once; what is linked or was rejected stays as it is.

    Args:
        reason: why, in one sentence; shown with each link.

    Returns:
        How many links are new.
    """
    made = [
        Link(
            investigation=investigation,
            event_id=event,
            score=1.0,
            factors=[_by_hand(reason)],
            rule_version=RULE_VERSION,
            state=LinkState.MANUAL,
            decided_by=actor,
            decided_at=now,
        )
        for event in sorted(events)
    ]
    before = Link.objects.filter(investigation=investigation).count()
    Link.objects.bulk_create(made, batch_size=BATCH, ignore_conflicts=True)
    new = Link.objects.filter(investigation=investigation).count() - before
    if new:
        audit.record(actor=actor, verb="link", target=investigation, change={"links": [None, new]})
        publish(topic=f"investigation:{investigation.pk}", kind="linked", count=new)
    return new


def _by_hand(reason: str) -> dict[str, Any]:
    return {"strategy": "person", "score": 1.0, "weight": 1.0, "reason": reason}


@transaction.atomic
def mark_cause(*, link: Link, is_cause: bool, actor: User, now: datetime) -> None:
    """Name the event a cause of the incident, or take that back. Naming a cause confirms its link."""
    if is_cause and link.state in (LinkState.SUGGESTED, LinkState.REJECTED):
        _follow(link.investigation_id, link.event_id)
        _decide(link, LinkState.CONFIRMED, actor, now)
    Link.objects.filter(pk=link.pk).update(is_cause=is_cause)
    link.is_cause = is_cause
    audit.record(actor=actor, verb="mark cause" if is_cause else "unmark cause", target=link)
    publish(topic=f"investigation:{link.investigation_id}", kind="decided")


def _follow(investigation: UUID, event: UUID) -> None:
    """Look back once more if an event that a person vouches for names a commit or trace that is new to the case."""
    (told,) = sights(Event.objects.filter(pk=event))
    if named := told.clue.references:
        known = scenes(Investigation.objects.filter(pk=investigation))
        if any(named - scene.references for scene in known.values()):
            owe_look_back(investigation)


def _decide(link: Link, state: LinkState, actor: User, now: datetime, **also: bool) -> None:
    changed = Link.objects.filter(pk=link.pk, state=link.state).update(
        state=state, decided_by=actor, decided_at=now, **also
    )
    if not changed:
        raise Conflict("Somebody else decided on this link first.")
    audit.record(actor=actor, verb=state.label.lower(), target=link, change={"state": [link.state, state]})
    link.refresh_from_db()
    publish(topic=f"investigation:{link.investigation_id}", kind="decided")
