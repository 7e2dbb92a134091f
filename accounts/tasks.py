"""Doors for the worker: each rings one deed; running one twice does no harm."""

from celery import shared_task
from django.utils import timezone

from accounts import credentials, sealing


@shared_task(name="accounts.flush_tokens")
def flush_tokens() -> None:
    """Take tokens that have expired off the list of those revoked."""
    credentials.forget_expired(now=timezone.now())


@shared_task(name="accounts.seal_audit")
def seal_audit() -> None:
    """Chain what has been written to the audit trail since."""
    sealing.seal(now=timezone.now())
