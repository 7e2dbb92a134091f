"""Facts: what an operator switched off. No I/O."""

from typing import ClassVar

from django.db import models


class Feature(models.TextChoices):
    """What can be switched off while all the rest goes on."""

    CONNECTORS = "connectors", "Connectors: none is polled, no delivery is taken or digested"
    POLLING = "polling", "Polls, backfills and surveys of sources"
    WEBHOOKS = "webhooks", "Deliveries to webhooks"
    OTLP = "otlp", "Traces, logs and metrics over OTLP"
    BULK = "bulk", "Events in bulk over the API"
    LINKING = "linking", "Linking of events to investigations"
    SUSPECTS = "suspects", "Ranking of suspects"
    SURVEYS = "surveys", "Questions to sources about new investigations"
    NOTIFICATIONS = "notifications", "Notifications that leave the product"
    EXPORTS = "exports", "Exports of investigations"
    ASSISTANT = "assistant", "Drafts of the assistant"
    STREAM = "stream", "Live updates of open pages"
    PASSWORDS = "passwords", "Signing in with a password"


class Switch(models.Model):
    """A feature that is off. What has no row is on."""

    feature = models.CharField(primary_key=True, max_length=30, choices=Feature)
    at = models.DateTimeField()
    actor = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        help_text="Who did it; nobody when it was done at the command line.",
    )  # fmt: skip
    reason = models.CharField(max_length=500, blank=True, default="", db_default="")

    objects: ClassVar[models.Manager["Switch"]] = models.Manager()

    class Meta:
        ordering = ["feature"]
        verbose_name = "feature that is off"
        verbose_name_plural = "features that are off"

    def __str__(self) -> str:
        return f"{self.feature}, off since {self.at:%Y-%m-%d %H:%M}"
