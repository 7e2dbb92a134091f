"""Deeds: tell of an incident through the doors of its sources, and do what people did about it."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import orjson

from accounts.models import User
from connectors import reception, services
from connectors.demo.plot import DOORS, Guess, Plot, Told, body
from connectors.digestion import digest_pending
from connectors.models import Connector
from events.models import Event
from investigations import hypotheses, linking
from investigations import services as investigations
from investigations.choices import Status
from investigations.models import Investigation, Link

SECRET = "demo"  # noqa: S105 - the demo signs to itself


def tell(*, plot: Plot, told: Iterable[Told], detected: datetime, run: str, now: datetime) -> None:
    """Have each source tell its part of ``told``, in one call each, and store it.

    Args:
        plot: what it is part of.
        told: what happened.
        detected: when the incident was detected.
        run: what tells this time from any other that the same is told.
        now: when they tell.
    """
    by_door: dict[str, list[tuple[str, Told]]] = {}
    for one in told:
        by_door.setdefault(one.door, []).append((f"{run}-{plot.key}-{plot.told.index(one)}", one))
    for door, part in by_door.items():
        content = orjson.dumps(body(door, part, detected))
        headers = {"authorization": f"Bearer {SECRET}", "content-type": "application/json"}
        reception.receive(connector=_connector(door, now), headers=headers, body=content, now=now)
    while digest_pending(now=now):
        pass


def _connector(door: str, now: datetime) -> Connector:
    kind, settings = DOORS[door]
    known = Connector.objects.filter(name=door).first()
    values = {**settings, "secret": SECRET}
    return known or services.connect(name=door, kind=kind, values=values, actor=None, now=now)


def open_case(*, plot: Plot, detected: datetime, engineer: User) -> Investigation:
    """Open the investigation of an incident when it is detected, and begin to work on it."""
    times = {"started_at": detected + plot.onset, "detected_at": detected}
    values = {**plot.values, **times, "assigned_to": engineer}
    opened = investigations.create(values=values, actor=engineer, now=detected)
    return investigations.move(investigation=opened, to=Status.IN_PROGRESS, actor=engineer, now=detected)


def work(*, plot: Plot, investigation: Investigation, engineer: User, now: datetime) -> None:
    """Do what people did once the events were linked: notes, hypotheses, causes, and the ending if there was one."""
    for note in plot.notes:
        investigations.write_note(investigation=investigation, body=note, actor=engineer, now=now)
    events = _linked(investigation)
    for guess in plot.guesses:
        _suppose(guess, investigation, events, engineer, now)
    for title in plot.causes:
        link = Link.objects.get(investigation=investigation, event=events[title])
        linking.mark_cause(link=link, is_cause=True, actor=engineer, now=now)
    if plot.ending:
        over = investigation.detected_at + plot.ending.after
        investigation = investigations.edit(
            investigation=investigation, changes=plot.ending.findings, actor=engineer, now=over
        )
        investigations.move(investigation=investigation, to=Status.RESOLVED, actor=engineer, now=over)


def _suppose(
    guess: Guess, investigation: Investigation, events: dict[str, UUID], engineer: User, now: datetime
) -> None:
    made = hypotheses.suppose(
        investigation=investigation, statement=guess.statement, verdict=guess.verdict, actor=engineer, now=now
    )
    for title, stance, why in guess.evidence:
        event = Event.objects.get(pk=events[title])
        hypotheses.weigh(hypothesis=made, event=event, stance=stance, why=why, actor=engineer, now=now)


def _linked(investigation: Investigation) -> dict[str, UUID]:
    """Return the id of each event of the investigation by its title."""
    return dict(Link.objects.filter(investigation=investigation).values_list("event__title", "event_id"))
