"""Doors for the worker: each rings one deed; running one twice does no harm."""

from celery import shared_task
from django.utils import timezone

from accounts import credentials


@shared_task(name="accounts.flush_tokens")
def flush_tokens() -> None:
    """Take tokens that have expired off the list of those revoked."""
    credentials.forget_expired(now=timezone.now())
