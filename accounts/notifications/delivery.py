"""Deeds: work off the queue of what leaves the product.

What waits and is due is the queue. Taking it counts an attempt and moves the next one on, in a transaction of its own,
so that what a worker takes with it when it dies is sent again later. A receiver may then get a message twice, and knows
it by its id: nothing that leaves can be sent exactly once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import structlog
from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import Count, Min, Q
from django.urls import reverse

from accounts import audit
from accounts.models import Notification, NotificationDelivery, NotificationSettings, User
from accounts.models.notifications import ERROR_LIMIT
from accounts.notifications.choices import Channel, SendState, Topic
from accounts.notifications.plan import ATTEMPTS, after_quiet_hours, rhythm_of, wait
from accounts.notifications.services import TASK
from accounts.notifications.wishes import addresses
from rcaplatform.kit.doorbell import ring_once
from rcaplatform.kit.errors import DomainError
from rcaplatform.kit.sealing import unseal

log = structlog.get_logger(__name__)
TOGETHER = 50  # notifications in one message, at most
SALT = "accounts.unsubscribe"


class Undeliverable(DomainError):
    """Trying again does not help: the address, or who answers there, says so."""

    code = "undeliverable"


@dataclass(frozen=True, slots=True)
class Item:
    """One notification in a message; ``url`` is whole."""

    id: UUID
    topic: str
    title: str
    body: str
    url: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """What one person is sent by one channel: one item, or several that were due together, the oldest first."""

    id: UUID
    person: str
    address: str
    secret: str
    items: Sequence[Item]
    unsubscribe: str

    @property
    def subject(self) -> str:
        """One line about it."""
        first = self.items[0].title
        return first if len(self.items) == 1 else f"{len(self.items)} notifications: {first}"


Sender = Callable[[Message], None]


def deliver_due(*, senders: Mapping[Channel, Sender], now: datetime) -> int:
    """Send what one person is due by one channel, as one message; several workers share the queue.

    Returns:
        How many notifications were taken; 0 when none is due.
    """
    taken, own = _take(now)
    if not taken:
        return 0
    keys = [row.pk for row in taken]
    try:
        senders[Channel(taken[0].channel)](_message(taken, own))
    except DomainError as problem:
        _failed(taken, problem.message, final=isinstance(problem, Undeliverable))
    except Exception as problem:
        log.exception("notifications.unsent", deliveries=[str(pk) for pk in keys])
        _failed(taken, f"{type(problem).__name__} while sending", final=False)
    else:
        sent = NotificationDelivery.objects.filter(pk__in=keys, state=SendState.PENDING)
        sent.update(state=SendState.SENT, sent_at=now, error="")
    return len(taken)


def standing(now: datetime) -> tuple[dict[str, int], float]:
    """Return how many are due, are tried again and were given up, and for how many seconds the longest due has been."""
    rows = NotificationDelivery.objects.exclude(state=SendState.SENT)
    due = Q(state=SendState.PENDING, next_attempt_at__lte=now)
    found = rows.aggregate(
        due=Count("pk", filter=due),
        retried=Count("pk", filter=Q(state=SendState.PENDING, attempts__gt=0)),
        given_up=Count("pk", filter=Q(state=SendState.DEAD)),
        since=Min("next_attempt_at", filter=due),
    )
    since = found.pop("since")
    return found, (now - since).total_seconds() if since else 0.0


@transaction.atomic
def _take(now: datetime) -> tuple[list[NotificationDelivery], NotificationSettings | None]:
    """Return what one person is due by one channel, with their settings."""
    due = NotificationDelivery.objects.filter(state=SendState.PENDING, next_attempt_at__lte=now)
    taken, own = list[NotificationDelivery](), None
    while not taken:
        first = due.select_for_update(skip_locked=True).order_by("next_attempt_at").first()
        if first is None:
            return [], None
        alike = due.filter(user=first.user_id, channel=first.channel, attempts=first.attempts)
        held = alike.select_for_update(skip_locked=True, of=("self",)).select_related("notification", "user")
        own = NotificationSettings.objects.filter(user=first.user_id).first()
        taken = _not_in_quiet_hours(list(held.order_by("id")[:TOGETHER]), own, now)
    for row in taken:
        row.attempts += 1
        row.next_attempt_at = now + wait(row.attempts)
    NotificationDelivery.objects.bulk_update(taken, ["attempts", "next_attempt_at"])
    return taken, own


def _not_in_quiet_hours(
    rows: list[NotificationDelivery], own: NotificationSettings | None, now: datetime
) -> list[NotificationDelivery]:
    """Return what may leave now: what was late, or is tried again, waits for quiet hours to end; a test does not."""
    until = after_quiet_hours(rhythm_of(own), now)
    if until <= now:
        return rows
    waiting = [row.pk for row in rows if row.notification.topic != Topic.TEST]
    NotificationDelivery.objects.filter(pk__in=waiting).update(next_attempt_at=until)
    return [row for row in rows if row.pk not in waiting]


def _message(taken: Sequence[NotificationDelivery], own: NotificationSettings | None) -> Message:
    user, channel = taken[0].user, Channel(taken[0].channel)
    address = addresses(user, own)[channel]
    if not user.is_active or not address:
        raise Undeliverable(f"There is no address for {channel.label} any more.")
    rows = [row.notification for row in taken]
    return Message(
        id=_identity([row.pk for row in taken]),
        person=str(user),
        address=address,
        secret=unseal(own.sealed).get("webhook_secret", "") if own and channel is Channel.WEBHOOK else "",
        items=[
            Item(row.pk, row.topic, row.title, row.body, f"{settings.SITE_URL}{row.path}", row.created_at)
            for row in rows
        ],
        unsubscribe=unsubscribe_url(user, channel),
    )


def _identity(rows: Sequence[UUID]) -> UUID:
    """Return the id of a message that holds these: another one when it is tried again with others."""
    return rows[0] if len(rows) == 1 else uuid5(rows[0], " ".join(str(pk) for pk in rows))


def _failed(taken: Sequence[NotificationDelivery], why: str, *, final: bool) -> None:
    given_up = final or taken[0].attempts >= ATTEMPTS
    rows = NotificationDelivery.objects.filter(pk__in=[row.pk for row in taken], state=SendState.PENDING)
    rows.update(error=why[:ERROR_LIMIT], **({"state": SendState.DEAD} if given_up else {}))
    log.warning(
        "notifications.failed", channel=taken[0].channel, attempts=taken[0].attempts, given_up=given_up, why=why
    )


@transaction.atomic
def retry(*, deliveries: Sequence[UUID], actor: User, now: datetime) -> int:
    """Put what was given up back into the queue, and return how many."""
    dead = NotificationDelivery.objects.select_for_update().filter(pk__in=deliveries, state=SendState.DEAD)
    rows = list(dead)
    for row in rows:
        audit.record(actor=actor, verb="retry", target=row)
    dead.update(state=SendState.PENDING, attempts=0, next_attempt_at=now)
    if rows:
        ring_once(TASK)
    return len(rows)


def unsubscribe_url(user: User, channel: Channel) -> str:
    """Return an address by which whoever has the message stops such messages, without signing in."""
    token = signing.dumps([str(user.pk), channel.value], salt=SALT)
    return f"{settings.SITE_URL}{reverse('unsubscribe', args=[token])}"


def subscription(token: str) -> tuple[User, Channel] | None:
    """Return whose and which channel's the link of a message is; None for a link we did not make."""
    try:
        pk, channel = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    user = User.objects.filter(pk=pk).first()
    return (user, Channel(channel)) if user else None


def forget(*, now: datetime, keep: timedelta) -> int:
    """Forget notifications older than ``keep``, with what became of them, and return how many rows went."""
    return Notification.objects.filter(created_at__lt=now - keep).delete()[0]
