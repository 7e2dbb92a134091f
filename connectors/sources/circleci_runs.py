"""Decisions about pipelines, workflows and jobs at CircleCI, by its API and its webhooks. No database here."""

from collections.abc import Iterable
from typing import Any

from connectors.reading import Part
from connectors.sources.ci_config import CIConfig
from connectors.sources.ci_runs import Outcome, Run, branch_of, last_part, outcome_of, repository_of
from events.drafts import EventDraft

# Slugs name the host of the code by its initials in the API, and in full in the addresses of pages.
_HOSTS = {"gh": "github", "bb": "bitbucket"}
_IDS = "circleci/"


def workflow(part: Part, about: Part, config: CIConfig) -> Iterable[EventDraft]:
    """Return a workflow that ended.

    Args:
        about: what it is told with: its pipeline, project and jobs.
    """
    if (outcome := outcome_of(part.text("status"))) is None:
        return ()
    scene = _Scene(part, about, config)
    name, identity = part.text("name"), part.id("id")
    failed = [job.text("name") for job in about.each("jobs") if _failed(job)]
    run = scene.run(
        part,
        outcome,
        what=config.kind_of(name, "build"),
        name=name,
        key=f"workflows/{identity}/{outcome.ending}",
        started=("created_at",),
        number=str(part.number("pipeline_number") or scene.pipeline.number("number") or ""),
        url=part.link("url") or scene.page(identity),
        steps=failed,
    )
    return (run.draft(),)


def job(part: Part, about: Part, config: CIConfig) -> Iterable[EventDraft]:
    """Return a job that ended; an approval is a person's click, no job."""
    if part.text("type") == "approval" or (outcome := outcome_of(part.text("status"))) is None:
        return ()
    scene = _Scene(part, about, config)
    number = str(part.number("number") or part.number("job_number") or "")
    page = about["workflow"].link("url") or scene.page(about["workflow"].text("id"))
    run = scene.run(
        part,
        outcome,
        what=config.kind_of(part.text("name"), "check"),
        name=part.text("name"),
        key=f"jobs/{part.id('id')}/{outcome.ending}",
        started=("started_at", "created_at"),
        number=number,
        url=part.link("web_url") or (f"{page}/jobs/{number}" if page and number else page),
        component=part.text("name"),
        workflow=about["workflow"].text("name"),
    )
    return (run.draft(),)


def pipeline(part: Part, config: CIConfig) -> Iterable[EventDraft]:
    """Return a pipeline that came to nothing because its configuration could not be read."""
    if part.text("state") != "errored":
        return ()
    run = _Scene(part, Part({"pipeline": part.value}), config).run(
        part,
        Outcome("failure", "could not start"),
        what="build",
        key=f"pipelines/{part.id('id')}/errored",
        started=(),
        number=str(part.number("number") or ""),
        name="pipeline",
        detail="; ".join(filter(None, (error.text("message") for error in part.each("errors")))),
    )
    return (run.draft(),)


class _Scene:
    """What a workflow, job or pipeline is about."""

    def __init__(self, part: Part, about: Part, config: CIConfig) -> None:
        self.about, self.config = about, config
        self.pipeline = about["pipeline"]
        self.vcs = self.pipeline["vcs"]
        # Of code that comes by a GitHub App or from GitLab there is no `vcs`.
        given = self.pipeline["trigger_parameters"]
        self.git = Part({**given.mapping("gitlab"), **given.mapping("git")})
        self.slug = part.text("project_slug") or about["project"].text("slug") or self.pipeline.text("project_slug")

    def page(self, workflow: str) -> str:
        """Return the address of a workflow's page, for answers that do not tell it."""
        host, _, rest = self.slug.partition("/")
        number = self.pipeline.number("number")
        if not rest or number is None or not workflow:
            return ""
        return f"https://app.circleci.com/pipelines/{_HOSTS.get(host, host)}/{rest}/{number}/workflows/{workflow}"[:500]

    def run(self, part: Part, outcome: Outcome, *, started: tuple[str, ...], workflow: str = "", **told: Any) -> Run:
        """Return the run that ``part`` tells of.

        Args:
            started: where it may say when it began.
            told: what else is known of the run.
        """
        commit, trigger = self.vcs["commit"], self.pipeline["trigger"]
        author = trigger["actor"].text("login") or commit["author"].text("name") or self._author()
        repository = repository_of(self.vcs.text("target_repository_url") or self.git.text("repo_url"))
        return Run(
            outcome=outcome,
            at=part.time("stopped_at", "started_at", "updated_at", "created_at"),
            started=part.time_or_none(*started),
            service=self.config.service or self._service(repository),
            environment=self.config.environment,
            branch=self.vcs.text("branch")
            or self.vcs.text("tag")
            or branch_of(self.git.text("branch") or self.git.text("tag")),
            sha=self.vcs.text("revision") or self.git.text("checkout_sha"),
            repository=repository,
            trigger=trigger.text("type"),
            author=author,
            subject=commit.text("subject") or self.git.text("commit_message").partition("\n")[0],
            more={"workflow": workflow, "status": part.text("status")},
            raw=part.value,
            **told,
        )

    def _author(self) -> str:
        names = ("author_login", "user_username", "commit_author_name")
        return next(filter(None, map(self.git.text, names)), "")

    def _service(self, repository: str) -> str:
        """Return the name of the code; a project's own name may be any title, and some slugs are made of ids."""
        named = self.git.text("repo_name") or self.about["project"].text("name")
        return last_part(repository) or (named if self.slug.startswith(_IDS) else "") or last_part(self.slug)


def _failed(part: Part) -> bool:
    outcome = outcome_of(part.text("status"))
    return outcome is not None and outcome.ending == "failure"
