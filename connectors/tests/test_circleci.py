"""CircleCI: which workflows and jobs a poll tells of, and what its webhooks prove and say."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from connectors.base import Cursor, Page
from connectors.errors import Forged, Misconfigured
from connectors.signing import hmac_hex
from connectors.sources.circleci import CircleCI, CircleCIConfig
from connectors.tests.alerts import KEY, decoded, made, polled, pushed
from connectors.tests.factories import NOW
from connectors.tests.peers import Asked, Peer, Reply
from events.drafts import EventDraft

SLUG = "gh/acme/shop"
SHA = "49874a6ac988e2b3434501d4a4554c54583e6820"
START, STOP = "2030-01-01T11:50:00Z", "2030-01-01T11:52:30Z"


def pipeline(number: int, minutes_ago: int = 10, **more: Any) -> dict[str, Any]:
    """Return a pipeline as the API tells of it."""
    return {
        "id": f"p{number}",
        "number": number,
        "state": "created",
        "created_at": (NOW - timedelta(minutes=minutes_ago)).isoformat(),
        "project_slug": SLUG,
        "trigger": {"type": "webhook", "actor": {"login": "ada"}},
        "vcs": {
            "branch": "main",
            "revision": SHA,
            "commit": {"subject": "Charge once"},
            "target_repository_url": "https://github.com/acme/shop",
        },
        **more,
    }


def workflow(identity: str, status: str = "success", name: str = "ci") -> dict[str, Any]:
    return {"id": identity, "name": name, "status": status, "created_at": START, "stopped_at": STOP}


def job(identity: str, status: str = "success", name: str = "unit") -> dict[str, Any]:
    return {"id": identity, "name": name, "status": status, "started_at": START, "stopped_at": STOP, "job_number": 9}


class Server(Peer):
    """A CircleCI with pipelines, newest first and two a page, their workflows and the jobs of these."""

    def __init__(self, *pipelines: Any, workflows: dict[str, Any], jobs: dict[str, Any] | None = None) -> None:
        super().__init__({"*": self.told})
        self.pipelines, self.workflows, self.jobs = list(pipelines), workflows, jobs or {}

    def told(self, asked: Asked) -> Any:
        *_, identity, what = asked.path.split("/")
        if what == "pipeline":
            start = int(asked.query.get("page-token", 0))
            more = str(start + 2) if start + 2 < len(self.pipelines) else None
            return {"items": self.pipelines[start : start + 2], "next_page_token": more}
        if what in {"workflow", "job"}:
            found = (self.workflows if what == "workflow" else self.jobs).get(identity, [])
            return {"items": found, "next_page_token": None}
        found = [one for one in self.pipelines if one["id"] == what]
        return found[0] if found else Reply("Not found", status=404)


def reading(server: Server, cursor: Cursor | None = None) -> list[Page]:
    return polled(made(CircleCI, url=server.url, token="t", projects=[SLUG]), cursor)


def told(pages: list[Page]) -> list[EventDraft]:
    return [draft for page in pages for draft in decoded(made(CircleCI), page.records)]


def ids(pages: list[Page]) -> list[str]:
    return [draft.source_id for draft in told(pages)]


def test_a_poll_tells_of_workflows_and_their_jobs_oldest_first() -> None:
    workflows = {"p1": [workflow("w1")], "p2": [workflow("w2", "failed")]}
    with Server(pipeline(2, 5), pipeline(1), workflows=workflows, jobs={"w2": [job("j2", "failed")]}) as server:
        assert ids(reading(server)) == ["workflows/w1/success", "workflows/w2/failure", "jobs/j2/failure"]


def test_a_poll_signs_in_with_the_token() -> None:
    with Server(workflows={}) as server:
        reading(server)
    assert server.asked[0].headers["circle-token"] == "t"


def test_more_pipelines_than_a_page_are_all_read() -> None:
    pipelines = [pipeline(number, 60 - number) for number in range(5, 0, -1)]
    with Server(*pipelines, workflows={f"p{n}": [workflow(f"w{n}")] for n in range(1, 6)}) as server:
        assert ids(reading(server)) == [f"workflows/w{n}/success" for n in range(1, 6)]


def test_the_next_poll_stops_at_what_it_knows() -> None:
    with Server(pipeline(1), workflows={"p1": [workflow("w1")], "p2": [workflow("w2")]}) as server:
        cursor = reading(server)[-1].cursor
        server.asked.clear()
        assert reading(server, cursor) == []
        assert len(server.asked) == 1
        server.pipelines.insert(0, pipeline(2, 5))
        assert ids(reading(server, cursor)) == ["workflows/w2/success"]


def test_the_first_poll_leaves_out_what_is_older_than_a_day() -> None:
    with Server(pipeline(2), pipeline(1, 1_500), workflows={"p1": [workflow("w1")]}) as server:
        assert ids(reading(server)) == []


def test_a_pipeline_that_goes_on_is_read_again_until_it_has_ended() -> None:
    with Server(pipeline(1), workflows={"p1": [workflow("w1", "running")]}) as server:
        pages = reading(server)
        assert ids(pages) == []
        server.workflows["p1"] = [workflow("w1", "failed")]
        pages = reading(server, pages[-1].cursor)
        assert ids(pages) == ["workflows/w1/failure"]
        assert reading(server, pages[-1].cursor) == []


def test_a_pipeline_that_is_gone_is_let_go() -> None:
    with Server(pipeline(1), workflows={"p1": [workflow("w1", "running")]}) as server:
        cursor = reading(server)[-1].cursor
        server.pipelines.clear()
        assert reading(server, cursor)[-1].cursor["projects"][SLUG]["open"] == {}


def test_a_poll_that_was_cut_short_goes_on_where_it_ended() -> None:
    with Server(pipeline(2, 5), pipeline(1), workflows={"p1": [workflow("w1")], "p2": [workflow("w2")]}) as server:
        first = reading(server)[0].cursor
        assert ids(reading(server, first)) == ["workflows/w2/success"]


def test_a_workflow_that_waits_for_approval_for_a_week_is_given_up() -> None:
    with Server(pipeline(1, 20_000), workflows={"p1": [workflow("w1", "on_hold")]}) as server:
        known = {"projects": {SLUG: {"until": NOW.isoformat(), "open": {"p1": "long ago"}}}}
        assert reading(server, known)[-1].cursor["projects"][SLUG]["open"] == {}


def test_a_pipeline_without_a_readable_configuration_is_a_failed_build() -> None:
    errored = pipeline(1, state="errored", errors=[{"message": "No config.yml."}], updated_at=STOP)
    with Server(errored, workflows={}) as server:
        (draft,) = told(reading(server))
    assert draft.title == "Build pipeline #1 could not start on main: No config.yml."
    assert draft.severity == "high"


def test_a_failed_workflow_names_the_jobs_that_failed_and_where_to_look() -> None:
    jobs = {"w1": [job("j1", "failed", "unit"), job("j2", "success", "lint")]}
    with Server(pipeline(1), workflows={"p1": [workflow("w1", "failed")]}, jobs=jobs) as server:
        draft, failed, _ = told(reading(server))
    assert draft.data["failed_steps"] == ["unit"]
    assert draft.url == "https://app.circleci.com/pipelines/github/acme/shop/1/workflows/w1"
    assert failed.url == "https://app.circleci.com/pipelines/github/acme/shop/1/workflows/w1/jobs/9"
    assert draft.data["duration_seconds"] == 150.0
    assert (draft.data["sha"], draft.data["branch"], draft.data["author"]) == (SHA, "main", "ada")


def test_an_approval_is_no_job() -> None:
    jobs = {"w1": [job("j1", name="hold") | {"type": "approval"}]}
    with Server(pipeline(1), workflows={"p1": [workflow("w1")]}, jobs=jobs) as server:
        assert ids(reading(server)) == ["workflows/w1/success"]


def delivery(kind: str = "workflow-completed", **more: Any) -> dict[str, Any]:
    """Return a webhook about a workflow, or a job of it."""
    url = "https://app.circleci.com/pipelines/github/acme/shop/1/workflows/w1"
    return {
        "id": "one",
        "type": kind,
        "happened_at": STOP,
        "webhook": {"id": "h", "name": "rca"},
        "project": {"id": "x", "name": "shop", "slug": "github/acme/shop"},
        "organization": {"id": "o", "name": "acme"},
        "pipeline": pipeline(1),
        "workflow": {**workflow("w1", "failed"), "url": url},
        **more,
    }


def test_a_webhook_tells_the_same_event_as_a_poll() -> None:
    (by_webhook,) = pushed(made(CircleCI), delivery())
    with Server(pipeline(1), workflows={"p1": [workflow("w1", "failed")]}) as server:
        (by_poll,) = told(reading(server))
    for name in ("source_id", "event_type", "timestamp", "severity", "service", "title", "url"):
        assert getattr(by_webhook, name) == getattr(by_poll, name)


def test_a_webhook_tells_of_a_job() -> None:
    told_job = {"id": "j1", "number": 9, "name": "deploy", "status": "success", "started_at": START, "stopped_at": STOP}
    (draft,) = pushed(made(CircleCI), delivery("job-completed", job=told_job))
    assert (draft.event_type, draft.source_id, draft.service) == ("deployment", "jobs/j1/success", "shop")
    assert draft.url.endswith("/workflows/w1/jobs/9")


def test_code_that_comes_by_a_github_app_is_named_too() -> None:
    git = {"branch": "refs/heads/main", "checkout_sha": SHA, "repo_name": "till", "author_login": "ada"}
    app = {"id": "p1", "number": 1, "trigger_parameters": {"git": git}}
    project = {"id": "x", "name": "", "slug": "circleci/9z8P/AHWy"}
    (draft,) = pushed(made(CircleCI), delivery(pipeline=app, project=project))
    assert (draft.service, draft.data["branch"], draft.data["sha"]) == ("till", "main", SHA)


def test_code_at_gitlab_is_named_too() -> None:
    gitlab = {"repo_url": "git@gitlab.com:acme/till.git", "user_username": "ada", "commit_message": "Charge once"}
    given = {"gitlab": gitlab, "git": {"branch": "main", "checkout_sha": SHA}, "circleci": {"trigger_type": "gitlab"}}
    told_pipeline = {"id": "p1", "number": 1, "trigger": {"type": "gitlab"}, "trigger_parameters": given}
    project = {"id": "x", "name": "A title of its own", "slug": "circleci/9z8P/AHWy"}
    (draft,) = pushed(made(CircleCI), delivery(pipeline=told_pipeline, project=project))
    assert (draft.service, draft.data["branch"], draft.data["sha"]) == ("till", "main", SHA)
    assert (draft.data["author"], draft.data["subject"]) == ("ada", "Charge once")


@pytest.mark.parametrize("body", [{"type": "ping", "id": "x"}, {"type": "another"}, {}], ids=str)
def test_what_is_no_end_of_anything_is_no_event(body: dict[str, Any]) -> None:
    assert pushed(made(CircleCI), body) == []


@pytest.mark.parametrize(
    ("body", "secret", "signature"),
    [
        (b"hello world", "secret", "734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a"),
        (b"lalala", "another-secret", "daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00"),
        (
            b"an-important-request-payload",
            "hunter123",
            "9be2242094a9a8c00c64306f382a7f9d691de910b4a266f67bd314ef18ac49fa",
        ),
    ],
    ids=["one", "two", "three"],
)
def test_the_signatures_of_the_documentation_are_genuine(body: bytes, secret: str, signature: str) -> None:
    headers = {"circleci-signature": f"v1={signature},v2=unknown"}
    assert made(CircleCI, secret=secret).verify(headers, body).key


@pytest.mark.parametrize("signature", ["", "v1=", "v1=00", "v2=" + hmac_hex(KEY, b"{}"), hmac_hex(KEY, b"{}")])
def test_a_forged_delivery_is_refused(signature: str) -> None:
    with pytest.raises(Forged):
        made(CircleCI).verify({"circleci-signature": signature}, b"{}")


def test_a_connector_without_a_secret_believes_nobody() -> None:
    source = made(CircleCI, secret="", token="t", projects=[SLUG])
    with pytest.raises(Misconfigured):
        source.verify({"circleci-signature": "v1=" + hmac_hex("", b"{}")}, b"{}")


def test_a_delivery_is_known_by_its_id() -> None:
    bodies = [delivery(), delivery(happened_at=START), delivery(id="two")]
    keys = [
        made(CircleCI).verify({"circleci-signature": "v1=" + hmac_hex(KEY, body)}, body).key
        for body in map(orjson.dumps, bodies)
    ]
    assert keys[0] == keys[1] != keys[2]


def test_projects_must_be_named_to_be_polled() -> None:
    with pytest.raises(Misconfigured) as caught:
        CircleCIConfig.read({"token": "t"})
    assert caught.value.fields.keys() == {"projects"}


def test_check_asks_for_each_project() -> None:
    with Peer({"*": {}}) as server:
        source = made(CircleCI, url=server.url, token="t", projects=[SLUG, "bb/acme/till"])
        source.check()
        source.http._client.close()
    assert server.paths() == ["/api/v2/project/gh/acme/shop", "/api/v2/project/bb/acme/till"]
