"""Source: GitLab, by the webhooks of a project or group, by its API, or both."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.base import Call, Envelope, Push, Record, option, parsed
from connectors.credentials import key_of, require_secret
from connectors.errors import BadRecord
from connectors.http import Endpoint, Limit, OverHTTP
from connectors.reading import Part
from connectors.sources import gitlab_ci, gitlab_code
from connectors.sources.ci_config import CIConfig
from connectors.sources.gitlab_notice import Notice
from connectors.standardwebhooks import PREFIX, standard_webhook
from connectors.windows import Overfull, Windowed
from events.drafts import EventDraft

# GitLab serves no more pages than this of a list by number; a window with more is halved.
PAGES, PER_PAGE = 50, 100
# What is polled: the list, what its items are called by a webhook, and how a window of time is asked for.
_LISTS = (
    ("pipelines", "pipeline", "updated"),
    ("deployments", "deployment", "updated"),
    ("merge_requests", "merge_request", "updated"),
    ("repository/commits", "commit", ""),
)
_DECODERS: dict[str, Callable[[Notice], Iterable[EventDraft]]] = {
    "push": gitlab_code.push,
    "tag_push": gitlab_code.push,
    "commit": gitlab_code.commit,
    "merge_request": gitlab_code.merge_request,
    "release": gitlab_code.release,
    "issue": gitlab_code.issue,
    "incident": gitlab_code.issue,
    "pipeline": gitlab_ci.pipeline,
    "build": gitlab_ci.job,
    "job": gitlab_ci.job,
    "deployment": gitlab_ci.deployment,
}


@dataclass(frozen=True, kw_only=True)
class GitLabConfig(CIConfig):
    """What the owner sets."""

    url: str = option("Address of GitLab.", default="https://gitlab.com")
    projects: list[str] = option("Projects to poll: group/name, or their numbers.", default=[])

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by setting."""
        found = super().wrong()
        if self.token and not self.projects:
            found["projects"] = "Name the projects to poll."
        return found


class GitLab(OverHTTP[GitLabConfig], Windowed[GitLabConfig], Push[GitLabConfig]):
    """Takes commits, tags, merge requests, releases, incidents, pipelines, failed jobs and deployments.

    A webhook proves itself by its secret token, or, where the token begins with whsec_, by a signature. GitLab tries
    a failed call never again, so what webhooks missed is found by polling.
    """

    kind, label, Config = "gitlab", "GitLab", GitLabConfig
    polled_with, pushed_with = "token", "secret"
    span, overlap = timedelta(hours=6), timedelta(minutes=10)

    def endpoint(self) -> Endpoint:
        """Return where it is."""
        return Endpoint(
            url=self.config.url,
            headers={"PRIVATE-TOKEN": self.config.token},
            requests_per_second=self.config.requests_per_second,
            limit=Limit(remaining="RateLimit-Remaining", reset="RateLimit-Reset", unit="epoch"),
        )

    def check(self) -> None:
        """Return when every project can be read."""
        for project in self.config.projects:
            self.http.get(_project(project))

    def fetch(self, start: datetime, end: datetime) -> Iterator[Record]:
        """Return what was updated from ``start`` to ``end`` in each project."""
        for project in self.config.projects:
            about = self.http.get(_project(project)).json()
            for name, kind, by in _LISTS:
                for item in self._list(f"{_project(project)}/{name}", by, start, end):
                    found = Part(item)
                    reference = f"{project}/{name}/{found.id('id')}/{found.text('status') or found.text('state')}"
                    yield Record.of(reference, kind, {"object_kind": kind, "project": about, "object_attributes": item})

    def _list(self, path: str, by: str, start: datetime, end: datetime) -> Iterator[Any]:
        since, until = start.isoformat(), end.isoformat()
        times = {"updated_after": since, "updated_before": until} if by else {"since": since, "until": until}
        order = {"order_by": "updated_at", "sort": "asc"} if by else {}
        for place, answer in enumerate(self.http.pages(path, params={**times, **order, "per_page": PER_PAGE}), start=1):
            items = answer.json()
            yield from items if isinstance(items, list) else ()
            if place >= PAGES:
                raise Overfull(f"{path} has more than {PAGES * PER_PAGE:,} entries in one window.")

    def verify(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Check the token or the signature.

        Raises:
            Forged: it is not right.
        """
        event = headers.get("x-gitlab-event", "")[:100]
        if self.config.secret.startswith(PREFIX):
            return Envelope(standard_webhook(headers, body, self.config.secret, now=self.now), event)
        require_secret(headers, self.config.secret, header="X-Gitlab-Token")
        return Envelope(headers.get("idempotency-key", "")[:100] or key_of(event.encode() + body), event)

    def unpack(self, call: Call) -> Iterable[tuple[str, Any]]:
        """Yield the payload under the name it gives itself."""
        payload = parsed(call.body)
        yield Part(payload).text("object_kind", 50) or Part(payload).text("event_name", 50), payload

    def decode(self, record: Record) -> Iterable[EventDraft]:
        """Return the events in one payload, or in one item of a list."""
        if not isinstance(record.value, dict):
            raise BadRecord("The body is not a JSON object.")
        decoder = _DECODERS.get(record.kind)
        return decoder(Notice(Part(record.value), self.config)) if decoder else ()


def _project(project: str) -> str:
    return f"api/v4/projects/{quote(project, safe='')}"
