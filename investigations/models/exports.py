"""Facts: exports that a worker makes, and keeps for a while; documents that were imported. No I/O."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import User
from investigations.choices import ExportFormat, ExportState
from investigations.models.cases import Investigation
from investigations.querysets import ExportQuerySet
from rcaplatform.kit.models import Identified


class Export(Identified):
    """An investigation as a document, made in the background; deleted once it is cancelled, or its time has passed.

    The rows that are pending are the queue. A worker takes one by raising `attempts`, and says with each `touched_at`
    that it still lives: of a row that nobody touched for long, the worker died, and another one begins anew.
    """

    version = 1  # nobody edits it

    investigation = models.ForeignKey(Investigation, on_delete=models.CASCADE, related_name="exports", db_index=False)
    written_in = models.CharField(max_length=10, choices=ExportFormat)
    redact = models.BooleanField(default=False, db_default=False, help_text="Whether it is to be redacted.")
    redacted = models.BooleanField(
        default=False, db_default=False, help_text="Whether it was: a worker of the release before does not."
    )
    state = models.CharField(max_length=10, choices=ExportState, default=ExportState.PENDING)
    progress = models.PositiveSmallIntegerField(default=0, help_text="In percent: half for reading, half for writing.")
    events = models.PositiveIntegerField(help_text="How many the investigation had when it was asked for.")
    attempts = models.PositiveSmallIntegerField(default=0)
    touched_at = models.DateTimeField(help_text="When the worker that makes it last said so.")
    error = models.CharField(max_length=500, blank=True, default="")
    content = models.BinaryField(null=True)
    size = models.PositiveIntegerField(default=0, help_text="Bytes of the finished file.")
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="export_state_known", condition=Q(state__in=ExportState.values)),
            models.CheckConstraint(name="export_format_known", condition=Q(written_in__in=ExportFormat.values)),
            models.CheckConstraint(
                name="export_done_has_a_file",
                condition=~Q(state=ExportState.DONE) | Q(content__isnull=False, finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="export_done_is_redacted_as_asked",
                condition=~Q(state=ExportState.DONE) | Q(redacted=models.F("redact")),
            ),
        ]
        indexes = [
            models.Index(fields=["investigation", "-id"], name="export_newest"),
            # The queue, oldest first; small because finished rows leave it.
            models.Index(
                fields=["id"],
                name="export_unfinished",
                condition=Q(state__in=[ExportState.PENDING, ExportState.RUNNING]),
            ),
        ]

    @property
    def expires_at(self) -> datetime:
        """When it is forgotten."""
        return self.created_at + settings.EXPORT_KEPT

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in (ExportState.DONE, ExportState.FAILED)

    def __str__(self) -> str:
        return f"{self.investigation_id} as {self.written_in}"


class ImportedDocument(Identified):
    """A document that an investigation was made from: brought again, it makes no other one."""

    digest = models.CharField(max_length=64, unique=True)
    document_id = models.UUIDField(help_text="Of the investigation that the document was written from.")
    investigation = models.ForeignKey(Investigation, on_delete=models.CASCADE, related_name="+")
    imported_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    imported_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.document_id} as {self.investigation_id}"
