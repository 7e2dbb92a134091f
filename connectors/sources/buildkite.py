"""Source: Buildkite, by its API and its webhooks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.base import Call, Cursor, Envelope, Gap, Page, Push, Record, option, parsed
from connectors.credentials import key_of, require_fresh, require_secret
from connectors.errors import BadRecord, Misconfigured, Refused
from connectors.http import Answer, Endpoint, OverHTTP
from connectors.logins import bearer
from connectors.reading import Part
from connectors.signing import hmac_hex, require_one
from connectors.sources import buildkite_runs
from connectors.sources.ci_config import CIConfig
from events.drafts import EventDraft

HISTORY, OVERLAP = timedelta(days=1), timedelta(minutes=2)
_EVENTS = frozenset({"ping", "build.finished", "job.finished"})


@dataclass(frozen=True, kw_only=True)
class BuildkiteConfig(CIConfig):
    """What the owner sets."""

    url: str = option("Address of Buildkite's API.", default="https://api.buildkite.com")
    organization: str = option("Slug of the organization to poll.", default="")
    # Buildkite allows a user 50 requests a minute.
    requests_per_second: int = option("Requests a second at most, by all workers together.", default=1, at_least=1)

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        found = super().wrong()
        if self.token and not self.organization:
            found["organization"] = "Name the organization to poll."
        return found


class Buildkite(OverHTTP[BuildkiteConfig], Push[BuildkiteConfig]):
    """Reads builds that ended, and the jobs that failed in them; its webhooks tell of every job that ended.

    Choose the events build.finished and job.finished, and either a token or a signature as proof.
    """

    kind, label, Config = "buildkite", "Buildkite", BuildkiteConfig
    polled_with, pushed_with = "token", "secret"

    def endpoint(self) -> Endpoint:
        """Return where Buildkite is."""
        return Endpoint(
            url=self.config.url.rstrip("/"),
            headers=bearer(self.config.token),
            requests_per_second=self.config.requests_per_second,
        )

    def check(self) -> None:
        """Ask for one build."""
        self.http.get(self._builds, params={"per_page": 1, "exclude_jobs": "true"})

    @property
    def _builds(self) -> str:
        return f"/v2/organizations/{quote(self.config.organization, safe='')}/builds"

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield the builds that finished, whenever they were made. The cursor is {until: ISO 8601}, moved at the end.

        Buildkite tells of the newest first, and refuses to tell of very many: what is missing is a gap.
        """
        told = cursor.get("until")
        since = datetime.fromisoformat(told) - OVERLAP if told else self.now - HISTORY
        gaps: tuple[Gap, ...] = ()
        begun = False
        try:
            for answer in self._pages(since):
                begun = True
                yield Page([record for part in _list(answer) for record in self._records(part)], cursor)
        except Refused as refusal:
            if not begun or refusal.answered not in {400, 422}:  # how it refuses to page on
                raise
            gaps = (Gap(since, self.now, f"Buildkite told of no more builds: {refusal.said}"),)
        yield Page([], {"until": self.now.isoformat()}, gaps=gaps)

    def _pages(self, since: datetime) -> Iterator[Answer]:
        asked = {"finished_from": since.isoformat(), "exclude_jobs": "true", "per_page": 100}
        return self.http.pages(self._builds, params=asked)

    def _records(self, part: Part) -> Iterator[Record]:
        """Yield a build; of one that failed, with its jobs, and each job that failed."""
        whole = self._whole(part) if part.text("state") == "failed" else part
        build = whole.value
        yield Record.of(f"build/{part.text('id')}", "build", build)
        about = {name: value for name, value in build.items() if name != "jobs"}
        for job in whole.each("jobs"):
            if buildkite_runs.is_failed(job):
                told = {"job": job.value, "build": about, "pipeline": whole["pipeline"].value}
                yield Record.of(f"job/{job.text('id')}", "job.finished", told)

    def _whole(self, part: Part) -> Part:
        pipeline, number = part["pipeline"].text("slug"), part.number("number")
        if not pipeline or number is None:
            return part
        organization = self._builds.removesuffix("/builds")
        try:
            answer = self.http.get(f"{organization}/pipelines/{quote(pipeline, safe='')}/builds/{number}")
        except Refused as refusal:
            if refusal.answered != 404:
                raise
            return part
        found = Part(answer.json())
        return found if isinstance(found.value, dict) else part

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the signature, or the token where there is none; Buildkite names no delivery, so equal bodies are one.

        Raises:
            Forged: it is missing or wrong, or it was signed over five minutes ago.
        """
        if not self.config.secret:
            raise Misconfigured("This connector has no secret, so it takes no deliveries.")
        if signature := headers.get("x-buildkite-signature", ""):
            pairs = (pair.strip().partition("=") for pair in signature.split(","))
            given = {name: value for name, _, value in pairs}
            stamp = given.get("timestamp", "")
            expected = hmac_hex(self.config.secret, stamp.encode(errors="replace") + b"." + body)
            require_one([given.get("signature", "")], expected, header="X-Buildkite-Signature")
            require_fresh(stamp, self.now, header="X-Buildkite-Signature")
        else:
            require_secret(headers, self.config.secret, header="X-Buildkite-Token")
        event = headers.get("x-buildkite-event", "")
        return Envelope(key_of(body), event if event in _EVENTS else "other")

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield the one event in a delivery."""
        body = parsed(call.body)
        yield Part(body).text("event", 50) or call.event, body

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the build or job in the record, when it has ended."""
        if not isinstance(record.value, dict):
            raise BadRecord("This is not a JSON object.")
        body = Part(record.value)
        if record.kind == "build":
            return buildkite_runs.build(body, body["pipeline"], self.config)
        if record.kind == "build.finished":
            return buildkite_runs.build(body["build"], body["pipeline"], self.config)
        if record.kind == "job.finished":
            return buildkite_runs.job(body["job"], body["build"], body["pipeline"], self.config)
        return ()


def _list(answer: Answer) -> list[Part]:
    builds = answer.json()
    return [Part(build) for build in builds if isinstance(build, dict)] if isinstance(builds, list) else []
