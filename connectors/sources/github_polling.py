"""What GitHub's API lists, told as its webhooks tell it, so that both decode alike. It asks; it decides nothing."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.base import Record
from connectors.errors import BadRecord, Misconfigured, Refused
from connectors.http import Client
from connectors.reading import Part
from connectors.windows import Overfull

PER_PAGE = 100
MOST_RUNS = 1_000  # GitHub lists no more builds than this at once, however many there are
SHORTEST = timedelta(seconds=1)  # GitHub knows no shorter time
_GONE = 404
_EMPTY = 409  # what is answered for the commits of a repository without any

Told = tuple[str, dict[str, Any]]


def about(http: Client, path: str, *, server: str = "GitHub") -> dict[str, str]:
    """Return what payloads say of a repository, as its server writes it, whatever its owner typed: it identifies.

    Raises:
        Misconfigured: no such API answers.
    """
    told = Part(http.get(path, conditional=True).json())
    if not told.text("full_name"):
        message = f"What answers here is not the API of {server}."
        raise Misconfigured(message, fields={"url": message})
    return {field: told.text(field) for field in ("full_name", "default_branch")}


class Listing:
    """One repository, asked about one span of time, by lists that GitHub and those that speak like it have.

    Attributes:
        server: what it is called.
        root: where the API begins.
        page: asks for a page of the usual size.
        lists: what must be readable.
        by_update: asks for pull requests in the order of their last change, the newest first.
    """

    server: ClassVar[str] = "GitHub"
    root: ClassVar[str] = ""
    page: ClassVar[Mapping[str, Any]] = {"per_page": PER_PAGE}
    lists: ClassVar[tuple[str, ...]] = ("pulls", "releases")
    by_update: ClassVar[Mapping[str, str]] = {"sort": "updated", "direction": "desc"}

    def __init__(self, http: Client, name: str, start: datetime, end: datetime) -> None:
        self.http, self.start, self.end, self.full = http, start, end, ""
        self.about = about(http, f"{self.root}repos/{name}", server=self.server)
        self.path = f"{self.root}repos/{self.about['full_name']}"

    @classmethod
    def check(cls, http: Client, name: str) -> None:
        """Return when everything of a repository can be read.

        Raises:
            Misconfigured: it cannot; the address may be wrong, or the token lack a permission.
        """
        about(http, f"{cls.root}repos/{name}", server=cls.server)
        for path in cls.lists:
            http.get(f"{cls.root}repos/{name}/{path}", params=dict.fromkeys(cls.page, 1))

    def records(self) -> list[Record]:
        """Return what happened, as webhooks tell it."""
        return [self._record(kind, payload) for kind, payload in self.told()]

    def told(self) -> Iterator[Told]:
        """Yield what each list tells, as (event, payload)."""
        yield from self._pull_requests()
        yield from self._releases()
        yield from self._commits()

    def _record(self, kind: str, payload: dict[str, Any]) -> Record:
        about = Part(payload[kind])
        identity = next((about[name].value for name in ("id", "sha", "number") if about[name].value), "unknown")
        reference = f"{self.about['full_name']}/{kind}/{identity}/{payload.get('action', '')}"
        return Record.of(reference[:300], kind, {**payload, "repository": self.about})

    def _pull_requests(self) -> Iterator[Told]:
        for pull in self._newest("pulls", "updated_at", state="all", **self.by_update):
            if self._has(pull, "created_at"):
                yield "pull_request", {"action": "opened", "pull_request": pull.value}
            if self._has(pull, "closed_at"):
                merged = {**pull.value, "merged": pull["merged_at"].value is not None}
                yield "pull_request", {"action": "closed", "pull_request": merged}

    def _releases(self) -> Iterator[Told]:
        # In the order of their commits, which says nothing of when they were published: the newest hundred must do.
        for release in self._first_page("releases"):
            if self._has(release, "published_at"):
                yield "release", {"action": "published", "release": release.value}

    def _commits(self) -> Iterator[Told]:
        times = {"since": self.start.isoformat(), "until": self.end.isoformat()}
        try:
            for answer in self._pages("commits", **times):
                for commit in items(answer):
                    yield "commit", {"commit": commit.value}
        except Refused as problem:
            if problem.answered != _EMPTY:
                raise

    def _newest(self, path: str, by: str, **params: str) -> Iterator[Part]:
        """Yield the items of a list that has the newest first, until one is from before the span."""
        for answer in self._pages(path, **params):
            for item in items(answer):
                at = item.time_or_none(by)
                if at and at < self.start:
                    return
                yield item

    def _first_page(self, path: str) -> list[Part]:
        """Return the newest items of a list that seldom changes."""
        return items(self.http.get(f"{self.path}/{path}", params=self.page, conditional=True).json())

    def _pages(self, path: str, **params: str) -> Iterator[Any]:
        for answer in self.http.pages(f"{self.path}/{path}", params={**params, **self.page}):
            yield answer.json()

    def _has(self, item: Part, name: str) -> bool:
        """Tell whether something happened to ``item`` in the span; a time nobody can read is for the decoder."""
        try:
            return item[name].value is not None and self.start <= item.time(name) < self.end
        except BadRecord:
            return True


class Repository(Listing):
    """A repository at GitHub, which lists builds and deployments too."""

    lists = ("actions/runs", "pulls", "deployments", "releases")

    def told(self) -> Iterator[Told]:
        """Yield what each list tells, as (event, payload)."""
        yield from self._builds()
        yield from self._deployments()
        yield from super().told()

    def _builds(self) -> Iterator[Told]:
        created = "..".join(f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in (self.start, self.end))
        for answer in self._pages("actions/runs", created=created):
            body = Part(answer)
            if (body.number("total_count") or 0) >= MOST_RUNS:
                self.full = f"{self.about['full_name']} began {MOST_RUNS:,} builds or more in one window."
                if self.end - self.start > SHORTEST:  # it will be halved, so the rest need not be read
                    raise Overfull(self.full)
            for run in body.each("workflow_runs"):
                if run.text("status") == "completed":
                    yield "workflow_run", {"action": "completed", "workflow_run": run.value}

    def _deployments(self) -> Iterator[Told]:
        for deployment in self._newest("deployments", "created_at"):
            if not self._has(deployment, "created_at"):
                continue
            yield "deployment", {"deployment": deployment.value}
            for status in self._statuses(deployment):
                yield "deployment_status", {"deployment": deployment.value, "deployment_status": status.value}

    def _statuses(self, deployment: Part) -> list[Part]:
        number = deployment.number("id")
        try:
            return self._first_page(f"deployments/{number}/statuses") if number else []
        except Refused as problem:
            if problem.answered != _GONE:  # deleted since it was listed
                raise
            return []


def fetch(
    http: Client, names: Iterable[str], start: datetime, end: datetime, *, kind: type[Listing] = Repository
) -> list[Record]:
    """Return what happened in each repository from ``start`` to ``end``.

    Raises:
        Overfull: one had more of something than is listed at once.
    """
    records: list[Record] = []
    full: list[str] = []
    for name in names:
        found = kind(http, name, start, end)
        records += found.records()
        full += [found.full] if found.full else []
    if full:
        raise Overfull(" ".join(full), records)
    return records


def items(answer: Any) -> list[Part]:
    """Return the objects in a list."""
    return [item for item in Part({"items": answer}).each("items") if isinstance(item.value, dict)]
