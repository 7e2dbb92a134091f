"""Decisions about pipelines, jobs and deployments at GitLab. No database here."""

from collections.abc import Iterable

from connectors.reading import Part
from connectors.sources.ci_runs import Run, outcome_of
from connectors.sources.gitlab_notice import Notice
from events.drafts import EventDraft


def pipeline(notice: Notice) -> Iterable[EventDraft]:
    """Return a finished pipeline."""
    about = notice.about
    outcome = outcome_of(about.text("status"))
    if outcome is None:
        return ()
    failed = [job.text("name") for job in notice.body.each("builds") if job.text("status") == "failed"]
    run = Run(
        what="build",
        key=f"{notice.project}/pipelines/{about.id('id')}/{about.text('status')}",
        name=about.text("name") or notice.path,
        outcome=outcome,
        at=notice.time("finished_at", "updated_at", "created_at"),
        started=notice.time_or_none("started_at", "created_at"),
        number=str(about.number("iid") or ""),
        service=notice.service,
        environment=notice.config.environment,
        branch=about.text("ref"),
        sha=about.text("sha"),
        repository=notice.path,
        trigger=about.text("source"),
        author=notice.author,
        subject=notice.body["commit"].text("title"),
        url=about.link("url", "web_url"),
        steps=failed,
        raw=about.value,
    )
    return (run.draft(),)


def job(notice: Notice) -> Iterable[EventDraft]:
    """Return a job that failed; those that went well are part of their pipeline."""
    body = notice.body
    outcome = outcome_of(body.text("build_status"))
    if outcome is None or outcome.ending != "failure" or body.flag("build_allow_failure"):
        return ()
    name = body.text("build_name")
    run = Run(
        what=notice.config.kind_of(name, "check"),
        key=f"{notice.project}/jobs/{body.id('build_id')}/{body.text('build_status')}",
        name=name,
        outcome=outcome,
        at=notice.time("build_finished_at", "build_started_at", "build_created_at"),
        started=notice.time_or_none("build_started_at"),
        service=notice.service,
        environment=notice.config.environment,
        branch=body.text("ref"),
        sha=body.text("sha"),
        repository=notice.path,
        author=notice.author,
        detail=body.text("build_failure_reason").replace("_", " "),
        url=_job_url(body),
        more={"stage": body.text("build_stage")},
        raw={name: value for name, value in body.value.items() if name.startswith("build_")},
    )
    return (run.draft(),)


def deployment(notice: Notice) -> Iterable[EventDraft]:
    """Return a deployment that ended."""
    about = notice.about
    outcome = outcome_of(about.text("status"))
    if outcome is None:
        return ()
    place = about["environment"].text("name") or about.text("environment")
    found = about.text("deployment_id") or about["deployment_id"].value or about["id"].value
    run = Run(
        what="deployment",
        key=f"{notice.project}/deployments/{Part({'id': found}).id('id')}/{about.text('status')}",
        name=place or notice.path,
        outcome=outcome,
        at=notice.time("status_changed_at", "finished_at", "updated_at", "created_at"),
        service=notice.service,
        environment=place or notice.config.environment,
        branch=about.text("ref"),
        sha=about.text("sha") or about.text("short_sha"),
        repository=notice.path,
        author=notice.author or about["user"].text("username"),
        subject=about.text("commit_title") or about["deployable"]["commit"].text("title"),
        url=about.link("deployable_url") or about["deployable"].link("web_url"),
        raw=about.value,
    )
    return (run.draft(),)


def _job_url(body: Part) -> str:
    home = body["repository"].link("homepage")
    return f"{home}/-/jobs/{body.id('build_id')}" if home else ""
