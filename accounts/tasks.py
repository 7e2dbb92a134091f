"""Doors for the worker: each rings one deed; running one twice does no harm."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from accounts import credentials, sealing
from accounts.notifications import delivery


@shared_task(name="accounts.flush_tokens")
def flush_tokens() -> None:
    """Take tokens that have expired off the list of those revoked."""
    credentials.forget_expired(now=timezone.now())


@shared_task(name="accounts.flush_sessions")
def flush_sessions() -> None:
    """Forget sessions past their time, those of people who never signed in among them."""
    SessionStore.clear_expired()


@shared_task(name="accounts.seal_audit")
def seal_audit() -> None:
    """Chain what has been written to the audit trail since."""
    sealing.seal(now=timezone.now())


@shared_task(name="notifications.purge")
def purge_notifications() -> None:
    """Forget what people were told long ago."""
    if settings.NOTIFICATION_RETENTION_DAYS:
        delivery.forget(now=timezone.now(), keep=timedelta(days=settings.NOTIFICATION_RETENTION_DAYS))
