"""Decisions about builds at Jenkins, as its API and its Notification plugin tell of them. No database here."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import unquote, urlsplit

from connectors.reading import Part
from connectors.sources.ci_config import CIConfig
from connectors.sources.ci_runs import Outcome, Run, branch_of, last_part, outcome_of, repository_of
from events.drafts import EventDraft

# What `Jenkins.read` asks of each build; `stages` and `project` are added to it.
FIELDS = (
    "number,url,timestamp,duration,result,building,fullDisplayName,description,"
    "actions[_class,causes[shortDescription,userId,userName],lastBuiltRevision[SHA1,branch[name]],remoteUrls,"
    "failCount,skipCount,totalCount],"
    "changeSet[items[commitId,msg,author[fullName]]],changeSets[items[commitId,msg,author[fullName]]],"
    "culprits[fullName]"
)
_ENDED = frozenset({"COMPLETED", "FINALIZED", "FINISHED"})  # the last one is what old versions say


def build(part: Part, config: CIConfig) -> Iterable[EventDraft]:
    """Return a build, as the API tells of it, once it has ended."""
    outcome = outcome_of(part.text("result"))
    if outcome is None or part.flag("building"):
        return ()
    path, number = _place(part)
    started = part.time("timestamp", per_second=1_000)
    checkout = next((action for action in part.each("actions") if action["lastBuiltRevision"].value), Part({}))
    revision = checkout["lastBuiltRevision"]
    branch = next((branch_of(branch.text("name")) for branch in revision.each("branch")), "")
    causes = [cause for action in part.each("actions") for cause in action.each("causes")]
    changes = [item for name in ("changeSet", "changeSets") for item in _items(part, name)]
    repository = repository_of(next(iter(checkout.texts("remoteUrls", 1)), ""))
    run = Run(
        what=config.kind_of(path, "build"),
        key=_key(path, number, outcome),
        name=path,
        outcome=outcome,
        at=_after(started, part.real("duration") or 0),
        started=started,
        number=number,
        service=config.service or last_part(repository) or last_part(part.text("project")) or _project(path, branch),
        environment=config.environment,
        branch=branch,
        sha=revision.text("SHA1"),
        repository=repository,
        trigger=next((cause.text("shortDescription") for cause in causes), ""),
        author=_author(causes, changes),
        subject=next((item.text("msg") for item in changes), "") or part.text("description"),
        url=part.link("url"),
        steps=[stage.text("name") for stage in part.each("stages") if _failed(stage.text("status"))],
        more=_tests(_report(part), total="totalCount", failed="failCount", skipped="skipCount"),
        raw=part.value,
    )
    return (run.draft(),)


def notification(part: Part, config: CIConfig, *, now: datetime) -> Iterable[EventDraft]:
    """Return a build, as the Notification plugin tells of it, once it has ended; old versions do not say when."""
    told = part["build"]
    outcome = outcome_of(told.text("status"))
    if outcome is None or told.text("phase") not in _ENDED:
        return ()
    path, number = _place(Part({**told.value, "url": told.text("full_url") or told.text("url")}, "build"))
    at = told.time_or_none("timestamp", per_second=1_000) or now
    scm, tests = told["scm"], told["testSummary"]
    duration = told.real("duration")
    repository, branch = repository_of(scm.text("url")), branch_of(scm.text("branch"))
    run = Run(
        what=config.kind_of(path, "build"),
        key=_key(path, number, outcome),
        name=path,
        outcome=outcome,
        at=at,
        started=_after(at, -duration) if duration else None,
        number=number,
        service=config.service or last_part(repository) or _project(path, branch),
        environment=config.environment,
        branch=branch,
        sha=scm.text("commit"),
        repository=repository,
        author=next(iter(scm.texts("culprits", 1)), ""),
        subject=told.text("notes"),
        url=told.link("full_url"),
        steps=tests.texts("failedTests", 50),
        more=_tests(tests, total="total", failed="failed", skipped="skipped"),
        raw=part.value,
    )
    return (run.draft(),)


def _project(path: str, branch: str) -> str:
    """Return the name of a job, or of the multibranch project that has it for a branch."""
    return last_part(path.removesuffix(f"/{branch}") if branch else path)


def _key(path: str, number: str, outcome: Outcome) -> str:
    """Return what names a build's end: its job, and not Jenkins' address, which a proxy or a view may change."""
    return f"{path}/{number}/{outcome.ending}"


def _place(part: Part) -> tuple[str, str]:
    """Return the full name of a build's job, and its number; by its address, or by its name where it has none.

    Raises:
        BadRecord: neither says.
    """
    number = part.id("number")
    if path := job_path(part.text("url")):
        return path, number
    shown = part.text("fullDisplayName").rpartition(" #")[0] or part.id("fullDisplayName")
    return shown.replace(" » ", "/"), number


def job_path(url: str) -> str:
    """Return the full name of the job in an address: ``.../job/shop/job/main/12/`` is of ``shop/main``."""
    try:
        parts = urlsplit(url).path.split("/")
    except ValueError:  # no address at all
        return ""
    return "/".join(unquote(name) for word, name in pairwise(parts) if word == "job")


def _after(moment: datetime, milliseconds: float) -> datetime:
    try:
        return moment + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return moment


def _items(part: Part, name: str) -> list[Part]:
    """Return the changes of a build: freestyle jobs have one set of them, pipelines a list."""
    sets = part.each(name) or [part[name]]
    return [item for changes in sets for item in changes.each("items")]


def _author(causes: list[Part], changes: list[Part]) -> str:
    people = (cause.text("userName") or cause.text("userId") for cause in causes)
    return next(filter(None, people), "") or next((item["author"].text("fullName") for item in changes), "")


def _failed(status: str) -> bool:
    outcome = outcome_of(status)
    return outcome is not None and outcome.ending == "failure"


def _report(part: Part) -> Part:
    """Return the action of the test report, which counts the tests."""
    reports = (action for action in part.each("actions") if action.number("totalCount") is not None)
    return next(reports, Part({}))


def _tests(report: Part, **names: str) -> dict[str, dict[str, int]]:
    """Return how many tests ran, by what ``report`` calls that; nothing where none did."""
    counted = {name: report.number(field) or 0 for name, field in names.items()}
    return {"tests": counted} if counted["total"] else {}


def is_open(part: Part, now: datetime) -> bool:
    """Tell whether a build goes on: one that began over a week ago is given up."""
    begun = part.time_or_none("timestamp", per_second=1_000) or datetime.min.replace(tzinfo=UTC)
    return (part.flag("building") or part["result"].value is None) and now - begun < timedelta(days=7)
