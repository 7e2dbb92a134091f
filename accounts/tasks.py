"""Doors for the worker: each rings one deed; running one twice does no harm."""

from celery import shared_task
from django.core.management import call_command


@shared_task(name="accounts.flush_tokens")
def flush_tokens() -> None:
    """Forget refresh tokens that have expired, revoked or not."""
    call_command("flushexpiredtokens")
