"""Facts: investigations, what is linked to them, and the views of their list. No I/O."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual

from accounts.models import User
from events.drafts import EARLIEST, LATEST
from events.models import SEARCH_CONFIG, Event
from investigations.choices import (
    AutomationPotential,
    CauseCategory,
    ImpactSeverity,
    LinkState,
    Priority,
    Status,
)
from investigations.listquery import LONGEST
from investigations.querysets import (
    InvestigationQuerySet,
    LinkQuerySet,
    LookBackQuerySet,
    SavedViewQuerySet,
)
from rcaplatform.kit.models import Identified, SoftDeleted

WRITE_UP_LIMIT = 2_000


def _write_up(help_text: str) -> "models.TextField[str, str]":
    return models.TextField(
        blank=True, default="", validators=[MaxLengthValidator(WRITE_UP_LIMIT)], help_text=help_text
    )


class Investigation(Identified, SoftDeleted):
    """One incident and the search for its cause."""

    title = models.CharField(max_length=300)
    description = models.TextField(blank=True, default="", validators=[MaxLengthValidator(20_000)])
    status = models.CharField(max_length=12, choices=Status, default=Status.OPEN)
    impact_severity = models.CharField(max_length=10, choices=ImpactSeverity, default=ImpactSeverity.MEDIUM)
    priority = models.CharField(max_length=2, choices=Priority, default=Priority.P2)

    started_at = models.DateTimeField(null=True, blank=True, help_text="Onset: when things began to go wrong.")
    detected_at = models.DateTimeField(help_text="When somebody or something noticed.")
    resolved_at = models.DateTimeField(null=True, blank=True)

    root_cause = _write_up("What caused it.")
    remediation = _write_up("What ended it.")
    lessons_learned = _write_up("What to do differently.")
    cause_category = models.CharField(max_length=20, choices=CauseCategory, blank=True, default="")

    service_affected = models.CharField(max_length=200, blank=True, default="")
    component_affected = models.CharField(max_length=200, blank=True, default="")
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True, size=50)
    impact_domain = models.CharField(max_length=100, blank=True, default="", help_text="Customers, payments, data, …")
    business_impact = models.TextField(blank=True, default="", validators=[MaxLengthValidator(5_000)])
    estimated_mttr = models.PositiveIntegerField(null=True, blank=True, help_text="Minutes expected until resolved.")
    automation_potential = models.CharField(max_length=10, choices=AutomationPotential, blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    related = models.ManyToManyField("self", blank=True)

    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="investigations_created")
    assigned_to = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="investigations_assigned"
    )
    updated_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    keywords = models.TextField(blank=True, default="", editable=False, help_text="Found by these: see events.terms.")

    search = models.GeneratedField(
        expression=SearchVector("title", weight="A", config=SEARCH_CONFIG)
        + SearchVector("root_cause", "remediation", "lessons_learned", weight="B", config=SEARCH_CONFIG)
        + SearchVector("description", "keywords", weight="C", config=SEARCH_CONFIG),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = InvestigationQuerySet.as_manager()

    class Meta:
        ordering = ["-detected_at", "-id"]
        constraints = [
            models.CheckConstraint(name="investigation_status_known", condition=Q(status__in=Status.values)),
            models.CheckConstraint(
                name="investigation_impact_known", condition=Q(impact_severity__in=ImpactSeverity.values)
            ),
            models.CheckConstraint(name="investigation_priority_known", condition=Q(priority__in=Priority.values)),
            models.CheckConstraint(
                name="investigation_cause_known", condition=Q(cause_category__in=["", *CauseCategory.values])
            ),
            models.CheckConstraint(
                name="investigation_automation_known",
                condition=Q(automation_potential__in=["", *AutomationPotential.values]),
            ),
            models.CheckConstraint(
                name="investigation_resolved_after_detected",
                condition=Q(resolved_at__isnull=True) | Q(resolved_at__gte=F("detected_at")),
                violation_error_message="Resolved cannot be before detected.",
            ),
            models.CheckConstraint(
                name="investigation_detected_after_started",
                condition=Q(started_at__isnull=True) | Q(started_at__lte=F("detected_at")),
                violation_error_message="Onset cannot be after detected.",
            ),
            *(
                models.CheckConstraint(
                    name=f"investigation_{name}_bounded", condition=LessThanOrEqual(Length(name), WRITE_UP_LIMIT)
                )
                for name in ("root_cause", "remediation", "lessons_learned")
            ),
            # Linking reckons hours back and forth from these.
            *(
                models.CheckConstraint(
                    name=f"investigation_{name}_in_range",
                    condition=Q(**{f"{name}__gte": EARLIEST, f"{name}__lt": LATEST}),
                )
                for name in ("started_at", "detected_at", "resolved_at")
            ),
        ]
        indexes = [
            # Every list: newest first, keyset paged.
            models.Index(fields=["-detected_at", "-id"], name="investigation_newest"),
            # A person's own work, and "what is open".
            models.Index(fields=["assigned_to", "-detected_at"], name="investigation_assignee"),
            models.Index(fields=["status", "-detected_at", "-id"], name="investigation_status"),
            GinIndex(fields=["search"], name="investigation_search"),
            GinIndex(fields=["tags"], name="investigation_tags"),
        ]

    def __str__(self) -> str:
        return self.title


class Link(Identified):
    """An event's tie to an investigation: how sure we are, why, and what people made of it."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="links")
    # Without an index of its own: `link_once` begins with it.
    investigation = models.ForeignKey(Investigation, on_delete=models.CASCADE, related_name="links", db_index=False)
    score = models.FloatField(help_text="Confidence, 0 to 1.")
    factors = models.JSONField(default=list, help_text="One object a strategy: strategy, score, weight, reason.")
    rule_version = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=LinkState, default=LinkState.SUGGESTED)
    is_cause = models.BooleanField(default=False, help_text="A person named this event a cause.")
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = LinkQuerySet.as_manager()

    class Meta:
        ordering = ["-score"]
        constraints = [
            # Serves "the events of an investigation" too; the foreign key's own index serves the other way round.
            models.UniqueConstraint(fields=["investigation", "event"], name="link_once"),
            models.CheckConstraint(name="link_score_in_range", condition=Q(score__gte=0) & Q(score__lte=1)),
            models.CheckConstraint(name="link_state_known", condition=Q(state__in=LinkState.values)),
            models.CheckConstraint(
                name="link_decision_has_an_author",
                condition=Q(state=LinkState.SUGGESTED) | Q(decided_by__isnull=False, decided_at__isnull=False),
            ),
            models.CheckConstraint(
                name="link_rejected_is_no_cause", condition=~Q(state=LinkState.REJECTED, is_cause=True)
            ),
        ]
        indexes = [
            # What people vouched for last: linking takes the commits and traces of a scene from these.
            models.Index(
                fields=["investigation", "-decided_at"],
                name="link_vouched",
                condition=Q(state__in=[LinkState.CONFIRMED, LinkState.MANUAL]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} in {self.investigation_id} ({self.score:.2f})"


class LookBack(Identified):
    """That linking owes an investigation a look back over the store; the row goes once it is done.

    A queue in a table of its own, and a row for each time one is asked for: so nobody who edits the investigation waits
    for a look back that goes on, and what is asked for meanwhile is not taken for done.
    """

    investigation = models.ForeignKey(Investigation, on_delete=models.CASCADE, related_name="+")

    objects = LookBackQuerySet.as_manager()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return str(self.investigation_id)


class SavedView(Identified):
    """A query of the list of investigations that somebody comes back to."""

    name = models.CharField(max_length=100)
    query = models.CharField(max_length=LONGEST, help_text="Filters and order, as in status=active&sort=-updated.")
    shared = models.BooleanField(default=False, help_text="Everybody sees it.")
    # Without an index of its own: `saved_view_named_once` begins with it.
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="views", db_index=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="saved_view_named_once")]

    def __str__(self) -> str:
        return self.name
