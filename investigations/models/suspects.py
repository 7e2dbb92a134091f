"""Facts: what the suspects engine answered, and what people made of it. No I/O."""

from django.db import models
from django.db.models import Q

from accounts.models import User
from events.models import Event
from investigations.choices import (
    SuspectKind,
    SuspectState,
)
from investigations.models.cases import Investigation
from investigations.querysets import (
    SuspectQuerySet,
)
from rcaplatform.kit.models import Identified

JUDGED = (SuspectState.CONFIRMED, SuspectState.DISMISSED)


class SuspectReport(Identified):
    """What the suspects engine answered once, from what was known then. The newest one is shown; none is changed."""

    investigation = models.ForeignKey(
        Investigation, on_delete=models.CASCADE, related_name="suspect_reports", db_index=False
    )
    engine_version = models.PositiveSmallIntegerField()
    computed_at = models.DateTimeField()
    computed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", help_text="Who asked.")
    events = models.PositiveIntegerField(help_text="How many events it was read from.")
    onset = models.DateTimeField(null=True, help_text="When it began, by what was measured.")
    no_change_cause = models.BooleanField(help_text="No change explains it.")
    reasons = models.JSONField(default=list, help_text="Sentences: why no change does.")
    first_failing_service = models.CharField(max_length=200, blank=True)
    blast_radius = models.JSONField(default=list, help_text="Other services that suffer.")
    remediation = models.CharField(max_length=40, blank=True, help_text="What to do first.")
    sources = models.JSONField(
        default=list, help_text="What sources said when they were asked: source, said, failed of each."
    )
    problem = models.CharField(max_length=1_000, blank=True, help_text="Why there is no answer; empty: there is one.")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["investigation", "-id"], name="suspect_report_newest")]

    def __str__(self) -> str:
        return f"{self.investigation_id} at {self.computed_at}"


class Suspect(Identified):
    """A probable cause, why, and what people made of it."""

    report = models.ForeignKey(SuspectReport, on_delete=models.CASCADE, related_name="suspects", db_index=False)
    kind = models.CharField(max_length=10, choices=SuspectKind)
    name = models.CharField(max_length=300, help_text="A commit, a service, or a service and its metric.")
    place = models.PositiveSmallIntegerField(help_text="1 for the first of its kind.")
    score = models.FloatField(help_text="0 to 1; comparable within a kind.")
    evidence = models.JSONField(default=list, help_text="One object a sentence: text, and the ids of events.")
    event = models.ForeignKey(Event, on_delete=models.SET_NULL, null=True, related_name="suspected")
    state = models.CharField(max_length=10, choices=SuspectState, default=SuspectState.OPEN)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    objects = SuspectQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "place"]
        constraints = [
            models.UniqueConstraint(fields=["report", "kind", "place"], name="suspect_place_once"),
            models.CheckConstraint(name="suspect_kind_known", condition=Q(kind__in=SuspectKind.values)),
            models.CheckConstraint(name="suspect_state_known", condition=Q(state__in=SuspectState.values)),
        ]
        indexes = [
            # "Of which investigations did people judge the suspects?": few of many.
            models.Index(fields=["report"], name="suspect_judged", condition=Q(state__in=JUDGED)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
