"""Decisions about deployments GitHub knows of. No database here."""

from collections.abc import Iterable
from datetime import datetime

from connectors.sources.github_notice import Notice
from events.choices import Severity, Source
from events.drafts import LIMITS, EventDraft

# A state that is not here (queued, in_progress, ...) changes nothing yet.
_DEPLOYED = {
    "success": ("deployment", "succeeded", Severity.INFO),
    "failure": ("deployment_failure", "failed", Severity.HIGH),
    "error": ("deployment_failure", "failed", Severity.HIGH),
    "inactive": ("deployment_inactive", "was superseded", Severity.INFO),
}


def deployment(notice: Notice) -> Iterable[EventDraft]:
    """Return the start of a deployment."""
    part = notice.body["deployment"]
    return (
        _deployment(
            notice,
            key=f"deployments/{part.id('id')}",
            at=part.time("created_at"),
            event_type="deployment",
            word="started",
            url=notice.body["workflow_run"].link("html_url"),
        ),
    )


def deployment_status(notice: Notice) -> Iterable[EventDraft]:
    """Return how a deployment ended, or that a later one took its place."""
    part = notice.body["deployment_status"]
    if (outcome := _DEPLOYED.get(part.text("state"))) is None:
        return ()
    event_type, word, severity = outcome
    return (
        _deployment(
            notice,
            key=f"deployment_statuses/{part.id('id')}",
            at=part.time("created_at", "updated_at"),
            event_type=event_type,
            word=word,
            severity=severity,
            environment=part.text("environment"),
            url=part.link("log_url", "target_url", "environment_url"),
            detail=part.text("description"),
        ),
    )


def _deployment(
    notice: Notice,
    *,
    key: str,
    at: datetime,
    event_type: str,
    word: str,
    url: str,
    severity: Severity = Severity.INFO,
    environment: str = "",
    detail: str = "",
) -> EventDraft:
    part = notice.body["deployment"]
    ref, sha = part.text("ref"), part.text("sha")
    environment = environment or part.text("environment")
    version = sha[:7] if ref == sha else ref
    # Of several services in one repository, the payload that the deployer made can name the one.
    service = part["payload"].text("service", LIMITS["service"]) or notice.service_of(notice.repository)
    target = f" to {environment}" if environment else ""
    return notice.draft(
        source=Source.CI,
        key=key,
        at=at,
        event_type=event_type,
        severity=severity,
        title=f"Deployment of {service} ({version}){target} {word}" + (f": {detail}" if detail else ""),
        service=service,
        environment=environment,
        url=url,
        message=part.text("description"),
        data={
            "deployment": part.number("id"),
            "state": word,
            "ref": ref,
            "sha": sha,
            "task": part.text("task"),
            "description": detail or part.text("description"),
            "author": part["creator"].text("login") or notice.sender,
        },
    )
