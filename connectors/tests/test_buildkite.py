"""Buildkite: which builds and jobs a poll tells of, and what its webhooks prove and say."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from connectors.base import Cursor, Page
from connectors.errors import Forged, Misconfigured, Refused
from connectors.signing import hmac_hex
from connectors.sources.buildkite import Buildkite, BuildkiteConfig
from connectors.tests.alerts import KEY, decoded, made, polled, pushed
from connectors.tests.factories import NOW
from connectors.tests.peers import Asked, Peer, Reply
from events.drafts import EventDraft

BUILDS = "/v2/organizations/acme/builds"
SHA = "abcd0b72a1e580e90712cdd9eb26d3fb41cd09c8"
PIPELINE = {"slug": "shop", "name": "Shop", "repository": "git@github.com:acme/shop-api.git"}


def build(number: int = 1, state: str = "passed", **more: Any) -> dict[str, Any]:
    return {
        "id": f"b{number}",
        "number": number,
        "state": state,
        "blocked": False,
        "message": "Charge once\n\nand only once",
        "commit": SHA,
        "branch": "main",
        "source": "webhook",
        "creator": {"name": "Ada"},
        "web_url": f"https://buildkite.com/acme/shop/builds/{number}",
        "created_at": "2030-01-01T11:49:00.000Z",
        "started_at": "2030-01-01T11:50:00.000Z",
        "finished_at": "2030-01-01T11:52:30.250Z",
        "pipeline": PIPELINE,
        **more,
    }


def job(identity: str = "j1", state: str = "failed", **more: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "type": "script",
        "name": "RSpec",
        "step_key": "rspec",
        "state": state,
        "exit_status": 1,
        "soft_failed": False,
        "web_url": f"https://buildkite.com/acme/shop/builds/1#{identity}",
        "started_at": "2030-01-01T11:51:00.000Z",
        "finished_at": "2030-01-01T11:52:00.000Z",
        "agent": {"name": "agent-1"},
        **more,
    }


def reading(server: Peer, cursor: Cursor | None = None) -> list[Page]:
    return polled(made(Buildkite, url=server.url, token="t", organization="acme"), cursor)


def told(pages: list[Page]) -> list[EventDraft]:
    return [draft for page in pages for draft in decoded(made(Buildkite), page.records)]


def test_a_poll_tells_of_builds_that_ended_and_of_the_jobs_that_failed() -> None:
    whole = build(2, "failed", jobs=[job(), job("j2", "passed", exit_status=0), job("j3", soft_failed=True)])
    routes = {BUILDS: [build(2, "failed"), build(1)], "/v2/organizations/acme/pipelines/shop/builds/2": whole}
    with Peer(routes) as server:
        failed, check, passed = told(reading(server))
    assert [failed.event_type, check.event_type, passed.event_type] == [
        "build_failure",
        "check_failure",
        "build_success",
    ]
    assert failed.data["failed_steps"] == ["RSpec"]
    assert check.data["exit_status"] == 1
    assert check.service == "shop-api"


def test_a_poll_asks_for_what_finished_since_the_last_one() -> None:
    with Peer({BUILDS: []}) as server:
        *_, page = reading(server, {"until": (NOW - timedelta(hours=1)).isoformat()})
    (asked,) = server.asked
    assert asked.query["finished_from"] == (NOW - timedelta(hours=1, minutes=2)).isoformat()
    assert asked.query["exclude_jobs"] == "true"
    assert asked.headers["authorization"] == "Bearer t"
    assert page.cursor == {"until": NOW.isoformat()}


def test_every_page_is_read_and_the_cursor_moves_at_the_end() -> None:
    def paged(asked: Asked) -> Reply:
        if asked.query.get("page"):
            return Reply([build(1)])
        return Reply([build(2)], headers={"Link": f'<{server.url}{BUILDS}?page=2>; rel="next"'})

    with Peer({BUILDS: paged}) as server:
        pages = reading(server)
    assert [page.cursor for page in pages] == [{}, {}, {"until": NOW.isoformat()}]
    assert len(told(pages)) == 2


def test_pages_that_are_refused_leave_a_gap() -> None:
    def paged(asked: Asked) -> Reply:
        if asked.query.get("page"):
            return Reply("Page too high", status=422)
        return Reply([build(2)], headers={"Link": f'<{server.url}{BUILDS}?page=2>; rel="next"'})

    with Peer({BUILDS: paged}) as server:
        *_, last = reading(server)
    assert [gap.reason for gap in last.gaps] == ["Buildkite told of no more builds: Page too high"]


def test_an_organization_that_is_not_there_is_the_owners_to_change() -> None:
    with Peer() as server, pytest.raises(Refused):
        reading(server)


def test_a_failed_build_that_was_deleted_meanwhile_is_told_without_its_jobs() -> None:
    with Peer({BUILDS: [build(1, "failed")]}) as server:
        assert [draft.event_type for draft in told(reading(server))] == ["build_failure"]


def webhook(event: str = "build.finished", **more: Any) -> dict[str, Any]:
    return {"event": event, "build": build(), "pipeline": PIPELINE, "sender": {"name": "Ada"}, **more}


def test_a_webhook_tells_the_same_event_as_a_poll() -> None:
    # Webhooks write times otherwise, and without fractions.
    short: dict[str, Any] = {"started_at": "2030-01-01 11:50:00 UTC", "finished_at": "2030-01-01 11:52:30 UTC"}
    (by_webhook,) = pushed(made(Buildkite), webhook(build=build(**short)))
    with Peer({BUILDS: [build()]}) as server:
        (by_poll,) = told(reading(server))
    for name in ("source_id", "event_type", "severity", "service", "title", "url"):
        assert getattr(by_webhook, name) == getattr(by_poll, name)


def test_what_buildkite_knows_of_a_build_is_kept() -> None:
    (draft,) = pushed(made(Buildkite), webhook())
    assert draft.title == "Build Shop #1 succeeded on main"
    assert draft.data["duration_seconds"] == 150.25
    assert draft.data["sha"] == SHA
    assert draft.data["author"] == "Ada"
    assert draft.data["subject"] == "Charge once"


def test_a_build_that_ends_again_after_a_retry_is_another_event() -> None:
    again = build(finished_at="2030-01-01T12:10:00.000Z")
    first, second = (pushed(made(Buildkite), webhook(build=one))[0] for one in (build(), again))
    assert first.source_id != second.source_id


@pytest.mark.parametrize(
    ("more", "event_type", "severity"),
    [
        ({}, "check_failure", "medium"),
        ({"soft_failed": True}, "check_failure", "low"),
        ({"state": "finished", "exit_status": 0}, "check_success", "info"),
        ({"state": "finished", "exit_status": 3}, "check_failure", "medium"),
        ({"state": "timed_out"}, "check_failure", "medium"),
        ({"state": "canceled"}, "check_cancelled", "low"),
        ({"name": "Deploy to production"}, "deployment_failure", "high"),
    ],
    ids=str,
)
def test_a_job_that_ended_is_a_check_or_a_deployment(more: dict[str, Any], event_type: str, severity: str) -> None:
    (draft,) = pushed(made(Buildkite), webhook("job.finished", job=job(**more)))
    assert (draft.event_type, draft.severity) == (event_type, severity)


@pytest.mark.parametrize(
    "body",
    [
        webhook("build.running", build=build(state="running")),
        webhook("build.scheduled"),
        webhook("build.finished", build=build(blocked=True, finished_at=None)),
        webhook("job.started", job=job()),
        webhook("job.finished", job=job(type="trigger")),
        webhook("job.finished", job=job(state="skipped")),
        {"event": "ping"},
        {"event": "agent.connected", "agent": {}},
    ],
    ids=range(8),
)
def test_what_has_not_ended_is_no_event(body: dict[str, Any]) -> None:
    assert pushed(made(Buildkite), body) == []


def signed(body: bytes, *, age: int = 0, secret: str = KEY) -> dict[str, str]:
    stamp = str(int(NOW.timestamp()) - age)
    signature = hmac_hex(secret, f"{stamp}.".encode() + body)
    return {"x-buildkite-signature": f"timestamp={stamp},signature={signature}", "x-buildkite-event": "ping"}


@pytest.mark.parametrize("headers", [signed(b"{}"), signed(b"{}", age=290), {"x-buildkite-token": KEY}], ids=str)
def test_a_token_or_a_signature_is_proof(headers: dict[str, str]) -> None:
    assert made(Buildkite).verify(headers, b"{}").key


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-buildkite-token": "wrong"},
        signed(b"other"),
        signed(b"{}", secret="wrong"),
        signed(b"{}", age=301),
        signed(b"{}", age=-301),
        {"x-buildkite-signature": "garbage", "x-buildkite-token": KEY},
        {"x-buildkite-signature": "timestamp=\ud800,signature=é"},
    ],
    ids=range(8),
)
def test_a_forged_or_old_delivery_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Forged):
        made(Buildkite).verify(headers, b"{}")


def test_equal_bodies_are_one_delivery() -> None:
    bodies = [orjson.dumps(webhook()), orjson.dumps(webhook()), orjson.dumps(webhook("build.running"))]
    keys = [made(Buildkite).verify(signed(body), body).key for body in bodies]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("config", "fields"), [({}, {"token"}), ({"token": "t"}, {"organization"}), ({"secret": "s", "url": "x"}, {"url"})]
)
def test_wrong_settings_are_named(config: dict[str, Any], fields: set[str]) -> None:
    with pytest.raises(Misconfigured) as caught:
        BuildkiteConfig.read(config)
    assert caught.value.fields.keys() == fields


def test_check_asks_for_one_build() -> None:
    with Peer({BUILDS: []}) as server:
        source = made(Buildkite, url=server.url, token="t", organization="acme")
        source.check()
        source.http._client.close()
    assert server.asked[0].query["per_page"] == "1"
