"""Deeds: tell people of what others do to investigations. Called inside the transaction of the thing done."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from accounts.models import User
from accounts.notifications.choices import Topic
from accounts.notifications.services import MOST_PEOPLE, notify
from investigations.choices import Status
from investigations.models import Comment, Investigation, Note


def opened(*, investigation: Investigation, actor: User, now: datetime) -> None:
    """Tell whoever wants to know of every investigation, and whom this one is assigned to."""
    everybody = User.objects.filter(notification_preferences__topic=Topic.OPENED, is_active=True)
    title = f"{actor} opened: {investigation.title}"
    _tell(Topic.OPENED, everybody.distinct(), investigation, title, actor, now, body=investigation.description)
    assigned(investigation=investigation, actor=actor, now=now)


def assigned(*, investigation: Investigation, actor: User, now: datetime) -> None:
    """Tell whom an investigation is assigned to, if to anybody."""
    if investigation.assigned_to:
        people, title = [investigation.assigned_to], f"Assigned to you: {investigation.title}"
        _tell(Topic.ASSIGNED, people, investigation, title, actor, now, body=investigation.description)


def moved(*, investigation: Investigation, actor: User, now: datetime) -> None:
    """Tell who takes part that the status changed."""
    title = f"{Status(investigation.status).label}: {investigation.title}"
    _tell(Topic.MOVED, taking_part(investigation), investigation, title, actor, now, body=f"Moved by {actor}.")


def written(*, row: Note | Comment, actor: User, now: datetime) -> None:
    """Tell who takes part that somebody wrote a note or a comment; what, they read there, as it may be changed."""
    investigation = row.investigation
    title = f"{actor} wrote in: {investigation.title}"
    _tell(Topic.WRITTEN, taking_part(investigation), investigation, title, actor, now, key=str(row.pk))


def taking_part(investigation: Investigation) -> QuerySet[User]:
    """Return who opened an investigation, has it, or wrote in it."""
    wrote = [model.objects.alive().filter(investigation=investigation).values("author") for model in (Note, Comment)]
    own = [pk for pk in (investigation.created_by_id, investigation.assigned_to_id) if pk]
    return User.objects.filter(Q(pk__in=own) | Q(pk__in=wrote[0]) | Q(pk__in=wrote[1]), is_active=True)[:MOST_PEOPLE]


def _tell(
    topic: Topic,
    people: Any,
    investigation: Investigation,
    title: str,
    actor: User,
    now: datetime,
    *,
    body: str = "",
    key: str = "",
) -> None:
    notify(
        topic=topic,
        people=people,
        title=title,
        body=body,
        path=reverse("investigation", args=[investigation.pk]),
        key=f"{topic}/{investigation.pk}/{key or now.isoformat()}",
        but=actor,
        now=now,
    )
