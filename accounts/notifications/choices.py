"""Facts: what people can be told of, and how."""

from django.db import models


class Topic(models.TextChoices):
    """What one can be told of."""

    OPENED = "opened", "An investigation is opened"
    ASSIGNED = "assigned", "An investigation is assigned to me"
    MOVED = "moved", "An investigation I take part in changes its status"
    WRITTEN = "written", "Somebody writes in an investigation I take part in"
    SOURCES = "sources", "A source is not heard any more, or is heard again"
    TEST = "test", "A test of a channel"


class Channel(models.TextChoices):
    """How one is told."""

    INBOX = "inbox", "Inbox"
    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"
    SLACK = "slack", "Slack"


class Digest(models.TextChoices):
    """How often what leaves the product does so."""

    AT_ONCE = "at_once", "At once"
    HOURLY = "hourly", "Once an hour"
    DAILY = "daily", "Once a day, at eight in the morning"


class SendState(models.TextChoices):
    """What became of a notification on one channel."""

    PENDING = "pending", "Waiting"
    SENT = "sent", "Sent"
    DEAD = "dead", "Given up"
