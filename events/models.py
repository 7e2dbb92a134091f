"""Facts: what happened, and who said so. No I/O; rows are written by `events.services` alone."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from events.choices import OriginKind, Severity, Source
from events.querysets import DependencyQuerySet, EventQuerySet
from rcaplatform.kit.models import Identified, SoftDeleted

SEARCH_CONFIG = "english"


class Origin(Identified):
    """Who said so: a connector, the API, or people. Outlives the connector it stood for."""

    kind = models.CharField(max_length=10, choices=OriginKind)
    name = models.CharField(max_length=100, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(name="origin_kind_known", condition=Q(kind__in=OriginKind.values))]

    def __str__(self) -> str:
        return self.name


class Event(Identified, SoftDeleted):
    """Something that happened, told by one origin."""

    origin = models.ForeignKey(Origin, on_delete=models.PROTECT, related_name="events")
    dedupe_key = models.UUIDField(
        editable=False, help_text="Equal for two testimonies of one event: see events.dedupe."
    )
    source = models.CharField(max_length=10, choices=Source)
    source_id = models.CharField(max_length=300, help_text="The external id: commit hash, build id.")
    event_type = models.CharField(max_length=50, help_text="commit, build_failure, deployment, error_spike, …")
    title = models.CharField(max_length=500)
    severity = models.CharField(max_length=10, choices=Severity, default=Severity.INFO)
    service = models.CharField(max_length=200, blank=True, default="")
    component = models.CharField(max_length=200, blank=True, default="")
    environment = models.CharField(max_length=100, blank=True, default="")
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    url = models.URLField(max_length=2000, blank=True, default="")
    data = models.JSONField(default=dict, blank=True, help_text="What this kind of event has to say.")
    raw_data = models.JSONField(null=True, blank=True, help_text="As received.")
    metadata = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    message = models.TextField(
        blank=True, default="", db_default="", editable=False, help_text="Found by this too: neither in title nor data."
    )
    keywords = models.TextField(blank=True, default="", editable=False, help_text="Found by these: see events.terms.")
    fingerprint = models.BigIntegerField(
        db_default=0, editable=False, help_text="Equal for events that say the same thing: see events.fingerprints."
    )

    timestamp = models.DateTimeField(help_text="When it occurred.")
    received_at = models.DateTimeField(help_text="When this installation was told.")
    parsed_at = models.DateTimeField(null=True, blank=True)
    linked_at = models.DateTimeField(null=True, blank=True, help_text="When linking considered it; empty is its queue.")
    first_seen_at = models.DateTimeField(null=True, blank=True, help_text="When a person first looked at it.")
    updated_at = models.DateTimeField(auto_now=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    search = models.GeneratedField(
        expression=SearchVector("title", weight="A", config=SEARCH_CONFIG)
        + SearchVector("service", "component", weight="B", config=SEARCH_CONFIG)
        + SearchVector("keywords", weight="C", config=SEARCH_CONFIG),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-timestamp", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["dedupe_key"], name="event_stored_once"),
            models.CheckConstraint(name="event_source_known", condition=Q(source__in=Source.values)),
            models.CheckConstraint(name="event_severity_known", condition=Q(severity__in=Severity.values)),
            models.CheckConstraint(name="event_has_identity", condition=~Q(source_id="") & ~Q(title="")),
        ]
        indexes = [
            # Every list: newest first, keyset paged by (timestamp, id).
            models.Index(fields=["-timestamp", "-id"], name="event_newest"),
            # A service's or a source's own timeline.
            models.Index(fields=["service", "-timestamp", "-id"], name="event_service"),
            models.Index(fields=["source", "-timestamp", "-id"], name="event_source"),
            # "Have we seen this commit, this build?"
            models.Index(fields=["source_id"], name="event_source_id"),
            # The linking queue, oldest first; small because linked rows leave it.
            models.Index(fields=["id"], name="event_unlinked", condition=Q(linked_at__isnull=True)),
            # Analytics count from this index alone: the rows, with all their JSON, are twenty times its size.
            models.Index(
                fields=["timestamp"],
                include=["source", "severity", "service", "component"],
                name="event_analytics",
                condition=Q(deleted_at__isnull=True),
            ),
            GinIndex(fields=["search"], name="event_search"),
            GinIndex(fields=["tags"], name="event_tags"),
        ]

    def __str__(self) -> str:
        return self.title


class Dependency(Identified):
    """How often one service called another within an hour, as traces tell it; written by `events.topology`."""

    hour = models.DateTimeField(help_text="When it began, in UTC.")
    environment = models.CharField(max_length=100, blank=True)
    caller = models.CharField(max_length=200)
    callee = models.CharField(max_length=200)
    calls = models.PositiveBigIntegerField()
    errors = models.PositiveBigIntegerField()
    durations = ArrayField(
        models.BigIntegerField(), help_text="How many calls took up to 1, 2, 4, … 65,536 ms, and longer."
    )

    objects = DependencyQuerySet.as_manager()

    class Meta:
        ordering = ["-hour", "caller", "callee", "environment"]
        verbose_name_plural = "dependencies"
        constraints = [
            models.UniqueConstraint(fields=["hour", "environment", "caller", "callee"], name="dependency_once_an_hour")
        ]
        indexes = [
            # Who called a service, and whom it called, around the time of an incident.
            models.Index(fields=["callee", "hour"], name="dependency_callee"),
            models.Index(fields=["caller", "hour"], name="dependency_caller"),
        ]

    def __str__(self) -> str:
        return f"{self.caller} → {self.callee}"


class CountedCalls(models.Model):
    """A record whose calls are counted, named by a digest of its origin and reference: told again, it counts once."""

    id = models.UUIDField(primary_key=True, editable=False)
    hour = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.pk)
