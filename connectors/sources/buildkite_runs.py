"""Decisions about builds and jobs at Buildkite, by its API and its webhooks. No database here."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from connectors.reading import Part
from connectors.sources.ci_config import CIConfig
from connectors.sources.ci_runs import Run, branch_of, last_part, outcome_of, repository_of
from events.choices import Severity
from events.drafts import EventDraft

# Waiting, unblocking and triggering is no work of a job's own.
_WORK = frozenset({"script", "command", ""})
_UNFINISHED = frozenset({"", "HEAD"})  # what a build without a commit names


def build(part: Part, pipeline: Part, config: CIConfig) -> Iterable[EventDraft]:
    """Return a build that ended, or stopped at a step that a person must unblock."""
    if (outcome := outcome_of(part.text("state"))) is None or _waits(part):
        return ()
    at = part_time(part, "finished_at")
    name = pipeline.text("name") or pipeline.text("slug") or _pipeline_in(part.text("url"))
    repository = repository_of(pipeline.text("repository"))
    jobs = [job for job in part.each("jobs") if is_failed(job)]
    run = Run(
        what=config.kind_of(name, "build"),
        # A job that is tried again ends a build for a second time.
        key=f"builds/{part.id('id')}/{outcome.ending}/{int(at.timestamp())}",
        name=name,
        outcome=outcome,
        at=at,
        started=_or_none(part, "started_at"),
        number=str(part.number("number") or ""),
        service=config.service or last_part(repository) or pipeline.text("slug") or name,
        environment=config.environment,
        branch=branch_of(part.text("branch")),
        sha=_sha(part),
        repository=repository,
        trigger=part.text("source"),
        author=part["creator"].text("name") or part["author"].text("name"),
        subject=part.text("message").partition("\n")[0],
        detail=part.text("cancel_reason") or ("waits to be unblocked" if part.flag("blocked") else ""),
        url=part.link("web_url"),
        steps=[_name(job) for job in jobs],
        more={"pipeline": pipeline.text("slug"), "state": part.text("state")},
        raw={field: value for field, value in part.value.items() if field not in {"jobs", "env", "pipeline"}},
    )
    return (run.draft(),)


def job(part: Part, about: Part, pipeline: Part, config: CIConfig) -> Iterable[EventDraft]:
    """Return a job that ended.

    Args:
        about: its build.
    """
    outcome = outcome_of(_state(part))
    if outcome is None or part.text("type") not in _WORK:
        return ()
    name = _name(part)
    repository = repository_of(pipeline.text("repository"))
    exit_status = part.number("exit_status")
    draft = Run(
        what=config.kind_of(name, "check"),
        key=f"jobs/{part.id('id')}/{outcome.ending}",
        name=name,
        outcome=outcome,
        at=part_time(part, "finished_at"),
        started=_or_none(part, "started_at"),
        number=str(about.number("number") or ""),
        service=config.service or last_part(repository) or pipeline.text("slug"),
        environment=config.environment,
        component=part.text("step_key") or name,
        branch=branch_of(about.text("branch")),
        sha=_sha(about),
        repository=repository,
        trigger=about.text("source"),
        author=about["creator"].text("name"),
        subject=about.text("message").partition("\n")[0],
        detail=part.text("signal_reason") or (f"exit status {exit_status}" if exit_status else ""),
        url=part.link("web_url", "build_url"),
        more={**_details(part), "pipeline": pipeline.text("slug")},
        raw={field: value for field, value in part.value.items() if field != "agent"},
    ).draft()
    if part.flag("soft_failed"):  # the pipeline says that it may
        draft.severity = Severity.LOW
    return (draft,)


def _waits(part: Part) -> bool:
    """Tell whether a build stopped at a step that a person must unblock, and has not ended."""
    return part.flag("blocked") and not part["finished_at"].value


def is_failed(part: Part) -> bool:
    """Tell whether a job failed, and not softly."""
    outcome = outcome_of(_state(part))
    return outcome is not None and outcome.ending == "failure" and not part.flag("soft_failed")


def part_time(part: Part, *names: str) -> datetime:
    """Return the first time among ``names``; webhooks write ``2026-01-31 12:00:00 UTC``.

    Raises:
        BadRecord: there is none.
    """
    return _or_none(part, *names) or part.time(*names)


def _or_none(part: Part, *names: str) -> datetime | None:
    told = {name: part.text(name, 40).strip().replace(" UTC", "+00:00") for name in names}
    return Part(told).time_or_none(*names)


def _state(part: Part) -> str:
    """Return a job's state; where that is only that it finished, by how it did."""
    state = part.text("state")
    if state != "finished":
        return state
    return "passed" if part.flag("passed") or part.number("exit_status") == 0 else "failed"


def _details(part: Part) -> dict[str, Any]:
    return {
        "command": part.text("command"),
        "agent": part["agent"].text("name"),
        "exit_status": part.number("exit_status"),
        "soft_failed": part.flag("soft_failed") or None,
    }


def _name(part: Part) -> str:
    return part.text("name") or part.text("label") or part.text("step_key") or part.text("command", 100)


def _sha(part: Part) -> str:
    sha = part.text("commit")
    return "" if sha in _UNFINISHED else sha


def _pipeline_in(url: str) -> str:
    """Return the pipeline in an address: ``.../pipelines/shop/builds/1``."""
    return url.partition("/pipelines/")[2].partition("/")[0]
