"""Facts: what people were told, what they want to be told of, and the queue of what is on its way. No I/O."""

from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q

from accounts.models.people import User
from accounts.notifications.choices import Channel, Digest, SendState, Topic
from accounts.querysets import NotificationQuerySet
from rcaplatform.kit.models import Identified

TITLE_LIMIT, BODY_LIMIT, ERROR_LIMIT = 300, 2_000, 500


class NotificationSettings(models.Model):
    """Where and when somebody wants to be told. Who has none is told at once, by e-mail where topics say so."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="notification_settings")
    webhook_url = models.CharField(max_length=500, blank=True, validators=[URLValidator(["http", "https"])])
    sealed = models.BinaryField(
        default=bytes, blank=True, help_text="The key that signs webhooks, and Slack's address, which is a secret."
    )
    digest = models.CharField(max_length=10, choices=Digest, default=Digest.AT_ONCE)
    quiet_from = models.TimeField(null=True, blank=True, help_text="In the time zone; with quiet_until.")
    quiet_until = models.TimeField(null=True, blank=True, help_text="What comes in quiet hours is told at their end.")
    time_zone = models.CharField(max_length=64, default="UTC")

    class Meta:
        verbose_name_plural = "notification settings"
        constraints = [
            models.CheckConstraint(name="notification_digest_known", condition=Q(digest__in=Digest.values)),
            models.CheckConstraint(
                name="quiet_hours_have_both_ends",
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"of {self.user}"


class NotificationPreference(models.Model):
    """Where somebody wants other than what is usual: one topic on one channel."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notification_preferences")
    topic = models.CharField(max_length=20, choices=Topic)
    channel = models.CharField(max_length=10, choices=Channel)
    wanted = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "topic", "channel"], name="one_preference_a_channel"),
            models.CheckConstraint(name="preference_topic_known", condition=Q(topic__in=Topic.values)),
            models.CheckConstraint(name="preference_channel_known", condition=Q(channel__in=Channel.values)),
        ]

    def __str__(self) -> str:
        return f"{self.topic} by {self.channel}: {'yes' if self.wanted else 'no'}"


class Notification(Identified):
    """One thing one person was told."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    topic = models.CharField(max_length=20, choices=Topic)
    key = models.CharField(max_length=200, help_text="Of what happened: nobody is told of it twice.")
    title = models.CharField(max_length=TITLE_LIMIT)
    body = models.CharField(max_length=BODY_LIMIT, blank=True)
    path = models.CharField(max_length=300, blank=True, help_text="Of the page about it.")
    in_inbox = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="told_once"),
            models.CheckConstraint(name="notification_topic_known", condition=Q(topic__in=Topic.values)),
        ]
        indexes = [
            # The inbox, newest first.
            models.Index(fields=["user", "-id"], condition=Q(in_inbox=True), name="inbox"),
            # How many are unread, on every page.
            models.Index(fields=["user"], condition=Q(in_inbox=True, read_at=None), name="inbox_unread"),
            # What is old and to be forgotten.
            models.Index(fields=["created_at"], name="notification_created_at"),
        ]

    def __str__(self) -> str:
        return self.title


class NotificationDelivery(Identified):
    """A notification on its way by one channel. Those that wait and are due are the queue."""

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=10, choices=Channel)
    state = models.CharField(max_length=10, choices=SendState, default=SendState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=ERROR_LIMIT, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "notification deliveries"
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel"], name="sent_once_a_channel"),
            models.CheckConstraint(name="send_channel_known", condition=Q(channel__in=Channel.values)),
            models.CheckConstraint(name="send_state_known", condition=Q(state__in=SendState.values)),
        ]
        indexes = [
            # The queue, the longest due first.
            models.Index(fields=["next_attempt_at"], condition=Q(state=SendState.PENDING), name="send_queue"),
        ]

    def __str__(self) -> str:
        return f"{self.notification} by {self.channel}"
