"""Decisions about the words of alerts: how bad, in which state, and what they are about. No database here."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from connectors.reading import fit
from events.choices import Severity
from events.drafts import MAX_TAG

FIRING, RESOLVED, ACKNOWLEDGED = "firing", "resolved", "acknowledged"

_SEVERITIES = {
    Severity.CRITICAL: "critical crit fatal emergency emerg disaster page pager panic blocker p0 p1 sev0 sev1 s1",
    Severity.HIGH: "high error err major alert severe urgent important failed failure p2 sev2 s2",
    Severity.MEDIUM: "medium warning warn moderate average degraded p3 sev3 s3",
    Severity.LOW: "low minor notice p4 sev4 s4",
    Severity.INFO: "info information informational ok okay none debug trace normal clear cleared good success "
    "trivial verbose unclassified p5 sev5 s5 up",
}
_SEVERITY_OF = {word: severity for severity, words in _SEVERITIES.items() for word in words.split()}

_STATES = {
    FIRING: "firing fired open opened alert alerting alarm active activated trigger triggered down problem critical "
    "failing failed failure fail error new start started create created raised warning warn breached unhealthy "
    "offline reopened degraded nodata anomalous",
    RESOLVED: "resolved resolve ok okay close closed clear cleared recovery recovered recover up healthy normal "
    "inactive deactivated end ended success succeeded passed passing online fixed done solved good",
    ACKNOWLEDGED: "acknowledged acknowledge ack acked",
}
_STATE_OF = {word: state for state, words in _STATES.items() for word in words.split()}
_WORD = re.compile(r"[A-Z]?[a-z]+\d*|[A-Z]+\d*(?![a-z])|\d+")

SERVICE = (
    "service service_name servicename app application app_kubernetes_io_name k8s_app deployment job namespace"
).split()
COMPONENT = "component container pod instance host hostname node device".split()
ENVIRONMENT = "environment env deployment_environment deployment_environment_name stage cluster".split()


def words(text: str) -> list[str]:
    """Return the words of ``text``, also of ``camelCase`` and ``snake_case``, in lower case."""
    return [word.lower() for word in _WORD.findall(text[:200])]


def severity_in(text: str) -> Severity | None:
    """Return how bad ``text`` says it is, or nothing: a level, a priority such as P2, or words with one in them."""
    return next((_SEVERITY_OF[word] for word in words(text) if word in _SEVERITY_OF), None)


def state_in(text: str) -> str:
    """Return the state that ``text`` names, or nothing; the last word decides (``DOWN -> UP``, ``ALERT_RECOVERY``)."""
    return next((_STATE_OF[word] for word in reversed(words(text)) if word in _STATE_OF), "")


def weigh(state: str, severity: Severity | None) -> Severity:
    """Return how bad the event is by itself: what is over is not bad, and what says nothing is neither good nor bad."""
    if state == RESOLVED:
        return Severity.INFO
    return Severity.MEDIUM if severity is None else severity


class Place(NamedTuple):
    """What an alert is about."""

    service: str
    component: str
    environment: str


def place_of(labels: Mapping[str, str], *, service: str = "", environment: str = "") -> Place:
    """Return what ``labels`` say an alert is about; ``service`` and ``environment`` where they say nothing."""
    plain = {re.sub(r"[^a-z0-9]+", "_", name.lower()): value for name, value in labels.items()}
    named = Place(*(_first(plain, names) for names in (SERVICE, COMPONENT, ENVIRONMENT)))
    return Place(
        fit("service", named.service or service),
        fit("component", named.component),
        fit("environment", named.environment or environment),
    )


def severity_of(labels: Mapping[str, str]) -> Severity | None:
    """Return how bad ``labels`` say it is, or nothing."""
    plain = {name.lower(): value for name, value in labels.items()}
    found = (severity_in(plain.get(name, "")) for name in ("severity", "priority", "level", "urgency"))
    return next((severity for severity in found if severity), None)


def tags_of(texts: Iterable[str]) -> list[str]:
    """Return ``texts`` as an event carries them."""
    return [text[:MAX_TAG] for text in texts if text][:20]


def _first(labels: Mapping[str, str], names: Iterable[str]) -> str:
    return next((value for name in names if (value := labels.get(name, "").strip())), "")
