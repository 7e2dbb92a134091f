"""Gitea and Forgejo are polled for what their webhooks missed, and what both tell of is one event."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors import reception, services
from connectors.base import Record
from connectors.digestion import digest_pending
from connectors.errors import Forged, Misconfigured, Refused
from connectors.polling import poll
from connectors.signing import hmac_hex
from connectors.sources.gitea import Gitea, GiteaConfig
from connectors.tests.corpus import EMPTIES, escapes
from connectors.tests.factories import NOW
from connectors.tests.peers import Asked, Peer, Reply
from events.drafts import EventDraft
from events.models import Event
from tests.shared import payloads

SECRET, SHA = "only Gitea knows", "a" * 40
AT = (NOW - timedelta(hours=1)).isoformat()
LONG_AGO = (NOW - timedelta(days=90)).isoformat()
HOME = "/api/v1/repos/shop/checkout"
PULL = {
    "number": 3,
    "title": "Pay",
    "created_at": AT,
    "updated_at": AT,
    "closed_at": AT,
    "merged": True,
    "merged_at": AT,
    "html_url": "https://gitea.example/shop/checkout/pulls/3",
}
RELEASE = {"id": 7, "tag_name": "v1", "published_at": AT, "created_at": LONG_AGO}
PERSON = {"name": "Ada", "email": "ada@shop.example", "date": AT}
COMMIT = {
    "sha": SHA,
    "created": AT,
    "html_url": f"https://gitea.example/shop/checkout/commit/{SHA}",
    "commit": {"message": "Fix\n\nit", "author": PERSON, "committer": PERSON},
}
ROUTES: dict[str, Any] = {
    HOME: {"full_name": "shop/checkout", "default_branch": "main"},
    f"{HOME}/pulls": [PULL],
    f"{HOME}/releases": [RELEASE],
    f"{HOME}/commits": [COMMIT],
}
TYPES = ["commit", "pull_request_merged", "pull_request_opened", "release"]


def source(url: str, **values: Any) -> Gitea:
    settings = {"url": url, "token": "t", "repositories": ["shop/checkout"], **values}
    return Gitea(GiteaConfig.read(settings), workspace=Path("unused"), now=NOW)


def polled(routes: dict[str, Any], **values: Any) -> list[Record]:
    with Peer({**ROUTES, **routes}) as peer:
        return list(source(peer.url, **values).fetch(NOW - timedelta(hours=3), NOW))


def drafts(records: list[Record]) -> list[EventDraft]:
    return [draft for record in records for draft in source("http://gitea").decode(record)]


@pytest.mark.django_db
def test_what_is_polled_and_told_by_webhook_is_stored_once() -> None:
    with Peer(ROUTES) as peer:
        values = {"url": peer.url, "token": "t", "repositories": ["shop/checkout"], "secret": SECRET}
        connector = services.connect(name="forge", kind="gitea", values=values, actor=None, now=NOW)
        for minute in range(2):
            poll(connector=connector, now=NOW + timedelta(minutes=minute))
    assert sorted(Event.objects.values_list("event_type", flat=True)) == TYPES
    repository = {"full_name": "shop/checkout", "updated_at": AT}
    pushed = {"id": SHA, "message": "Fix\n\nit", "timestamp": AT, "author": PERSON, "committer": PERSON}
    hooks: dict[str, dict[str, Any]] = {
        "pull_request": {"action": "closed", "pull_request": PULL},
        "release": {"action": "published", "release": RELEASE},
        "push": {"ref": "refs/heads/main", "after": SHA, "commits": [pushed]},
    }
    for event, payload in hooks.items():
        body = orjson.dumps({**payload, "repository": repository})
        headers = {"x-gitea-signature": hmac_hex(SECRET, body), "x-gitea-event": event, "x-gitea-delivery": event}
        reception.receive(connector=connector, headers=headers, body=body, now=NOW)
    digest_pending(now=NOW)
    assert sorted(Event.objects.values_list("event_type", flat=True)) == sorted([*TYPES, "push"])


@pytest.mark.parametrize(("event", "file"), [("pulls", "pull-request-event"), ("releases", "release-event")])
def test_a_recorded_webhook_and_the_list_tell_of_the_same_event(event: str, file: str) -> None:
    payload = orjson.loads(payloads("gitea", "webhooks-go-playground").joinpath(f"{file}.json").read_bytes())
    (told,) = source("http://gitea").decode(Record.of("one", file.removesuffix("-event").replace("-", "_"), payload))
    item, name = payload.get("pull_request") or payload["release"], payload["repository"]["full_name"]
    home = f"/api/v1/repos/{name}"
    empty: dict[str, Any] = {f"{home}/{path}": [] for path in ("pulls", "releases", "commits")}
    routes = {**empty, home: payload["repository"], f"{home}/{event}": [item]}
    with Peer(routes) as peer:
        records = list(source(peer.url, repositories=[name]).fetch(NOW - timedelta(days=9_000), NOW))
    assert told.source_id in {draft.source_id for draft in drafts(records)}


def test_every_event_links_to_its_page() -> None:
    urls = {draft.event_type: draft.url for draft in drafts(polled({}))}
    assert urls["commit"] == COMMIT["html_url"]
    assert urls["pull_request_opened"] == PULL["html_url"]


def test_the_newest_are_asked_for_first_and_in_pages_it_gives() -> None:
    with Peer(ROUTES) as peer:
        source(peer.url).fetch(NOW - timedelta(hours=3), NOW)
        asked = {one.path: one for one in peer.asked}
    assert asked[f"{HOME}/pulls"].query == {"state": "all", "sort": "recentupdate", "limit": "50"}
    assert asked[f"{HOME}/commits"].query["files"] == "false"
    assert {one.headers["authorization"] for one in asked.values()} == {"token t"}


def test_commits_are_read_until_a_page_is_older_where_the_server_knows_no_times() -> None:
    def page(asked: Asked) -> Reply:
        number = int(asked.query.get("page", "1"))
        person = {**PERSON, "date": AT if number == 1 else LONG_AGO}
        commit = {"sha": f"{number:040}", "commit": {"message": "Fix", "author": person, "committer": person}}
        link = f'<http://{asked.headers["host"]}{HOME}/commits?page={number + 1}>; rel="next"'
        return Reply([commit], headers={"Link": link})

    with Peer({**ROUTES, f"{HOME}/commits": page}) as peer:
        records = list(source(peer.url).fetch(NOW - timedelta(hours=3), NOW))
        assert peer.paths().count(f"{HOME}/commits") == 2
    assert [draft.data["sha"] for draft in drafts(records) if draft.event_type == "commit"] == [f"{1:040}"]


def test_a_repository_without_commits_is_no_failure() -> None:
    records = polled({f"{HOME}/commits": Reply({"message": "Git Repository is empty."}, status=409)})
    assert "commit" not in {record.kind for record in records}


def test_a_repository_that_is_not_there_is_told_to_the_owner() -> None:
    with Peer({}) as peer, pytest.raises(Refused):
        source(peer.url).check()


def test_what_is_not_gitea_is_named() -> None:
    with Peer({"*": {"hello": "world"}}) as peer, pytest.raises(Misconfigured, match="not the API of Gitea"):
        source(peer.url).check()


@pytest.mark.parametrize("path", sorted(ROUTES))
@pytest.mark.parametrize("value", EMPTIES, ids=repr)
def test_no_field_of_a_list_breaks_it(path: str, value: Any) -> None:
    def decode(listed: Any) -> list[EventDraft]:
        peer.routes[path] = listed
        return drafts(list(client.fetch(NOW - timedelta(hours=3), NOW)))

    with Peer(ROUTES) as peer:
        client = source(peer.url, requests_per_second=10_000)
        escaped = escapes(ROUTES[path], value, decode)
    assert [problem for _, problem in escaped if not isinstance(problem, Misconfigured)] == []


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"token": "t", "url": "http://gitea"}, {"repositories"}),
        ({"token": "t", "repositories": ["shop/checkout"]}, {"url"}),
        ({"secret": "s", "repositories": ["shop/checkout"]}, {"token"}),
        ({"token": "t", "url": "http://gitea", "repositories": ["checkout"]}, {"repositories"}),
        ({}, {"secret"}),
    ],
)
def test_a_setting_that_is_missing_is_named(values: dict[str, Any], names: set[str]) -> None:
    with pytest.raises(Misconfigured) as refused:
        GiteaConfig.read(values)
    assert set(refused.value.fields) == names


def test_one_that_is_polled_alone_takes_no_deliveries() -> None:
    headers = {"x-gitea-signature": hmac_hex("", b"{}"), "x-gitea-event": "push", "x-gitea-delivery": "one"}
    with pytest.raises(Forged):
        source("http://gitea").verify(headers, b"{}")
