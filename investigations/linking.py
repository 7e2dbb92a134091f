"""Deeds of linking: work the queue off, look back for a new investigation, and take people's word."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.models import User
from events.models import Event
from events.terms import vocabulary
from investigations.choices import LinkState
from investigations.models import Investigation, Link
from investigations.scoring import FRESH, LINGER_HALF_LIFE, LOOKBACK, RULE_VERSION, Clue, Scene, score
from rcaplatform.kit.errors import Conflict
from rcaplatform.kit.ids import uuid7
from rcaplatform.kit.realtime import publish

log = structlog.get_logger(__name__)
BATCH = 1_000
GRACE = timedelta(hours=6)
_CLUE_FIELDS = ("id", "timestamp", "source", "source_id", "service", "component", "keywords", "deleted_at")
_REFERENCE_KEYS = ("commit_sha", "sha", "head_sha", "trace_id")


@transaction.atomic
def link_pending(*, now: datetime, limit: int = BATCH) -> int:
    """Consider up to ``limit`` events from the queue for every investigation they could belong to.

    Several workers share the queue: each takes rows that no other holds. A crash puts them back.

    Returns:
        How many events were considered; 0 when the queue is empty or all of it is being worked on.
    """
    queue = Event.objects.unlinked().select_for_update(skip_locked=True, of=("self",))
    events = list(queue.only(*_CLUE_FIELDS, "data")[:limit])
    if not events:
        return 0
    scenes = {found.pk: scene_of(found) for found in Investigation.objects.linkable(now, GRACE)}
    ids = [event.pk for event in events]
    # An edited event is back in the queue: what was suggested before is judged anew, what people decided stands.
    Link.objects.filter(event_id__in=ids, state=LinkState.SUGGESTED, is_cause=False).delete()
    _suggest(_pairs(events, scenes))
    Event.objects.filter(pk__in=ids).update(linked_at=now)
    return len(events)


@transaction.atomic
def link_investigation(*, investigation: Investigation, now: datetime) -> int:
    """Look back over the store for events that belong to an investigation that is new or was edited.

    Returns:
        How many links are suggested.
    """
    scene = scene_of(investigation)
    Link.objects.filter(investigation=investigation, state=LinkState.SUGGESTED, is_cause=False).delete()
    last = (scene.ended or scene.detected + FRESH) + 3 * LINGER_HALF_LIFE
    candidates = Event.objects.alive().between(scene.onset - LOOKBACK, min(last, now)).filter(_could_link(scene))
    events = candidates.only(*_CLUE_FIELDS, "data").iterator(chunk_size=BATCH)
    return _suggest(_pairs(events, {investigation.pk: scene}))


def scene_of(investigation: Investigation) -> Scene:
    """Return what linking looks at in an investigation."""
    return Scene(
        onset=investigation.started_at or investigation.detected_at,
        detected=investigation.detected_at,
        ended=investigation.resolved_at,
        service=investigation.service_affected,
        component=investigation.component_affected,
        words=vocabulary(investigation.title, investigation.description, *investigation.tags),
    )


def clue_of(event: Event) -> Clue:
    """Return what linking looks at in an event."""
    named = {str(event.data[key]) for key in _REFERENCE_KEYS if event.data.get(key)}
    return Clue(
        timestamp=event.timestamp,
        source=event.source,
        service=event.service,
        component=event.component,
        words=vocabulary(event.keywords),
        references=frozenset(named),
    )


Pair = tuple[UUID, UUID, float, list[dict[str, Any]]]


def _pairs(events: Iterable[Event], scenes: dict[UUID, Scene]) -> Iterable[Pair]:
    for event in events:
        if event.deleted_at is not None:
            continue
        clue: Clue | None = None
        for investigation_id, scene in scenes.items():
            if not scene.covers(event.timestamp):
                continue
            clue = clue or clue_of(event)
            result = score(clue, scene)
            if result.links:
                yield event.pk, investigation_id, result.confidence, [factor.as_json() for factor in result.factors]


def _suggest(pairs: Iterable[Pair]) -> int:
    """Insert links; one that people decided on already, rejected above all, is left as it is."""
    links = [
        Link(
            id=uuid7(),
            event_id=event,
            investigation_id=case,
            score=confidence,
            factors=factors,
            rule_version=RULE_VERSION,
        )
        for event, case, confidence, factors in pairs
    ]
    Link.objects.bulk_create(links, ignore_conflicts=True, batch_size=BATCH)
    for case, number in Counter(link.investigation_id for link in links).items():
        publish(topic=f"investigation:{case}", kind="linked", count=number)
        log.info("linking.suggested", investigation=str(case), links=number, rule_version=RULE_VERSION)
    return len(links)


def _could_link(scene: Scene) -> Q:
    """Leave out what can never reach the threshold: another service and not one word in common."""
    possible = Q(service__iexact=scene.service) if scene.service else Q(pk__in=[])
    if scene.component:
        possible |= Q(component__iexact=scene.component)
    if scene.words:
        possible |= Event.objects.any_word(scene.words)
    return possible


@transaction.atomic
def confirm(*, link: Link, actor: User, now: datetime) -> None:
    """Say that the event belongs to the investigation."""
    _decide(link, LinkState.CONFIRMED, actor, now)


@transaction.atomic
def reject(*, link: Link, actor: User, now: datetime) -> None:
    """Say that the event does not belong; it never comes back by itself."""
    _decide(link, LinkState.REJECTED, actor, now, is_cause=False)


@transaction.atomic
def link_by_hand(*, investigation: Investigation, event: Event, actor: User, now: datetime) -> Link:
    """Link an event because a person says so; this stands whatever the rules say."""
    factor = {"strategy": "person", "score": 1.0, "weight": 1.0, "reason": f"Linked by {actor}."}
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
def mark_cause(*, link: Link, is_cause: bool, actor: User, now: datetime) -> None:
    """Name the event a cause of the incident, or take that back. Naming a cause confirms its link."""
    if is_cause and link.state in (LinkState.SUGGESTED, LinkState.REJECTED):
        _decide(link, LinkState.CONFIRMED, actor, now)
    Link.objects.filter(pk=link.pk).update(is_cause=is_cause)
    link.is_cause = is_cause
    audit.record(actor=actor, verb="mark cause" if is_cause else "unmark cause", target=link)
    publish(topic=f"investigation:{link.investigation_id}", kind="decided")


def _decide(link: Link, state: LinkState, actor: User, now: datetime, **also: bool) -> None:
    changed = Link.objects.filter(pk=link.pk, state=link.state).update(
        state=state, decided_by=actor, decided_at=now, **also
    )
    if not changed:
        raise Conflict("Somebody else decided on this link first.")
    audit.record(actor=actor, verb=state.label.lower(), target=link, change={"state": [link.state, state]})
    link.refresh_from_db()
    publish(topic=f"investigation:{link.investigation_id}", kind="decided")
