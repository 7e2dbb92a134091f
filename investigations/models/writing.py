"""Facts: what people write in an investigation: notes, comments, hypotheses with their evidence. No I/O."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Q

from accounts.models import User
from events.models import SEARCH_CONFIG, Event
from investigations.choices import (
    Stance,
    Verdict,
)
from investigations.models.cases import Investigation
from investigations.querysets import (
    CommentQuerySet,
    EvidenceQuerySet,
    HypothesisQuerySet,
    NoteQuerySet,
)
from rcaplatform.kit.models import Identified, SoftDeleted


class Note(Identified, SoftDeleted):
    """What somebody wrote down in an investigation, in Markdown."""

    investigation = models.ForeignKey(Investigation, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="notes")
    body = models.TextField(validators=[MaxLengthValidator(50_000)])
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    search = models.GeneratedField(
        expression=SearchVector("body", config=SEARCH_CONFIG), output_field=SearchVectorField(), db_persist=True
    )

    objects = NoteQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["investigation", "-id"], name="note_newest"),
            GinIndex(fields=["search"], name="note_search"),
        ]

    def __str__(self) -> str:
        return self.body[:80]


class NoteRevision(Identified):
    """A note as it stood after one save; the first is how it began."""

    note = models.ForeignKey(Note, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    body = models.TextField()
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["note", "number"], name="note_revision_once")]

    def __str__(self) -> str:
        return f"{self.note_id} #{self.number}"


class Comment(Identified, SoftDeleted):
    """A remark on one event or one note of an investigation."""

    version = 1  # it is never edited

    investigation = models.ForeignKey(Investigation, on_delete=models.CASCADE, related_name="comments")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, null=True, blank=True, related_name="comments")
    note = models.ForeignKey(Note, on_delete=models.CASCADE, null=True, blank=True, related_name="comments")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="comments")
    body = models.TextField(validators=[MaxLengthValidator(10_000)])
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CommentQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="comment_on_one_thing",
                condition=Q(event__isnull=False, note__isnull=True) | Q(event__isnull=True, note__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.body[:80]


class Hypothesis(Identified, SoftDeleted):
    """What might have caused it, and what became of that thought."""

    investigation = models.ForeignKey(
        Investigation, on_delete=models.CASCADE, related_name="hypotheses", db_index=False
    )
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="hypotheses")
    statement = models.CharField(max_length=500)
    verdict = models.CharField(max_length=12, choices=Verdict, default=Verdict.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+")
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = HypothesisQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "hypotheses"
        constraints = [models.CheckConstraint(name="hypothesis_verdict_known", condition=Q(verdict__in=Verdict.values))]
        indexes = [models.Index(fields=["investigation", "id"], name="hypothesis_oldest")]

    def __str__(self) -> str:
        return self.statement[:80]


class Evidence(Identified, SoftDeleted):
    """What one event says about one hypothesis, and why."""

    hypothesis = models.ForeignKey(Hypothesis, on_delete=models.CASCADE, related_name="evidence")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="evidence")
    stance = models.CharField(max_length=12, choices=Stance)
    why = models.CharField(max_length=1_000, blank=True, default="")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="evidence")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "evidence"
        constraints = [
            models.CheckConstraint(name="evidence_stance_known", condition=Q(stance__in=Stance.values)),
            models.UniqueConstraint(
                fields=["hypothesis", "event"], name="evidence_once", condition=Q(deleted_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.stance} {self.hypothesis_id}"
