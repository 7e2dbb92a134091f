"""Facts: the closed sets of values a delivery or a dead letter may take."""

from django.db.models import TextChoices


class DeliveryState(TextChoices):
    """What became of a webhook delivery."""

    PENDING = "pending", "Pending"
    DIGESTED = "digested", "Digested"
    IGNORED = "ignored", "Ignored"
    DEAD = "dead", "Dead letter"


class BreakerState(TextChoices):
    """Whether a source is asked at all: as ever, not at all, or once to see whether it is back."""

    CLOSED = "closed", "Closed"
    OPEN = "open", "Open"
    HALF_OPEN = "half-open", "Half-open"


class BackfillState(TextChoices):
    """How far the reading of a span of the past has come."""

    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Stage(TextChoices):
    """The step of the way at which an item could not go on."""

    UNPACK = "unpack", "Unpack"
    DECODE = "decode", "Decode"
    STORE = "store", "Store"


class DeadLetterState(TextChoices):
    """Whether somebody still has to look at it."""

    OPEN = "open", "Open"
    REPLAYED = "replayed", "Replayed"
    DISCARDED = "discarded", "Discarded"
