"""Facts: what a language model wrote of an investigation, until a person takes it or discards it. No I/O."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import User
from investigations.choices import DraftKind, DraftState
from investigations.models.cases import Investigation
from investigations.models.writing import Note
from investigations.querysets import UNFINISHED_DRAFT, DraftQuerySet
from rcaplatform.kit.models import Identified


def patience() -> timedelta:
    """Return how long a worker may hold a draft before it counts as dead: it may ask the model twice."""
    return timedelta(seconds=2 * settings.ASSISTANT_TIMEOUT + 60)


class Draft(Identified):
    """What a language model wrote of an investigation: sentences that each cite what they rest on.

    The rows that wait are the queue. A worker takes one by raising `attempts`; it may ask the model twice, so of a row
    that is older than that by a minute the worker died.
    """

    version = 1  # nobody edits it

    investigation = models.ForeignKey(Investigation, on_delete=models.CASCADE, related_name="drafts", db_index=False)
    kind = models.CharField(max_length=12, choices=DraftKind)
    state = models.CharField(max_length=10, choices=DraftState, default=DraftState.WAITING)
    model = models.CharField(max_length=200, blank=True, default="", help_text="Who wrote it, as it calls itself.")
    sentences = models.JSONField(default=list, help_text="One object a sentence: section, text, and cites.")
    dropped = models.JSONField(default=dict, help_text="How many sentences were not kept, by the reason.")
    given = models.PositiveIntegerField(default=0, help_text="How many events and notes the model was given.")
    left_out = models.PositiveIntegerField(default=0, help_text="How many more there were.")
    attempts = models.PositiveSmallIntegerField(default=0)
    touched_at = models.DateTimeField(help_text="When a worker took it.")
    error = models.CharField(max_length=500, blank=True, default="")
    note = models.OneToOneField(Note, on_delete=models.SET_NULL, null=True, related_name="draft")
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects = DraftQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="draft_state_known", condition=Q(state__in=DraftState.values)),
            models.CheckConstraint(name="draft_kind_known", condition=Q(kind__in=DraftKind.values)),
            # One at a time; and the queue, small because finished rows leave it.
            models.UniqueConstraint(
                fields=["investigation"], name="draft_one_at_a_time", condition=Q(state__in=UNFINISHED_DRAFT)
            ),
        ]
        indexes = [
            models.Index(fields=["investigation", "-id"], name="draft_newest"),
            # "How many did this person ask for within the hour?"
            models.Index(fields=["created_by", "-created_at"], name="draft_asked_for"),
        ]

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it by itself."""
        return self.state not in UNFINISHED_DRAFT

    @property
    def given_up_at(self) -> datetime:
        """When a worker that holds it counts as dead."""
        return self.touched_at + patience()

    @property
    def number_dropped(self) -> int:
        """How many sentences were not kept."""
        return sum(self.dropped.values())

    def __str__(self) -> str:
        return f"{self.kind} of {self.investigation_id}"
