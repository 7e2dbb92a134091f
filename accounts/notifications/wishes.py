"""Questions: what somebody wants to be told of, where and when."""

from typing import Any

from django.conf import settings

from accounts.models import NotificationPreference, NotificationSettings, User
from accounts.notifications.choices import Channel, Topic
from accounts.notifications.plan import CHOSEN, wanted
from rcaplatform.kit.sealing import unseal


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


def reachable(person: User, own: NotificationSettings | None) -> frozenset[Channel]:
    """Return the channels, besides the inbox, by which somebody can be reached."""
    secrets = unseal(own.sealed) if own else {}
    there = {
        Channel.EMAIL: bool(settings.EMAIL_URL and person.email),
        Channel.WEBHOOK: bool(own and own.webhook_url),
        Channel.SLACK: bool(secrets.get("slack_url")),
    }
    return frozenset(channel for channel, is_there in there.items() if is_there)


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
        "channels": sorted({Channel.INBOX, *reachable(user, own)}),
    }
