"""Facts: the closed sets of values an investigation, a link and their parts may take."""

from django.db.models import TextChoices


class Status(TextChoices):
    """Where an investigation stands in its life; `investigations.lifecycle` says what may follow what."""

    OPEN = "open", "Open"
    IN_PROGRESS = "in_progress", "In progress"
    RESOLVED = "resolved", "Resolved"
    CLOSED = "closed", "Closed"


class ImpactSeverity(TextChoices):
    """How much the incident hurts, worst first."""

    CRITICAL = "critical", "Critical"
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"


class Priority(TextChoices):
    """How soon somebody must act."""

    P0 = "p0", "P0"
    P1 = "p1", "P1"
    P2 = "p2", "P2"
    P3 = "p3", "P3"


class CauseCategory(TextChoices):
    """What kind of thing the root cause was, so that causes can be counted."""

    CODE = "code", "Code change"
    CONFIGURATION = "configuration", "Configuration or flag"
    CAPACITY = "capacity", "Capacity or load"
    DEPENDENCY = "dependency", "Dependency or provider"
    INFRASTRUCTURE = "infrastructure", "Infrastructure"
    DATA = "data", "Data"
    SECURITY = "security", "Security"
    PROCESS = "process", "Process or human error"
    OTHER = "other", "Other"
    UNKNOWN = "unknown", "Not known"


class AutomationPotential(TextChoices):
    """How much of the remediation a machine could do next time."""

    NONE = "none", "None"
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


class LinkState(TextChoices):
    """What people made of a link."""

    SUGGESTED = "suggested", "Suggested"
    CONFIRMED = "confirmed", "Confirmed"
    REJECTED = "rejected", "Rejected"
    MANUAL = "manual", "Manual"


class Verdict(TextChoices):
    """What became of a hypothesis. One that was ruled out is kept: nobody shall try it twice."""

    OPEN = "open", "Open"
    SUPPORTED = "supported", "Supported"
    RULED_OUT = "ruled_out", "Ruled out"
    INCONCLUSIVE = "inconclusive", "Inconclusive"


class SuspectKind(TextChoices):
    """What the engine suspects."""

    CHANGE = "change", "Change"
    SERVICE = "service", "Service"
    METRIC = "metric", "Metric"


class SuspectState(TextChoices):
    """What people made of a suspect: the machine suspects, a person names the cause."""

    OPEN = "open", "Open"
    CONFIRMED = "confirmed", "Confirmed"
    DISMISSED = "dismissed", "Dismissed"


# What to do first, as the engine of suspects calls it, in words.
REMEDIATIONS = {
    "rollback": "Roll the change back",
    "config-revert": "Revert the configuration",
    "feature-flag-disable": "Switch the flag off",
    "scale": "Add capacity",
    "failover": "Fail over",
    "renew-certificate": "Renew the certificate",
    "quarantine-data": "Set the bad data aside",
    "escalate-provider": "Call the provider",
    "restart": "Restart it",
}


class Stance(TextChoices):
    """What an event says about a hypothesis."""

    SUPPORTS = "supports", "Supports"
    CONTRADICTS = "contradicts", "Contradicts"
    NEUTRAL = "neutral", "Neutral"


class ExportFormat(TextChoices):
    """What an investigation is written down in."""

    JSON = "json", "JSON"
    MARKDOWN = "markdown", "Markdown"
    PDF = "pdf", "PDF"


class ExportState(TextChoices):
    """How far the making of an export has come."""

    PENDING = "pending", "Waiting"
    RUNNING = "running", "Being made"
    DONE = "done", "Ready"
    FAILED = "failed", "Failed"


class DraftKind(TextChoices):
    """What a language model is asked to write."""

    SUMMARY = "summary", "Summary"
    POSTMORTEM = "postmortem", "Post-mortem"


class DraftState(TextChoices):
    """How far a draft of a language model has come. A discarded one holds no words any more."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Being written"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    DISCARDED = "discarded", "Discarded"


class CitedKind(TextChoices):
    """What a sentence of a draft may rest on."""

    EVENT = "event", "Event"
    NOTE = "note", "Note"


class DraftSection(TextChoices):
    """Where a sentence of a draft stands, in the order of the page. A summary has the first alone."""

    SUMMARY = "summary", "Summary"
    IMPACT = "impact", "Impact"
    TIMELINE = "timeline", "Timeline"
    CAUSE = "cause", "Cause"
    REMEDIATION = "remediation", "What ended it"
    LESSONS = "lessons", "Lessons"
