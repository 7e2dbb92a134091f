"""Facts: connectors, the raw deliveries they were sent, and what could not be processed. No I/O."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from connectors.choices import BackfillState, BreakerState, DeadLetterState, DeliveryState, Stage
from connectors.querysets import ConnectorQuerySet
from events.models import Origin
from rcaplatform.kit.models import Identified


class Connector(Identified):
    """One configured source. Its events hang on its origin, so that they outlive it."""

    origin = models.OneToOneField(Origin, on_delete=models.PROTECT, related_name="connector")
    name = models.SlugField(max_length=60, unique=True, help_text="Part of its webhook address: /hooks/NAME")
    kind = models.CharField(max_length=30, help_text="Which source it is: git, jsonlines, github, …")
    config = models.JSONField(default=dict, blank=True)
    secrets = models.BinaryField(default=bytes, blank=True, help_text="Sealed; see rcaplatform.kit.sealing.")
    enabled = models.BooleanField(default=True, help_text="Off stops it at once: no poll starts, no delivery is taken.")
    interval = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(5)], help_text="Seconds between polls."
    )

    cursor = models.JSONField(default=dict, blank=True, help_text="How far it has read; moves with the rows it covers.")
    next_poll_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it is never polled.")
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True, default="")
    failures = models.PositiveIntegerField(default=0, help_text="Failed polls in a row.")
    last_heard_at = models.DateTimeField(null=True, blank=True, help_text="When it last told of anything.")
    silence_after = models.PositiveIntegerField(
        default=0, help_text="Seconds without a word after which that is an event itself; 0: never."
    )
    blind_since = models.DateTimeField(null=True, blank=True, help_text="Since when it is known that we hear nothing.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConnectorQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(name="connector_interval_sane", condition=Q(interval__gte=5))]
        indexes = [models.Index(fields=["next_poll_at"], name="connector_due", condition=Q(enabled=True))]

    def __str__(self) -> str:
        return self.name

    @property
    def is_scheduled(self) -> bool:
        """Whether it is polled at all: its kind is, as it is configured."""
        return self.next_poll_at is not None or self.is_given_up

    @property
    def is_given_up(self) -> bool:
        """Whether it is on and never polled again until somebody acts: it never worked, and its setting is wrong."""
        return self.enabled and self.failures > 0 and self.next_poll_at is None


class Delivery(Identified):
    """One webhook call, kept as received before anybody thought about it."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="deliveries")
    key = models.CharField(max_length=100, help_text="The sender's id of this delivery: equal when it is sent again.")
    event = models.CharField(max_length=100, blank=True, default="", help_text="What the sender calls it.")
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    received_at = models.DateTimeField()
    digested_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Attempts that ended with an error of its own, not with their worker."
    )
    next_attempt_at = models.DateTimeField(help_text="When a worker may take it; moves on as soon as one does.")
    stored = models.PositiveIntegerField(default=0, help_text="Events that were new.")
    duplicates = models.PositiveIntegerField(default=0, help_text="Events known already.")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["connector", "key"], name="delivery_once"),
            models.CheckConstraint(name="delivery_state_known", condition=Q(state__in=DeliveryState.values)),
        ]
        indexes = [
            # The digesting queue; small because digested rows leave it.
            models.Index(fields=["next_attempt_at"], name="delivery_due", condition=Q(state=DeliveryState.PENDING)),
        ]

    def __str__(self) -> str:
        return f"{self.event or 'delivery'} {self.key}"


class DeadLetter(Identified):
    """An item that could not be processed, with all it takes to try again."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="dead_letters")
    delivery = models.ForeignKey(
        Delivery, on_delete=models.SET_NULL, null=True, blank=True, related_name="dead_letters"
    )
    stage = models.CharField(max_length=10, choices=Stage)
    reference = models.CharField(max_length=300, help_text="Where it was found: a line, a record id, a delivery key.")
    kind = models.CharField(max_length=100, blank=True, default="", help_text="What the source calls it.")
    error = models.CharField(max_length=200, help_text="Class of the error.")
    message = models.TextField()
    raw = models.BinaryField()
    original = models.BinaryField(null=True, blank=True, help_text="What came, when somebody has edited ``raw`` since.")
    attempts = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=DeadLetterState, default=DeadLetterState.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # A page read again after a crash quarantines the same item once.
            models.UniqueConstraint(fields=["connector", "stage", "reference"], name="dead_letter_once"),
            models.CheckConstraint(name="dead_letter_state_known", condition=Q(state__in=DeadLetterState.values)),
            models.CheckConstraint(name="dead_letter_stage_known", condition=Q(stage__in=Stage.values)),
        ]
        indexes = [
            models.Index(fields=["connector", "-id"], name="dead_letter_open", condition=Q(state=DeadLetterState.OPEN))
        ]

    def __str__(self) -> str:
        return f"{self.connector_id}: {self.error} at {self.reference}"


class Breaker(models.Model):
    """The circuit breaker of one connector, shared by all workers. No row: closed, and nothing went wrong yet."""

    connector = models.OneToOneField(Connector, on_delete=models.CASCADE, primary_key=True, related_name="breaker")
    state = models.CharField(max_length=10, choices=BreakerState, default=BreakerState.CLOSED)
    failed_at = models.JSONField(default=list, blank=True, help_text="When it failed lately, in a row; Unix seconds.")
    opened_at = models.DateTimeField(null=True, blank=True)
    held = models.BooleanField(default=False, help_text="Open until somebody resets it; time does not.")
    reason = models.CharField(max_length=500, blank=True, default="")
    poison_run = models.PositiveIntegerField(default=0, help_text="Records in a row that could not be decoded.")

    class Meta:
        constraints = [models.CheckConstraint(name="breaker_state_known", condition=Q(state__in=BreakerState.values))]

    def __str__(self) -> str:
        return f"{self.connector_id}: {self.state}"

    @property
    def failures(self) -> int:
        """How often it failed in a row, of late."""
        return len(self.failed_at)


class Transition(Identified):
    """One change of a breaker's state."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="transitions")
    before = models.CharField(max_length=10, choices=BreakerState)
    after = models.CharField(max_length=10, choices=BreakerState)
    reason = models.CharField(max_length=500, blank=True, default="")
    at = models.DateTimeField()
    actor = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["connector", "-id"], name="transition_newest")]

    def __str__(self) -> str:
        return f"{self.connector_id}: {self.before} to {self.after}"


class Gap(Identified):
    """A window of which a source did not tell everything. What is missing in it is not peace."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="gaps")
    start = models.DateTimeField()
    end = models.DateTimeField()
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # A window read again leaves one gap.
            models.UniqueConstraint(fields=["connector", "start", "end"], name="gap_once"),
            models.CheckConstraint(name="gap_ordered", condition=Q(start__lte=models.F("end"))),
        ]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M:%S} to {self.end:%H:%M:%S}: {self.reason}"


class Backfill(Identified):
    """A span of the past that is read beside what is new, with a cursor of its own."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="backfills")
    start = models.DateTimeField()
    end = models.DateTimeField()
    reached = models.DateTimeField(help_text="Up to here it is read; moves with the rows it covers.")
    state = models.CharField(max_length=10, choices=BackfillState, default=BackfillState.PENDING)
    stored = models.PositiveIntegerField(default=0)
    dead = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True, default="")
    rung_at = models.DateTimeField(
        null=True, blank=True, help_text="When its newest bell was rung; others are ignored."
    )
    created_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="backfill_ordered", condition=Q(start__lt=models.F("end"))),
            models.CheckConstraint(name="backfill_state_known", condition=Q(state__in=BackfillState.values)),
        ]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}"


class Halt(models.Model):
    """Superseded by `accounts.Switch`; the table stays for one release, as the one before asks it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()
    actor = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints = [models.CheckConstraint(name="halt_at_most_one", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"Halted since {self.at:%Y-%m-%d %H:%M}"


class PushedSeries(Identified):
    """One metric series that a sender tells of. At most a thousand of a connector, so that each can be watched."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="pushed_series")
    key = models.CharField(max_length=24, help_text="Equal for the same metric with the same labels.")
    told = models.JSONField(help_text="Metric, labels, unit, and what its values are.")
    told_at = models.DateTimeField(help_text="When it was last told of, to ten minutes.")

    class Meta:
        verbose_name_plural = "pushed series"
        constraints = [models.UniqueConstraint(fields=["connector", "key"], name="pushed_series_once")]

    def __str__(self) -> str:
        return str(self.told.get("metric", self.key))


class PushedSamples(Identified):
    """The samples in one request of a sender, kept until they are judged and no longer learned from."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="pushed_samples")
    key = models.CharField(max_length=32, help_text="Equal when it is sent again.")
    received_at = models.DateTimeField()
    number = models.PositiveIntegerField(help_text="How many samples.")
    body = models.BinaryField()

    class Meta:
        verbose_name_plural = "pushed samples"
        constraints = [models.UniqueConstraint(fields=["connector", "key"], name="pushed_samples_once")]
        indexes = [
            # What came in between two times, for the watch; and how much of it, for the door.
            models.Index(fields=["connector", "received_at"], include=["number"], name="pushed_samples_received")
        ]

    def __str__(self) -> str:
        return f"{self.number} samples"
