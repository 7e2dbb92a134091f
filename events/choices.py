"""Facts: the closed sets of values an event may take."""

from django.db.models import TextChoices


class Source(TextChoices):
    """Which kind of system an event comes from."""

    GIT = "git", "Git"
    CI = "ci", "CI"
    LOGS = "logs", "Logs"
    METRICS = "metrics", "Metrics"
    TRACES = "traces", "Traces"
    ALERTS = "alerts", "Alerts"
    MANUAL = "manual", "Manual"


class Severity(TextChoices):
    """How bad an event is by itself, worst first."""

    CRITICAL = "critical", "Critical"
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"
    INFO = "info", "Info"


class OriginKind(TextChoices):
    """Who said so."""

    CONNECTOR = "connector", "Connector"
    API = "api", "API client"
    PERSON = "person", "Person"
    IMPORT = "import", "Imported document"
