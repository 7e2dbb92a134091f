"""Deeds: tell people of what happened, and keep what they want to be told of."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.models import Notification, NotificationDelivery, NotificationPreference, NotificationSettings, User
from accounts.models.notifications import BODY_LIMIT, TITLE_LIMIT
from accounts.notifications.choices import Channel, SendState, Topic
from accounts.notifications.plan import CHOSEN, leaves_at, rhythm_of, wanted
from accounts.notifications.wishes import reachable, secrets_of
from rcaplatform.kit.doorbell import ring_once
from rcaplatform.kit.errors import Invalid
from rcaplatform.kit.realtime import publish_to
from rcaplatform.kit.sealing import seal

TASK = "notifications.deliver"
MOST_PEOPLE = 1_000  # who are told of one thing
SECRETS = ("webhook_secret", "slack_url")


@transaction.atomic
def notify(
    *,
    topic: Topic,
    people: Iterable[User],
    title: str,
    key: str,
    now: datetime,
    body: str = "",
    path: str = "",
    but: User | None = None,
    channels: frozenset[Channel] = frozenset(Channel),
) -> int:
    """Tell people of something, each where they want it, and nobody twice.

    Args:
        topic: what kind of thing it is.
        people: who may want to know; a thousand at most are told.
        key: names what happened; somebody who was told of it is not told again.
        path: of the page about it.
        but: who did it, and knows.
        channels: leave out all others.

    Returns:
        How many are told.
    """
    asked = {person.pk: person for person in people if person.is_active and (but is None or person.pk != but.pk)}
    asked = dict(list(asked.items())[:MOST_PEOPLE])
    where = {pk: found & channels for pk, found in _wishes(topic, asked).items() if found & channels}
    if not where:
        return 0
    told = [
        Notification(
            user_id=pk,
            topic=topic,
            key=key[:200],
            title=title[:TITLE_LIMIT],
            body=body[:BODY_LIMIT],
            path=path,
            in_inbox=Channel.INBOX in found,
            created_at=now,
        )
        for pk, found in where.items()
    ]
    Notification.objects.bulk_create(told, ignore_conflicts=True)
    fresh = list(Notification.objects.filter(pk__in=[row.pk for row in told]))
    _send(fresh, where, asked, now)
    _count_anew(row.user_id for row in fresh if row.in_inbox)
    return len(fresh)


def _count_anew(people: Iterable[Any]) -> None:
    """Have the open pages of people say anew how much they have not read."""
    if topics := [f"person:{pk}" for pk in people]:
        publish_to(topics, kind="inbox")


def _wishes(topic: Topic, people: Mapping[Any, User]) -> dict[Any, frozenset[Channel]]:
    """Return where each of ``people`` wants to be told of ``topic``."""
    said: dict[Any, list[tuple[str, bool]]] = {pk: [] for pk in people}
    rows = NotificationPreference.objects.filter(user__in=people, topic=topic)
    for pk, channel, wish in rows.values_list("user_id", "channel", "wanted"):
        said[pk].append((channel, wish))
    return {pk: wanted(topic, wishes) for pk, wishes in said.items()}


Where = Mapping[Any, frozenset[Channel]]


def _send(told: list[Notification], where: Where, people: Mapping[Any, User], now: datetime) -> None:
    """Queue what leaves the product, for those whom it can reach."""
    leaving = [row for row in told if where[row.user_id] - {Channel.INBOX}]
    if not leaving:
        return
    known = NotificationSettings.objects.in_bulk([row.user_id for row in leaving])
    queue = [
        NotificationDelivery(
            notification=row,
            user_id=row.user_id,
            channel=channel,
            next_attempt_at=now if row.topic == Topic.TEST else leaves_at(rhythm_of(known.get(row.user_id)), now),
        )
        for row in leaving
        for channel in sorted(where[row.user_id] & reachable(people[row.user_id], known.get(row.user_id)))
    ]
    if queue:
        NotificationDelivery.objects.bulk_create(queue)
        ring_once(TASK)


@transaction.atomic
def prefer(*, user: User, topics: Mapping[str, Mapping[str, bool]], own: Mapping[str, Any], actor: User) -> None:
    """Keep what somebody wants to be told of, where and when.

    Args:
        topics: topic to channel to whether it is wanted; what is left out stays as it is.
        own: fields of `NotificationSettings`, and ``webhook_secret`` and ``slack_url``, which are sealed.

    Raises:
        Invalid: there is no such topic, channel or time zone, or a value breaks a rule; ``fields`` names it.
    """
    rows = [
        NotificationPreference(user=user, topic=_known(CHOSEN, topic, "topics"), channel=channel, wanted=wish)
        for topic, said in topics.items()
        for channel, wish in said.items()
        if _known(Channel, channel, f"topics.{topic}")
    ]
    if rows:
        NotificationPreference.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["user", "topic", "channel"], update_fields=["wanted"]
        )
    unwanted = [Q(channel=row.channel, notification__topic=row.topic) for row in rows if not row.wanted]
    if unwanted:  # nor what waits for a digest, for the end of quiet hours, or to be tried again
        NotificationDelivery.objects.filter(reduce(or_, unwanted), user=user, state=SendState.PENDING).delete()
    if own:
        _keep(user, own)
    changed = {f"{row.topic}.{row.channel}": [None, row.wanted] for row in rows}
    hidden = {name: [None, _told(name, value)] for name, value in own.items()}
    audit.record(actor=actor, verb="prefer", target=user, change=changed | hidden)


def _told(name: str, value: Any) -> str:
    """Return what the trail tells of a setting: of an address or a secret, whether there is one."""
    return "..." if value and name in (*SECRETS, "webhook_url") else str(value)


def _keep(user: User, own: Mapping[str, Any]) -> None:
    row, _ = NotificationSettings.objects.select_for_update().get_or_create(user=user)
    secrets = secrets_of(row) | {name: str(own[name]) for name in SECRETS if name in own}
    row.sealed = seal({name: value for name, value in secrets.items() if value})
    for name, value in own.items():
        if name not in SECRETS:
            setattr(row, name, value)
    if row.time_zone not in available_timezones():
        message = "There is no such time zone; an example is Europe/Berlin."
        raise Invalid(message, fields={"time_zone": message})
    if (row.quiet_from is None) != (row.quiet_until is None):
        message = "Give both ends of the quiet hours, or none."
        raise Invalid(message, fields={"quiet_until": message})
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as problem:
        raise Invalid.of(problem.message_dict) from problem
    row.save()


def _known(there: Iterable[Any], name: str, field: str) -> str:
    if name not in [str(one) for one in there]:
        message = f"There is no {name}: choose from {', '.join(str(one) for one in there)}."
        raise Invalid(message, fields={field: message})
    return name


@transaction.atomic
def unsubscribe(*, user: User, channel: Channel) -> None:
    """Tell somebody nothing more by ``channel``, as the link in every message offers."""
    prefer(user=user, topics={topic: {channel: False} for topic in CHOSEN}, own={}, actor=user)


def read(*, user: User, now: datetime, notifications: Iterable[Any] | None = None) -> int:
    """Mark somebody's notifications as read, or all of them, and return how many were unread."""
    rows = Notification.objects.inbox(user).filter(read_at=None)
    if notifications is not None:
        rows = rows.filter(pk__in=list(notifications))
    count = rows.update(read_at=now)
    _count_anew([user.pk] if count else [])
    return count


def try_channel(*, user: User, channel: Channel, now: datetime) -> None:
    """Send somebody a test by one channel.

    Raises:
        Invalid: they cannot be reached by it.
    """
    own = NotificationSettings.objects.filter(user=user).first()
    if channel not in reachable(user, own):
        why = "No mail server is set up, or you have no address." if channel == Channel.EMAIL else "Give its address."
        raise Invalid(why, fields={"channel": why})
    notify(
        topic=Topic.TEST,
        people=[user],
        title=f"A test by {channel.label}",
        body="It arrives, so others will.",
        key=f"test/{channel}/{now.isoformat()}",
        now=now,
        channels=frozenset({channel}),
    )
