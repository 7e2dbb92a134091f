"""Decisions about builds and checks at GitHub. No database here."""

from collections.abc import Iterable

from connectors.reading import Part
from connectors.sources.ci_runs import outcome_of
from connectors.sources.github_notice import Notice
from events.choices import Severity, Source
from events.drafts import EventDraft


def workflow_run(notice: Notice) -> Iterable[EventDraft]:
    """Return a finished build."""
    run = notice.body["workflow_run"]
    if notice.action != "completed" or (outcome := outcome_of(run.text("conclusion"))) is None:
        return ()
    ending, word = outcome.ending, outcome.word
    name = run.text("name") or notice.body["workflow"].text("name") or "without a name"
    branch, attempt = run.text("head_branch"), run.number("run_attempt")
    at = run.time("updated_at")
    return (
        notice.draft(
            source=Source.CI,
            key=f"runs/{run.id('id')}/{attempt or int(at.timestamp())}/completed",
            at=at,
            event_type=f"build_{ending}",
            severity={"failure": Severity.HIGH, "cancelled": Severity.LOW}.get(ending, Severity.INFO),
            title=f"Workflow {name} {word}" + (f" on {branch}" if branch else ""),
            url=run.link("html_url"),
            data={
                "workflow": name,
                "branch": branch,
                "sha": run.text("head_sha"),
                "conclusion": run.text("conclusion"),
                "number": run.number("run_number"),
                "attempt": attempt,
                "trigger": run.text("event"),
                "subject": run.text("display_title"),
                "author": run["actor"].text("login") or notice.sender,
                "started_at": run.text("run_started_at", 40),
            },
        ),
    )


def check_run(notice: Notice) -> Iterable[EventDraft]:
    """Return a finished check: one job of a build, or what another system tested."""
    part = notice.body["check_run"]
    if notice.action != "completed":
        return ()
    return _check(
        notice,
        part,
        key=f"check-runs/{part.id('id')}",
        name=part.text("name"),
        outcome=part.text("conclusion"),
        sha=part.text("head_sha"),
        branch=part["check_suite"].text("head_branch"),
        detail=part["output"].text("title"),
        times=("completed_at",),
    )


def commit_status(notice: Notice) -> Iterable[EventDraft]:
    """Return what a system outside GitHub says of a commit, which is a check by its older name."""
    part = notice.body
    return _check(
        notice,
        part,
        key=f"statuses/{part.id('id')}",
        name=part.text("context"),
        outcome=part.text("state"),
        sha=part.text("sha"),
        branch=next((branch.text("name") for branch in part.each("branches")), ""),
        detail=part.text("description"),
        times=("updated_at", "created_at"),
    )


def _check(
    notice: Notice,
    part: Part,
    *,
    key: str,
    name: str,
    outcome: str,
    sha: str,
    branch: str,
    detail: str,
    times: tuple[str, ...],
) -> Iterable[EventDraft]:
    if (ended := outcome_of(outcome)) is None:
        return ()
    ending, word = ended.ending, ended.word
    at = part.time(*times)
    return (
        notice.draft(
            source=Source.CI,
            key=f"{key}/{outcome}/{int(at.timestamp())}",
            at=at,
            event_type=f"check_{ending}",
            severity={"failure": Severity.MEDIUM, "cancelled": Severity.LOW}.get(ending, Severity.INFO),
            title=f"Check {name} {word}" + (f" on {branch}" if branch else "") + (f": {detail}" if detail else ""),
            url=part.link("html_url", "details_url", "target_url"),
            data={"check": name, "conclusion": outcome, "sha": sha, "branch": branch, "detail": detail},
        ),
    )
