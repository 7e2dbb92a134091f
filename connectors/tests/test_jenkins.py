"""Jenkins: which builds a poll tells of and how often, and what the Notification plugin adds."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from connectors.base import Cursor, Page
from connectors.errors import Forged, Misconfigured, Refused
from connectors.sources.jenkins import Jenkins, JenkinsConfig
from connectors.tests.alerts import BASIC, BEARER, decoded, made, polled, pushed
from connectors.tests.factories import NOW
from connectors.tests.peers import Asked, Peer, Reply
from events.drafts import EventDraft

BEGUN = int((NOW - timedelta(minutes=10)).timestamp() * 1_000)
SHA = "0f886c74949c3ee7e489188911c7dc0c1d547418"


def build(number: int, result: str | None = "SUCCESS", job: str = "shop", **more: Any) -> dict[str, Any]:
    """Return what the API says of a build that began ten minutes ago and took one."""
    path = "".join(f"job/{part}/" for part in job.split("/"))
    return {
        "number": number,
        "url": f"https://jenkins.example/{path}{number}/",
        "timestamp": BEGUN,
        "duration": 60_000,
        "result": result,
        "building": result is None,
        "fullDisplayName": f"{job.replace('/', ' » ')} #{number}",
        **more,
    }


class Server(Peer):
    """A Jenkins with jobs, by full name, and their builds, oldest first."""

    def __init__(self, **jobs: list[dict[str, Any]]) -> None:
        super().__init__({"/api/json": self.listed, "*": self.told})
        self.jobs = jobs

    def listed(self, asked: Asked) -> Any:
        jobs = [
            {"fullName": name, "lastBuild": {"number": builds[-1]["number"]} if builds else None}
            for name, builds in self.jobs.items()
        ]
        return {"_class": "hudson.model.Hudson", "jobs": jobs}

    def told(self, asked: Asked) -> Any:
        name, *rest = asked.path.removeprefix("/job/").removesuffix("/api/json").split("/")
        if rest == ["1", "wfapi", "describe"]:
            return {"stages": [{"name": "Compile", "status": "SUCCESS"}, {"name": "Unit tests", "status": "FAILED"}]}
        if name not in self.jobs:
            return Reply("Not found", status=404)
        if rest:
            found = [one for one in self.jobs[name] if one["number"] == int(rest[0])]
            return found[0] if found and "wfapi" not in rest else Reply("Not found", status=404)
        start, end = (int(part) for part in asked.query["tree"].rpartition("{")[2].rstrip("}").split(","))
        return {"allBuilds": self.jobs[name][::-1][start:end]}


def reading(server: Peer, cursor: Cursor | None = None, **config: Any) -> list[Page]:
    return polled(made(Jenkins, url=server.url, user="ada", token="t0ken", **config), cursor)


def told(pages: list[Page]) -> list[EventDraft]:
    return [draft for page in pages for draft in decoded(made(Jenkins), page.records)]


def test_a_poll_tells_of_the_builds_of_every_job_oldest_first() -> None:
    with Server(shop=[build(1), build(2, "FAILURE")], till=[build(7, "ABORTED", "till")]) as server:
        found = told(reading(server))
    assert [draft.source_id for draft in found] == ["shop/1/success", "shop/2/failure", "till/7/cancelled"]


def test_a_poll_signs_in_with_the_api_token() -> None:
    with Server(shop=[]) as server:
        reading(server)
    assert server.asked[0].headers["authorization"] == "Basic YWRhOnQwa2Vu"


def test_the_next_poll_asks_for_no_job_without_news() -> None:
    with Server(shop=[build(1)]) as server:
        cursor = reading(server)[-1].cursor
        server.asked.clear()
        assert reading(server, cursor) == []
    assert server.paths() == ["/api/json"]


def test_the_next_poll_tells_of_new_builds_alone() -> None:
    with Server(shop=[build(1)]) as server:
        cursor = reading(server)[-1].cursor
        server.jobs["shop"].append(build(2))
        assert [draft.source_id for draft in told(reading(server, cursor))] == ["shop/2/success"]


def test_a_build_that_goes_on_is_read_again_until_it_has_ended() -> None:
    with Server(shop=[build(1, None), build(2)]) as server:
        pages = reading(server)
        assert [draft.source_id for draft in told(pages)] == ["shop/2/success"]
        pages = reading(server, pages[-1].cursor)
        assert told(pages) == []
        server.jobs["shop"][0] = build(1, "FAILURE")
        pages = reading(server, pages[-1].cursor)
        assert [draft.source_id for draft in told(pages)] == ["shop/1/failure"]
        assert reading(server, pages[-1].cursor) == []


def test_a_build_that_was_deleted_while_it_went_on_is_let_go() -> None:
    with Server(shop=[build(1, None), build(2)]) as server:
        cursor = reading(server)[-1].cursor
        del server.jobs["shop"][0]
        assert reading(server, cursor)[-1].cursor == {"jobs": {"shop": {"last": 2, "open": []}}}


def test_a_job_that_was_made_anew_is_read_from_its_first_build() -> None:
    with Server(shop=[build(1)]) as server:
        pages = reading(server, {"jobs": {"shop": {"last": 900, "open": []}}})
    assert [draft.source_id for draft in told(pages)] == ["shop/1/success"]


def test_the_first_poll_leaves_out_what_is_older_than_a_day() -> None:
    old = build(1) | {"timestamp": BEGUN - 2 * 86_400_000}
    with Server(shop=[old, build(2)]) as server:
        assert [draft.source_id for draft in told(reading(server))] == ["shop/2/success"]


def test_more_builds_than_a_page_are_all_read() -> None:
    with Server(shop=[build(number) for number in range(1, 251)]) as server:
        found = told(reading(server, {"jobs": {"shop": {"last": 20, "open": []}}}))
    assert [draft.data["number"] for draft in found] == list(range(21, 251))


def test_more_builds_than_are_read_at_once_leave_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sources.jenkins.MOST", 100)
    with Server(shop=[build(number) for number in range(1, 251)]) as server:
        (page,) = reading(server, {"jobs": {"shop": {"last": 20, "open": []}}})
    assert [gap.reason for gap in page.gaps] == ["Only the newest 100 builds of shop were read."]


def test_a_failed_pipeline_names_the_stages_that_failed() -> None:
    with Server(shop=[build(1, "FAILURE")]) as server:
        (draft,) = told(reading(server))
    assert draft.data["failed_steps"] == ["Unit tests"]
    assert draft.title == "Build shop #1 failed: Unit tests"


def test_a_build_of_a_branch_is_about_the_project_it_is_a_branch_of() -> None:
    branch = {"fullName": "acme/shop/feature%2Fx", "lastBuild": {"number": 3}}
    project = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
    folders = {"jobs": [{"fullName": "acme", "jobs": [{"fullName": "acme/shop", "_class": project, "jobs": [branch]}]}]}
    routes = {"/api/json": folders, "*": {"allBuilds": [build(3, job="acme/shop/feature%252Fx")]}}
    with Peer(routes) as server:
        (draft,) = told(reading(server))
    assert server.paths()[1] == "/job/acme/job/shop/job/feature%252Fx/api/json"
    assert (draft.service, draft.source_id) == ("shop", "acme/shop/feature%2Fx/3/success")


def test_only_the_jobs_that_are_named_are_read() -> None:
    routes = {"/job/acme/job/shop/api/json": {"fullName": "acme/shop", "lastBuild": None}}
    with Peer(routes) as server:
        assert reading(server, jobs=["acme/shop"]) == []


def test_what_jenkins_knows_of_a_build_is_kept() -> None:
    actions: list[dict[str, Any]] = [
        {"causes": [{"shortDescription": "Started by user ada", "userName": "Ada"}]},
        {},
        {"lastBuiltRevision": {"SHA1": SHA, "branch": [{"name": "refs/remotes/origin/main"}]}},
        {"totalCount": 12, "failCount": 2, "skipCount": 1},
    ]
    actions[2]["remoteUrls"] = ["git@git.example:acme/shop-api.git"]
    changes = [{"items": [{"msg": "Charge once", "author": {"fullName": "Grace"}}]}]
    with Server(shop=[build(1, "UNSTABLE", actions=actions, changeSets=changes)]) as server:
        (draft,) = told(reading(server))
    assert (draft.event_type, draft.severity, draft.service) == ("build_failure", "medium", "shop-api")
    assert draft.url == "https://jenkins.example/job/shop/1/"
    assert draft.timestamp == NOW - timedelta(minutes=9)
    assert draft.data == {
        "name": "shop",
        "number": 1,
        "conclusion": "failure",
        "branch": "main",
        "sha": SHA,
        "repository": "acme/shop-api",
        "trigger": "Started by user ada",
        "author": "Ada",
        "subject": "Charge once",
        "started_at": (NOW - timedelta(minutes=10)).isoformat(),
        "finished_at": (NOW - timedelta(minutes=9)).isoformat(),
        "duration_seconds": 60.0,
        "tests": {"total": 12, "failed": 2, "skipped": 1},
    }


@pytest.mark.parametrize(
    ("job", "result", "event_type"),
    [
        ("deploy-shop", "SUCCESS", "deployment"),
        ("deploy-shop", "FAILURE", "deployment_failure"),
        ("shop_rollout", "ABORTED", "deployment_cancelled"),
        ("build-and-deploy", "SUCCESS", "build_success"),
        ("undeployed", "SUCCESS", "build_success"),
    ],
)
def test_a_job_that_deploys_is_a_deployment(job: str, result: str, event_type: str) -> None:
    with Server(**{job: [build(2, result, job)]}) as server:
        assert [draft.event_type for draft in told(reading(server))] == [event_type]


def test_check_asks_with_the_token() -> None:
    with Server() as server:
        source = made(Jenkins, url=server.url, user="ada", token="t0ken")
        source.check()
        source.http._client.close()
    assert server.paths() == ["/api/json"]


def test_a_wrong_token_is_the_owners_to_change() -> None:
    with Peer({"*": Reply("Unauthorized", status=401)}) as server, pytest.raises(Refused):
        reading(server)


def notification(phase: str = "FINALIZED", status: str = "FAILURE", number: int = 1) -> dict[str, Any]:
    return {
        "name": "shop",
        "url": "job/shop/",
        "build": {
            "full_url": f"https://jenkins.example/job/shop/{number}/",
            "number": number,
            "phase": phase,
            "status": status,
            "url": f"job/shop/{number}/",
            "timestamp": BEGUN + 60_000,
            "duration": 60_000,
            "scm": {
                "url": "https://git.example/acme/shop.git",
                "branch": "origin/main",
                "commit": SHA,
                "culprits": ["ada"],
            },
            "testSummary": {"total": 4, "failed": 1, "passed": 3, "skipped": 0, "failedTests": ["cart.test_total"]},
        },
    }


def test_a_notification_tells_the_same_event_as_a_poll() -> None:
    (pushed_one,) = pushed(made(Jenkins), notification())
    with Server(shop=[build(1, "FAILURE")]) as server:
        (polled_one,) = told(reading(server))
    for name in ("source_id", "event_type", "timestamp", "severity", "service", "url"):
        assert getattr(pushed_one, name) == getattr(polled_one, name)


def test_a_notification_tells_which_tests_failed() -> None:
    (draft,) = pushed(made(Jenkins), notification())
    assert draft.data["tests"] == {"total": 4, "failed": 1, "skipped": 0}
    assert draft.data["failed_steps"] == ["cart.test_total"]
    assert (draft.data["sha"], draft.data["branch"], draft.data["author"]) == (SHA, "main", "ada")


def test_an_old_plugin_that_tells_no_time_tells_of_now() -> None:
    body = notification("FINISHED")
    del body["build"]["timestamp"], body["build"]["duration"]
    assert [draft.timestamp for draft in pushed(made(Jenkins), body)] == [NOW]


@pytest.mark.parametrize(("phase", "status"), [("QUEUED", ""), ("STARTED", ""), ("FINALIZED", "NOT_BUILT")])
def test_what_has_not_ended_is_no_event(phase: str, status: str) -> None:
    assert pushed(made(Jenkins), notification(phase, status)) == []


@pytest.mark.parametrize("headers", [BASIC, BEARER], ids=["basic", "bearer"])
def test_the_secret_may_come_with_the_address_or_as_a_token(headers: dict[str, str]) -> None:
    assert made(Jenkins).verify(headers, b"{}").event == "notification"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic %%"}], ids=str)
def test_a_forged_notification_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Forged):
        made(Jenkins).verify(headers, b"{}")


def test_a_phase_of_a_build_is_one_delivery() -> None:
    first, again = notification(), notification() | {"display_name": "Shop"}
    other, garbage = notification("COMPLETED"), [b"garbage", b"[]"]
    bodies = [orjson.dumps(first), orjson.dumps(again), orjson.dumps(other), *garbage]
    keys = [made(Jenkins).verify(BEARER, body).key for body in bodies]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        ({}, ["token"]),
        ({"token": "t"}, ["url", "user"]),
        ({"secret": "s", "url": "ftp://jenkins"}, ["url"]),
        ({"secret": "s", "deployments": "("}, ["deployments"]),
    ],
    ids=str,
)
def test_wrong_settings_are_named(config: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(Misconfigured) as caught:
        JenkinsConfig.read(config)
    assert sorted(caught.value.fields) == fields


def test_what_is_not_configured_is_not_done() -> None:
    assert (made(Jenkins).is_polled(), made(Jenkins).is_pushed()) == (False, True)
    other = made(Jenkins, url="https://jenkins.example", user="ada", token="t", secret="")
    assert (other.is_polled(), other.is_pushed()) == (True, False)
