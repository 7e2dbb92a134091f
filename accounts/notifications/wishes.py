"""Questions: what somebody wants to be told of, where and when."""

from typing import Any

import structlog
from django.conf import settings

from accounts.models import NotificationPreference, NotificationSettings, User
from accounts.notifications.choices import Channel, Topic
from accounts.notifications.plan import CHOSEN, wanted
from rcaplatform.kit.errors import Unavailable
from rcaplatform.kit.sealing import unseal

log = structlog.get_logger(__name__)


def topics_of(user: User) -> dict[str, dict[str, bool]]:
    """Return each topic there is a choice about, with whether each channel is wanted for it."""
    said: dict[str, list[tuple[str, bool]]] = {}
    for row in NotificationPreference.objects.filter(user=user):
        said.setdefault(row.topic, []).append((row.channel, row.wanted))
    return {
        topic.value: {channel.value: channel in wanted(Topic(topic), said.get(topic, [])) for channel in Channel}
        for topic in CHOSEN
    }


def settings_of(user: User) -> NotificationSettings:
    """Return the settings somebody made, or those of somebody who made none."""
    return NotificationSettings.objects.filter(user=user).first() or NotificationSettings(user=user)


def secrets_of(own: NotificationSettings) -> dict[str, str]:
    """Return what is sealed; nothing where no key opens it: who lost a key shall not stop what others are told of."""
    try:
        return unseal(own.sealed)
    except Unavailable as problem:
        log.warning("notifications.sealed", user=str(own.user_id), problem=problem.message)
        return {}


def addresses(person: User, own: NotificationSettings | None) -> dict[Channel, str]:
    """Return where somebody is reached by each channel that leaves the product; empty where they gave nothing."""
    return {
        Channel.EMAIL: person.email,
        Channel.WEBHOOK: own.webhook_url if own else "",
        Channel.SLACK: secrets_of(own).get("slack_url", "") if own else "",
    }


def reachable(person: User, own: NotificationSettings | None) -> frozenset[Channel]:
    """Return the channels, besides the inbox, by which somebody can be reached."""
    there = addresses(person, own)
    return frozenset(one for one in there if there[one] and (one != Channel.EMAIL or settings.EMAIL_URL))


def of(user: User) -> dict[str, Any]:
    """Return all of it, without secrets, and by which channels they can be reached now."""
    own = settings_of(user)
    return {
        "topics": topics_of(user),
        "webhook_url": own.webhook_url,
        "digest": own.digest,
        "quiet_from": own.quiet_from,
        "quiet_until": own.quiet_until,
        "time_zone": own.time_zone,
        "kept": sorted(secrets_of(own)),
        "channels": sorted({Channel.INBOX, *reachable(user, own)}),
    }
