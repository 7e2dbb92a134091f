"""Source: Jenkins, by its API and by the webhooks of its Notification plugin."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from connectors.base import Call, Cursor, Envelope, Gap, Page, Push, Record, option, parsed
from connectors.credentials import key_of, require_secret
from connectors.errors import BadRecord, Refused
from connectors.http import Endpoint, OverHTTP
from connectors.logins import basic
from connectors.reading import Part
from connectors.sources import jenkins_runs
from connectors.sources.ci_config import CIConfig
from events.drafts import EventDraft

PAGE, MOST = 100, 1_000
HISTORY = timedelta(days=1)
_DEPTH = 8  # of folders in one another
_JOB = "_class,fullName,lastBuild[number]"


@dataclass(frozen=True, kw_only=True)
class JenkinsConfig(CIConfig):
    """What the owner sets."""

    url: str = option("Address of Jenkins, such as https://jenkins.example; empty: it is not polled.", default="")
    user: str = option("The user whose API token is given.", default="")
    jobs: list[str] = option("Full names of jobs or folders to read, such as shop/main; none: all.", default=[])

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        found = super().wrong()
        if self.token and not self.user:
            found["user"] = "Name the user whose token this is."
        return found


class Jenkins(OverHTTP[JenkinsConfig], Push[JenkinsConfig]):
    """Reads the builds of all jobs, in folders and multibranch projects too; a build counts once it has ended.

    Of a failed pipeline the stages that failed are read too (plugin Pipeline: Stage View). The Notification plugin can
    tell of builds at once: enter the webhook's address with the secret in it (https://hook:SECRET@host/hooks/name),
    format JSON, event "Job Finalized".
    """

    kind, label, Config = "jenkins", "Jenkins", JenkinsConfig
    polled_with, pushed_with = "token", "secret"

    def endpoint(self) -> Endpoint:
        """Return where Jenkins is; an API token needs no crumb."""
        headers = basic(self.config.user, self.config.token)
        return Endpoint(
            url=self.config.url.rstrip("/"), headers=headers, requests_per_second=self.config.requests_per_second
        )

    def check(self) -> None:
        """Ask for the name of Jenkins' own node, and for each job that is to be read."""
        for root in self.config.jobs or [""]:
            self.http.get(f"{_path(root)}/api/json", params={"tree": "_class"})

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield the builds of each job that are new or have ended. The cursor is {jobs: {name: {last, open}}}."""
        known = cursor.get("jobs", {})
        jobs = self._jobs()
        state = {name: known[name] for name in jobs if name in known}
        for name, (newest, project) in jobs.items():
            job = known.get(name, {"last": 0, "open": []})
            if newest < job["last"]:  # it was made anew, and counts from one again
                job = {"last": 0, "open": []}
            if newest == job["last"] and not job["open"]:
                continue
            again = (self._told(f"{_path(name)}/{number}", jenkins_runs.FIELDS) for number in job["open"])
            more, gaps = self._since(name, job["last"]) if newest > job["last"] else ([], ())
            builds = [part for part in (*again, *more) if part.number("number") is not None]
            unended = [part for part in builds if jenkins_runs.is_open(part, self.now)]
            last = max(newest, job["last"], *(part.number("number") or 0 for part in builds))
            state[name] = {"last": last, "open": [part.number("number") for part in unended]}
            records = [self._record(name, project, part) for part in builds if part not in unended]
            yield Page(records, {"jobs": dict(state)}, ignored=len(builds) - len(records), gaps=gaps)

    def _jobs(self) -> dict[str, tuple[int, str]]:
        """Return each job's newest build, 0 where it has none, and the project whose branch the job is."""
        tree = _JOB
        for _ in range(_DEPTH):
            tree = f"{_JOB},jobs[{tree}]"
        found: dict[str, tuple[int, str]] = {}
        for root in self.config.jobs or [""]:
            waiting = [(Part(self.http.get(f"{_path(root)}/api/json", params={"tree": tree}).json()), "")]
            while waiting:
                part, project = waiting.pop()
                name = part.text("fullName")
                branched = name if part.text("_class").endswith("MultiBranchProject") else ""
                waiting += [(inner, branched) for inner in reversed(part.each("jobs"))]
                if name and "lastBuild" in part.value:
                    found[name] = part["lastBuild"].number("number") or 0, project
        return found

    def _since(self, name: str, last: int) -> tuple[list[Part], tuple[Gap, ...]]:
        """Return the builds after number ``last``, oldest first; of a job not seen before, those of the last day."""
        found: list[Part] = []
        for start in range(0, MOST, PAGE):
            told = self._told(_path(name), f"allBuilds[{jenkins_runs.FIELDS}]{{{start},{start + PAGE}}}")
            fresh = [part for part in told.each("allBuilds") if self._is_new(part, last)]
            found += fresh
            if len(fresh) < PAGE:
                return found[::-1], ()
        oldest = found[-1].time_or_none("timestamp", per_second=1_000) or self.now
        return found[::-1], (Gap(oldest - HISTORY, oldest, f"Only the newest {MOST} builds of {name} were read."),)

    def _told(self, path: str, tree: str) -> Part:
        """Return what Jenkins says of a job or build; nothing when it was deleted meanwhile."""
        try:
            return Part(self.http.get(f"{path}/api/json", params={"tree": tree}).json())
        except Refused as refusal:
            if refusal.answered != 404:
                raise
            return Part(None)

    def _is_new(self, part: Part, last: int) -> bool:
        if last:
            return (part.number("number") or 0) > last
        began = part.time_or_none("timestamp", per_second=1_000)
        return began is None or began >= self.now - HISTORY or jenkins_runs.is_open(part, self.now)

    def _record(self, name: str, project: str, part: Part) -> Record:
        number = part.number("number")
        more: dict[str, Any] = {"project": project}
        if part.text("result") == "FAILURE":
            more["stages"] = self._stages(f"{_path(name)}/{number}")
        return Record.of(f"{name}#{number}", "build", {**part.value, **more})

    def _stages(self, path: str) -> list[Any]:
        """Return the stages of a pipeline's build; none where it is another kind of job."""
        try:
            stages = Part(self.http.get(f"{path}/wfapi/describe").json()).each("stages")
        except Refused:
            return []
        return [stage.value for stage in stages]

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the password that the webhook's address carries; a build's phase is told once."""
        require_secret(headers, self.config.secret)
        try:
            build = Part(parsed(body))["build"]
        except BadRecord:
            build = Part(None)
        told = [build.text("full_url") or build.text("url"), str(build.number("number")), build.text("phase")]
        named = "\n".join(told).encode() if build.value else body
        return Envelope(key_of(named), "notification")

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield the one notification in a delivery."""
        yield "notification", parsed(call.body)

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the build in the record, when it has ended."""
        if not isinstance(record.value, dict):
            raise BadRecord("This is not a JSON object.")
        part = Part(record.value)
        if isinstance(part["build"].value, dict):
            return jenkins_runs.notification(part, self.config, now=self.now)
        return jenkins_runs.build(part, self.config)


def _path(name: str) -> str:
    return "".join(f"/job/{quote(part, safe='')}" for part in name.split("/")) if name else ""
