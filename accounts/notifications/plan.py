"""Decisions about notifications: what is usual, when something may leave, how long to wait. No database, no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from accounts.notifications.choices import Channel, Digest, Topic

# What people are told of, and where, unless they say otherwise. Nobody is written to about what is not theirs.
USUAL: Mapping[Topic, frozenset[Channel]] = {
    Topic.OPENED: frozenset(),
    Topic.ASSIGNED: frozenset({Channel.INBOX, Channel.EMAIL}),
    Topic.MOVED: frozenset({Channel.INBOX}),
    Topic.WRITTEN: frozenset({Channel.INBOX}),
    Topic.SOURCES: frozenset({Channel.INBOX}),
    Topic.TEST: frozenset(Channel),
}
CHOSEN = tuple(topic for topic in Topic if topic is not Topic.TEST)  # what there is a choice about
ATTEMPTS = 8
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
MORNING = time(8)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When somebody wants to be told: quiet hours and digest, in their time zone."""

    digest: Digest = Digest.AT_ONCE
    quiet_from: time | None = None
    quiet_until: time | None = None
    time_zone: str = "UTC"


def wanted(topic: Topic, preferences: Iterable[tuple[str, bool]]) -> frozenset[Channel]:
    """Return where somebody wants to be told of ``topic``, given what they said of channels."""
    said = dict(preferences)
    return frozenset(channel for channel in Channel if said.get(channel, channel in USUAL[topic]))


def leaves_at(rhythm: Rhythm, now: datetime) -> datetime:
    """Return when what happens ``now`` may leave the product: the next digest, and not before quiet hours end."""
    at = now.astimezone(ZoneInfo(rhythm.time_zone))
    if rhythm.digest == Digest.HOURLY:
        at = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    elif rhythm.digest == Digest.DAILY:
        at = _next(at, MORNING)
    return after_quiet_hours(rhythm, at).astimezone(now.tzinfo)


def after_quiet_hours(rhythm: Rhythm, at: datetime) -> datetime:
    """Return ``at``, or when the quiet hours end that it lies in."""
    if rhythm.quiet_from is None or rhythm.quiet_until is None:
        return at
    here = at.astimezone(ZoneInfo(rhythm.time_zone))
    quiet = _within(here.time(), rhythm.quiet_from, rhythm.quiet_until)
    return _next(here, rhythm.quiet_until).astimezone(at.tzinfo) if quiet else at


def _within(clock: time, start: time, end: time) -> bool:
    """Tell whether ``clock`` is in hours that may lead past midnight; hours of no length are none."""
    return start <= clock < end if start <= end else clock >= start or clock < end


def _next(at: datetime, clock: time) -> datetime:
    """Return when a clock on the wall next shows ``clock``."""
    today = at.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
    return today if today > at else today + timedelta(days=1)


def wait(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts in vain."""
    doublings = min(max(attempts - 1, 0), ATTEMPTS)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def rhythm_of(settings: Any) -> Rhythm:
    """Return the rhythm that a row of settings says; None says nothing."""
    if settings is None:
        return Rhythm()
    return Rhythm(Digest(settings.digest), settings.quiet_from, settings.quiet_until, settings.time_zone)
