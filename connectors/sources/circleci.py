"""Source: CircleCI, by its API and its webhooks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.base import Call, Cursor, Envelope, Page, Push, Record, option, parsed
from connectors.credentials import key_of
from connectors.errors import BadRecord, Misconfigured, Refused
from connectors.http import Endpoint, OverHTTP
from connectors.reading import Part
from connectors.signing import hmac_hex, require_one
from connectors.sources import circleci_runs
from connectors.sources.ci_config import CIConfig
from events.drafts import EventDraft

HISTORY, PATIENCE = timedelta(days=1), timedelta(days=7)
PAGES = 200
_API = "/api/v2"
_GOING = frozenset({"running", "failing", "on_hold", "not_run", ""})


@dataclass(frozen=True, kw_only=True)
class CircleCIConfig(CIConfig):
    """What the owner sets."""

    url: str = option("Address of CircleCI, or of a CircleCI server.", default="https://circleci.com")
    projects: list[str] = option("Slugs of the projects to poll, such as gh/acme/shop.", default=[])

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        found = super().wrong()
        if self.token and not self.projects:
            found["projects"] = "Name the projects to poll."
        return found


class CircleCI(OverHTTP[CircleCIConfig], Push[CircleCIConfig]):
    """Reads workflows and jobs that ended, and pipelines whose configuration could not be read.

    A workflow that is run again in a pipeline of the past is told of by webhook alone.
    """

    kind, label, Config = "circleci", "CircleCI", CircleCIConfig
    polled_with, pushed_with = "token", "secret"

    def endpoint(self) -> Endpoint:
        """Return where CircleCI is."""
        return Endpoint(
            url=self.config.url.rstrip("/"),
            headers={"Circle-Token": self.config.token},
            requests_per_second=self.config.requests_per_second,
        )

    def check(self) -> None:
        """Ask for each project."""
        for slug in self.config.projects:
            self.http.get(f"{_API}/project/{quote(slug)}")

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield what ended, pipeline by pipeline. The cursor is {projects: {slug: {until, open: {id: since}}}}."""
        state: dict[str, Any] = {
            slug: cursor.get("projects", {}).get(slug, {"until": "", "open": {}}) for slug in self.config.projects
        }
        for slug, known in list(state.items()):
            until = datetime.fromisoformat(known["until"]) if known["until"] else self.now - HISTORY
            waiting = dict(known["open"])
            fresh = [part for part in self._pipelines(slug, until) if part.text("id") not in waiting]
            for identity, part in [*self._again(known["open"]), *((part.text("id"), part) for part in fresh)]:
                records, going = self._outcomes(slug, identity, part)
                waiting.pop(identity, None)
                if going:
                    waiting[identity] = part.text("created_at")
                until = max(until, part.time_or_none("created_at") or until)
                state[slug] = {"until": until.isoformat(), "open": dict(waiting)}
                yield Page(records, {"projects": dict(state)})

    def _pipelines(self, slug: str, until: datetime) -> list[Part]:
        """Return the pipelines made after ``until``, oldest first; CircleCI tells of the newest first."""
        found: list[Part] = []
        for part in self._items(f"{_API}/project/{quote(slug)}/pipeline"):
            made = part.time_or_none("created_at")
            if made and made <= until:
                break
            if made and part.text("id"):
                found.append(part)
        return found[::-1]

    def _again(self, waiting: Iterable[str]) -> Iterator[tuple[str, Part]]:
        """Yield what is said now of pipelines that went on when they were last read: nothing of one that is gone."""
        for identity in waiting:
            try:
                yield identity, Part(self.http.get(f"{_API}/pipeline/{quote(identity)}").json())
            except Refused as refusal:
                if refusal.answered != 404:
                    raise
                yield identity, Part(None)

    def _outcomes(self, slug: str, identity: str, pipeline: Part) -> tuple[list[Record], bool]:
        """Return what ended in a pipeline, and whether more is to come."""
        if not pipeline.value:
            return [], False
        about = {"pipeline": pipeline.value, "project": {"slug": slug}}
        if pipeline.text("state") == "errored":
            return [Record.of(f"pipeline/{identity}", "pipeline", pipeline.value)], False
        records, going = list[Record](), False
        young = (pipeline.time_or_none("created_at") or self.now - PATIENCE) > self.now - PATIENCE
        workflows = list(self._items(f"{_API}/pipeline/{quote(identity)}/workflow"))
        for workflow in workflows:
            if workflow.text("status") in _GOING:
                going = young
                continue
            jobs = [job.value for job in self._items(f"{_API}/workflow/{quote(workflow.text('id'))}/job")]
            told = {**about, "workflow": workflow.value, "jobs": jobs}
            records.append(Record.of(f"workflow/{workflow.text('id')}", "workflow-completed", told))
            for job in jobs:
                named = {"id": workflow.text("id"), "name": workflow.text("name")}
                told = {**about, "workflow": named, "job": job}
                records.append(Record.of(f"job/{Part(job).text('id')}", "job-completed", told))
        return records, going or (not workflows and young)

    def _items(self, path: str) -> Iterator[Part]:
        params: dict[str, str] = {}
        for _ in range(PAGES):
            answer = Part(self.http.get(path, params=params).json())
            yield from answer.each("items")
            if not (token := answer.text("next_page_token")):
                return
            params = {"page-token": token}

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the newest version of the signature, v1; a delivery that is sent again has the same id.

        Raises:
            Forged: the signature is missing or not of this body and secret.
        """
        if not self.config.secret:
            raise Misconfigured("This connector has no secret, so it takes no deliveries.")
        signatures = [one.strip() for one in headers.get("circleci-signature", "").split(",")]
        require_one(signatures, "v1=" + hmac_hex(self.config.secret, body), header="circleci-signature")
        try:
            told = Part(parsed(body))
        except BadRecord:
            told = Part(None)
        return Envelope(key_of(told.text("id").encode() or body), _KINDS.get(told.text("type"), "other"))

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield the one event in a delivery."""
        body = parsed(call.body)
        yield Part(body).text("type", 50), body

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the workflow, job or pipeline in the record, when it has ended."""
        if not isinstance(record.value, dict):
            raise BadRecord("This is not a JSON object.")
        body = Part(record.value)
        if record.kind == "job-completed":
            return circleci_runs.job(body["job"], body, self.config)
        if record.kind == "workflow-completed":
            return circleci_runs.workflow(body["workflow"], body, self.config)
        return circleci_runs.pipeline(body, self.config) if record.kind == "pipeline" else ()


_KINDS = {name: name for name in ("workflow-completed", "job-completed", "ping")}
