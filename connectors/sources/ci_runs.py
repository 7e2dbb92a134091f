"""Decisions every CI vendor shares: what a run's outcome is called, and what event it becomes. No database here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.reading import bounded_id, fit
from events.choices import Severity, Source
from events.drafts import MAX_MESSAGE, EventDraft

MAX_STEPS = 50
_SHORT_SHA = 7
_MANY = 16  # digits of a number that JSON can carry


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        ending: success, failure or cancelled: how the event's type ends.
        word: what its title says.
        severity: where it is not what that ending means for this kind of run.
    """

    ending: str
    word: str
    severity: Severity | None = None


_SUCCESS, _FAILURE, _CANCELLED = (
    Outcome("success", "succeeded"),
    Outcome("failure", "failed"),
    Outcome("cancelled", "was cancelled"),
)
_TIMED_OUT = Outcome("failure", "timed out")
# Every vendor's word. One that is not here (running, skipped, on hold, not run, ...) says that nothing happened yet,
# or nothing at all.
_OUTCOMES: dict[str, Outcome] = {
    **dict.fromkeys(("success", "successful", "succeeded", "passed", "pass"), _SUCCESS),
    **dict.fromkeys(("failure", "failed", "fail", "error", "errored"), _FAILURE),
    **dict.fromkeys(("cancelled", "canceled", "cancel", "aborted"), _CANCELLED),
    **dict.fromkeys(("timed_out", "timedout", "timeout", "expired"), _TIMED_OUT),
    "neutral": Outcome("success", "ended neutral"),
    "stale": Outcome("cancelled", "went stale"),
    "startup_failure": Outcome("failure", "failed to start"),
    "infrastructure_fail": Outcome("failure", "was failed by its infrastructure"),
    "terminated_unknown": Outcome("failure", "ended for reasons unknown"),
    "unauthorized": Outcome("failure", "was not authorized"),
    # Jenkins: it was built, and some of its tests failed.
    "unstable": Outcome("failure", "is unstable", Severity.MEDIUM),
}
_SEVERITIES = {
    ("build", "failure"): Severity.HIGH,
    ("check", "failure"): Severity.MEDIUM,
    ("deployment", "failure"): Severity.HIGH,
    ("build", "cancelled"): Severity.LOW,
    ("check", "cancelled"): Severity.LOW,
    ("deployment", "cancelled"): Severity.MEDIUM,
}


def outcome_of(word: str) -> Outcome | None:
    """Return what a vendor's ``word`` for a run's state says of how it ended; nothing while it has not."""
    return _OUTCOMES.get(word.strip().lower().replace("-", "_").replace(" ", "_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that ended: a build, a check (one job or test of it) or a deployment, as any vendor tells of it.

    Attributes:
        what: build, check or deployment.
        key: what identifies this end of it, the same by poll and by webhook.
        steps: the names of those that failed.
        more: what else is worth showing, by name.
    """

    what: str
    key: str
    name: str
    outcome: Outcome
    at: datetime
    started: datetime | None = None
    number: str = ""
    service: str = ""
    environment: str = ""
    component: str = ""
    branch: str = ""
    sha: str = ""
    repository: str = ""
    trigger: str = ""
    author: str = ""
    subject: str = ""
    detail: str = ""
    url: str = ""
    steps: list[str] = field(default_factory=list)
    more: Mapping[str, Any] = field(default_factory=dict)
    raw: Any = None

    def draft(self) -> EventDraft:
        """Return the event that this run is."""
        ending = self.outcome.ending
        deployed = self.what == "deployment" and ending == "success"
        return EventDraft(
            source=Source.CI,
            source_id=bounded_id(self.key),
            timestamp=self.at,
            event_type="deployment" if deployed else f"{self.what}_{ending}",
            title=self._title(),
            severity=self.outcome.severity or _SEVERITIES.get((self.what, ending), Severity.INFO),
            data=self._data(),
            raw_data=self.raw,
            service=fit("service", self.service),
            environment=fit("environment", self.environment),
            component=fit("component", self.component),
            url=self.url,
            message="\n".join(filter(None, (self.subject, self.detail, *self.steps[:MAX_STEPS])))[:MAX_MESSAGE],
        )

    def _title(self) -> str:
        number = f" #{self.number}" if self.number else ""
        where = f" on {self.branch}" if self.branch else f" at {self.sha[:_SHORT_SHA]}" if self.sha else ""
        if self.branch and self.name.endswith(f"/{self.branch}"):  # Jenkins names a job after its branch
            where = ""
        why = self.detail.partition("\n")[0] or ", ".join(self.steps[:3])
        name = self.name or "without a name"
        return f"{self.what.capitalize()} {name}{number} {self.outcome.word}{where}" + (f": {why}" if why else "")

    def _data(self) -> dict[str, Any]:
        started = self.started if self.started and self.started <= self.at else None
        told = {
            "name": self.name,
            "number": int(self.number) if self.number.isdecimal() and len(self.number) < _MANY else self.number,
            "conclusion": self.outcome.ending,
            "branch": self.branch,
            "sha": self.sha,
            "repository": self.repository,
            "trigger": self.trigger,
            "author": self.author,
            "subject": self.subject,
            "detail": self.detail,
            "started_at": started.isoformat() if started else "",
            "finished_at": self.at.isoformat(),
            "duration_seconds": round((self.at - started).total_seconds(), 3) if started else None,
            "failed_steps": self.steps[:MAX_STEPS],
            **self.more,
        }
        return {name: value for name, value in told.items() if value not in (None, "", [], {})}


def repository_of(remote: str) -> str:
    """Return ``owner/name`` from the address of a git remote, also an scp-like one."""
    address = remote.strip().rstrip("/").removesuffix(".git")
    path = (address.partition("://")[2] or address).rpartition("@")[2].replace(":", "/").strip("/")
    return path.partition("/")[2] or path


def last_part(path: str) -> str:
    """Return what follows the last slash of ``path``."""
    return path.rstrip("/").rpartition("/")[2]


def branch_of(ref: str) -> str:
    """Return the branch that a git ``ref`` names, without its remote."""
    for prefix in ("refs/heads/", "refs/remotes/origin/", "refs/remotes/", "origin/"):
        if ref.startswith(prefix):
            return ref.removeprefix(prefix)
    return "" if ref == "detached" else ref
