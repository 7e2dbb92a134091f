"""GitHub is polled for what its webhooks missed, and what both tell of is one event."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import call_command

from connectors import reception, services
from connectors.base import Gap, Record
from connectors.digestion import digest_pending
from connectors.errors import BadRecord, Forged, Misconfigured, RateLimited, Refused
from connectors.http import Answer
from connectors.polling import poll
from connectors.sources import github_polling
from connectors.sources.github import GitHub, GitHubConfig
from connectors.tests.corpus import EMPTIES, escapes
from connectors.tests.factories import NOW, SECRET
from connectors.tests.github import corpus, decode, signed
from connectors.tests.peers import Peer, Reply, turns
from events.drafts import EventDraft
from events.models import Event
from tests.shared import payloads

SHA = "a" * 40
AT = (NOW - timedelta(hours=1)).isoformat()
LONG_AGO = (NOW - timedelta(days=90)).isoformat()
RUN = {"id": 1, "run_attempt": 2, "name": "ci", "status": "completed", "conclusion": "failure", "updated_at": AT}
PULL = {"number": 3, "title": "Pay", "created_at": AT, "updated_at": AT, "closed_at": AT, "merged_at": AT}
DEPLOYMENT = {"id": 5, "ref": "main", "environment": "live", "created_at": AT}
STATUS = {"id": 6, "state": "failure", "created_at": AT}
RELEASE = {"id": 7, "tag_name": "v1", "published_at": AT, "created_at": LONG_AGO}
PERSON = {"name": "Ada", "email": "ada@shop.example", "date": AT}
COMMIT = {"sha": SHA, "commit": {"message": "Fix\n\nit", "author": PERSON, "committer": PERSON}}
HOME = "/repos/shop/checkout"
ROUTES: dict[str, Any] = {
    HOME: {"full_name": "shop/checkout", "default_branch": "main"},
    "/repos/Shop/Checkout": {"full_name": "shop/checkout", "default_branch": "main"},
    f"{HOME}/actions/runs": {"total_count": 1, "workflow_runs": [RUN]},
    f"{HOME}/pulls": [PULL],
    f"{HOME}/deployments": [DEPLOYMENT],
    f"{HOME}/deployments/5/statuses": [STATUS],
    f"{HOME}/releases": [RELEASE],
    f"{HOME}/commits": [COMMIT],
}
TYPES = [
    *("build_failure", "commit", "deployment", "deployment_failure"),
    *("pull_request_merged", "pull_request_opened", "release"),
]
# What the API of a repository lists, by the event a webhook tells of it with.
LISTED = {
    "workflow_run": ("actions/runs", "workflow_run"),
    "pull_request": ("pulls", "pull_request"),
    "deployment": ("deployments", "deployment"),
    "release": ("releases", "release"),
}
ACTIONS = {"created", "completed", "opened", "closed", "published"}


def source(url: str = "https://api.github.com", **values: Any) -> GitHub:
    settings = {"url": url, "token": "t", "repositories": ["shop/checkout"], **values}
    return GitHub(GitHubConfig.read(settings), workspace=Path("unused"), now=NOW)


def polled(routes: dict[str, Any], *, hours: int = 3, before: timedelta = timedelta(), **values: Any) -> list[Record]:
    end = NOW - before
    with Peer({**ROUTES, **routes}) as peer:
        return list(source(peer.url, **values).fetch(end - timedelta(hours=hours), end))


def kinds(records: list[Record]) -> list[str]:
    return sorted({record.kind for record in records})


def drafts(records: list[Record]) -> list[EventDraft]:
    return [draft for record in records for draft in source().decode(record)]


@pytest.mark.django_db
def test_everything_that_is_listed_becomes_one_event_however_often_it_is_polled() -> None:
    with Peer(ROUTES) as peer:
        values = {"url": peer.url, "token": "t", "repositories": ["shop/checkout"]}
        connector = services.connect(name="github", kind="github", values=values, actor=None, now=NOW)
        for minute in range(2):
            poll(connector=connector, now=NOW + timedelta(minutes=minute))
    assert sorted(Event.objects.values_list("event_type", flat=True)) == TYPES


@pytest.mark.django_db
def test_what_is_polled_and_told_by_webhook_is_stored_once() -> None:
    with Peer(ROUTES) as peer:
        values = {"url": peer.url, "token": "t", "repositories": ["Shop/Checkout"], "secret": SECRET}
        connector = services.connect(name="github", kind="github", values=values, actor=None, now=NOW)
        poll(connector=connector, now=NOW)
    repository = {"full_name": "shop/checkout"}
    hooks: dict[str, dict[str, Any]] = {
        "workflow_run": {"action": "completed", "workflow_run": RUN},
        "pull_request": {"action": "closed", "pull_request": {**PULL, "merged": True}},
        "deployment_status": {"deployment": DEPLOYMENT, "deployment_status": STATUS},
        "release": {"action": "released", "release": RELEASE},
    }
    for event, payload in hooks.items():
        body = orjson.dumps({**payload, "repository": repository})
        reception.receive(connector=connector, headers=signed(body, event=event, key=event), body=body, now=NOW)
    digest_pending(now=NOW)
    assert sorted(Event.objects.values_list("event_type", flat=True)) == TYPES


@pytest.mark.django_db
def test_one_that_is_polled_alone_is_connected_without_a_secret() -> None:
    out = io.StringIO()
    with Peer(ROUTES) as peer:
        given = ["--url", peer.url, "--token", "t", "--repositories", "shop/checkout", "--no-poll"]
        call_command("connect", "github", "shop", *given, stdout=out)
    assert "Secret" not in out.getvalue()


def recorded() -> list[Any]:
    """Return each recorded webhook that tells of something the API lists too."""
    found = []
    for path in corpus():
        event, payload = path.parent.name, orjson.loads(path.read_bytes())
        if event in LISTED and payload.get("action", "") in {
            "",
            "created",
            "completed",
            "opened",
            "closed",
            "published",
        }:
            found.append(pytest.param(event, payload, id=f"{event}/{path.name}"))
    return found


@pytest.mark.parametrize(("event", "payload"), recorded())
def test_a_recorded_webhook_and_the_list_tell_of_the_same_event(event: str, payload: Any) -> None:
    told = decode(event, orjson.dumps(payload))
    path, kind = LISTED[event]
    item = {name: value for name, value in payload[kind].items() if name != "merged"}
    full_name = payload["repository"]["full_name"]
    home = f"/repos/{full_name}"
    empty: dict[str, Any] = {f"{home}/{name}": [] for name, _ in LISTED.values()}
    listed = {"workflow_runs": [item]} if path == "actions/runs" else [item]
    routes = {**empty, home: {"full_name": full_name}, f"{home}/commits": [], f"{home}/actions/runs": {}}
    routes |= {f"{home}/deployments/{item['id']}/statuses": [], f"{home}/{path}": listed}
    with Peer(routes) as peer:
        records = source(peer.url, repositories=[full_name]).fetch(NOW - timedelta(days=9_000), NOW)
        found = {draft.source_id for draft in drafts(list(records))}
    assert {draft.source_id for draft in told} <= found


def test_a_commit_is_told_as_a_push_tells_it() -> None:
    pushed = {"id": SHA, "message": "Fix\n\nit", "timestamp": AT, "author": PERSON, "committer": PERSON}
    body = {"ref": "refs/heads/main", "commits": [pushed], "repository": {"full_name": "shop/checkout", "pushed_at": 9}}
    told = decode("push", orjson.dumps(body))[0]
    (listed,) = [draft for draft in drafts(polled({})) if draft.event_type == "commit"]
    assert (listed.source_id, listed.title, listed.timestamp) == (told.source_id, told.title, told.timestamp)
    assert listed.data["branch"] == "main"


def test_a_recorded_answer_about_a_repository_names_it() -> None:
    (exchange, *_) = orjson.loads(
        payloads("github", "rest-octokit").joinpath("get-repository", "normalized-fixture.json").read_bytes()
    )
    name = exchange["response"]["full_name"]
    home = exchange["path"]
    names = ("actions/runs", "pulls", "deployments", "releases", "commits")
    lists: dict[str, Any] = {f"{home}/{path}": [] for path in names}
    with Peer({**lists, home: exchange["response"], f"{home}/commits": [COMMIT]}) as peer:
        (record,) = source(peer.url, repositories=[name]).fetch(NOW - timedelta(hours=3), NOW)
    assert record.value["repository"] == {"full_name": name, "default_branch": "master"}


def test_a_recorded_release_is_told() -> None:
    exchanges = orjson.loads(
        payloads("github", "rest-octokit").joinpath("release-assets", "normalized-fixture.json").read_bytes()
    )
    records = polled({f"{HOME}/releases": [exchanges[0]["response"]]}, hours=24 * 9_000)
    assert "shop/checkout/releases/1000/release" in {draft.source_id for draft in drafts(records)}


def test_a_build_that_has_not_ended_is_left_for_later() -> None:
    runs = {"workflow_runs": [{**RUN, "status": "in_progress", "conclusion": None}]}
    assert "workflow_run" not in kinds(polled({f"{HOME}/actions/runs": runs}))


def test_a_draft_of_a_release_is_nobody_s_business() -> None:
    assert "release" not in kinds(polled({f"{HOME}/releases": [{**RELEASE, "published_at": None}]}))


def test_an_old_pull_request_that_was_talked_about_is_not_opened_again() -> None:
    talk = {**PULL, "created_at": LONG_AGO, "closed_at": None, "merged_at": None}
    assert "pull_request" not in kinds(polled({f"{HOME}/pulls": [talk]}))


def test_a_list_is_read_until_it_is_older_than_the_window() -> None:
    def page(asked: Any) -> Reply:
        number = int(asked.query.get("page", "1"))
        old = {**PULL, "number": number, "updated_at": LONG_AGO}
        link = f'<http://{asked.headers["host"]}{HOME}/pulls?page={number + 1}>; rel="next"'
        return Reply([PULL if number == 1 else old], headers={"Link": link})

    with Peer({**ROUTES, f"{HOME}/pulls": page}) as peer:
        source(peer.url).fetch(NOW - timedelta(hours=3), NOW)
        assert peer.paths().count(f"{HOME}/pulls") == 2


def test_builds_are_asked_for_by_when_they_began() -> None:
    with Peer(ROUTES) as peer:
        source(peer.url).fetch(NOW - timedelta(hours=3), NOW)
        (asked,) = [asked for asked in peer.asked if asked.path.endswith("/actions/runs")]
    assert asked.query == {"created": "2030-01-01T09:00:00Z..2030-01-01T12:00:00Z", "per_page": "100"}


def test_each_request_says_who_asks_and_which_version_of_the_api_is_meant() -> None:
    with Peer(ROUTES) as peer:
        source(peer.url).check()
        asked = {(one.headers["authorization"], one.headers["x-github-api-version"]) for one in peer.asked}
    assert asked == {("Bearer t", "2022-11-28")}


def test_a_window_with_more_builds_than_are_listed_is_halved() -> None:
    full = {"total_count": 1_000, "workflow_runs": [RUN]}
    with Peer({**ROUTES, f"{HOME}/actions/runs": turns(full, {"total_count": 1, "workflow_runs": [RUN]})}) as peer:
        pages = list(source(peer.url).read_between(NOW - timedelta(hours=2), NOW))
    assert [page.cursor["until"] for page in pages] == [
        (NOW - timedelta(hours=1)).isoformat(),
        NOW.isoformat(),
    ]


def test_more_builds_in_a_second_than_are_listed_are_a_gap_and_the_rest_is_told() -> None:
    with Peer({**ROUTES, f"{HOME}/actions/runs": {"total_count": 1_001, "workflow_runs": [RUN]}}) as peer:
        (page,) = source(peer.url).read_between(NOW - timedelta(seconds=1), NOW)
    message = "shop/checkout began 1,000 builds or more in one window."
    assert page.gaps == (Gap(NOW - timedelta(seconds=1), NOW, message),)
    assert kinds(page.records) == ["commit", "workflow_run"]


def test_a_repository_without_commits_has_none() -> None:
    nothing = Reply({"message": "Git Repository is empty."}, status=409)
    assert "commit" not in kinds(polled({f"{HOME}/commits": nothing}))


def test_commits_that_may_not_be_read_are_an_error() -> None:
    with pytest.raises(Refused):
        polled({f"{HOME}/commits": Reply({"message": "Not Found"}, status=404)})


@pytest.mark.parametrize("path", ["", "/actions/runs", "/pulls", "/deployments", "/releases"])
def test_a_list_that_may_not_be_read_is_found_when_it_is_connected(path: str) -> None:
    no = Reply({"message": "Resource not accessible by personal access token"}, status=403)
    with Peer({**ROUTES, HOME + path: no}) as peer, pytest.raises(Refused, match="permission"):
        source(peer.url).check()


def test_what_is_not_github_is_named() -> None:
    with Peer({"*": {"hello": "world"}}) as peer, pytest.raises(Misconfigured, match="not the API of GitHub"):
        source(peer.url).check()


def test_a_secondary_limit_is_waited_for() -> None:
    slow = Reply({"message": "You have exceeded a secondary rate limit."}, status=403)
    with pytest.raises(RateLimited) as limited:
        polled({f"{HOME}/pulls": slow})
    assert limited.value.seconds == 60


class Listing:
    """A client that is answered at once, without a network."""

    def __init__(self, routes: dict[str, Any]) -> None:
        self.routes = routes

    def get(self, path: str, **_: Any) -> Answer:
        if f"/{path}" not in self.routes:
            raise Refused("There is nothing here.", answered=404)
        return Answer(200, {}, orjson.dumps(self.routes[f"/{path}"]), path)

    def pages(self, path: str, **_: Any) -> list[Answer]:
        return [self.get(path)]


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
@pytest.mark.parametrize("path", sorted(set(ROUTES) - {HOME, "/repos/Shop/Checkout"}))
def test_no_field_of_a_list_breaks_it(path: str, value: Any) -> None:
    def read(payload: Any) -> list[EventDraft]:
        client: Any = Listing({**ROUTES, path: payload})
        return drafts(github_polling.fetch(client, ["shop/checkout"], NOW - timedelta(hours=3), NOW))

    assert escapes(ROUTES[path], value, read) == []


def test_a_deployment_that_is_deleted_meanwhile_has_no_statuses() -> None:
    gone = Reply({"message": "Not Found"}, status=404)
    found = kinds(polled({f"{HOME}/deployments/5/statuses": gone}))
    assert "deployment" in found
    assert "deployment_status" not in found


def test_a_build_without_an_id_is_a_dead_letter() -> None:
    records = polled({f"{HOME}/actions/runs": {"workflow_runs": [{**RUN, "id": None}]}})
    with pytest.raises(BadRecord, match=r"workflow_run\.id"):
        drafts(records)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"token": ""}, "token"),
        ({"token": "", "repositories": []}, "secret"),
        ({"repositories": []}, "repositories"),
        ({"repositories": ["checkout"]}, "repositories"),
        ({"repositories": ["shop/.."]}, "repositories"),
        ({"repositories": ["shop/checkout/../../user"]}, "repositories"),
        ({"url": "github"}, "url"),
        ({"url": "", "secret": SECRET}, "url"),
    ],
)
def test_what_cannot_work_is_named(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        source(**values)
    assert field in refused.value.fields


def test_what_is_configured_says_whether_it_is_polled_and_called() -> None:
    poll, hook = source(), source(token="", repositories=[], secret=SECRET)
    assert (poll.is_polled(), poll.is_pushed()) == (True, False)
    assert (hook.is_polled(), hook.is_pushed()) == (False, True)


def test_without_a_secret_a_signature_by_none_is_forged() -> None:
    with pytest.raises(Forged):
        source().verify(signed(b"{}"), b"{}")
