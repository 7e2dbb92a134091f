"""GitLab is understood by webhook and by poll, and what both tell of is one event."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import reception, services
from connectors.base import Call, Record
from connectors.digestion import digest_pending
from connectors.errors import BadRecord, Forged, Misconfigured
from connectors.polling import poll
from connectors.sources.gitlab import GitLab, GitLabConfig
from connectors.tests.corpus import EMPTIES, STRANGE, assert_golden, escapes, mutilated, places, told
from connectors.tests.factories import NOW
from connectors.tests.peers import Peer
from events.drafts import EventDraft
from events.models import Event
from rcaplatform.kit.errors import Invalid
from tests.shared import payloads

FOLDERS = [payloads("gitlab", "webhooks-go-playground"), payloads("gitlab", "rest-and-webhooks-xanzy", "webhooks")]
HOOKS = {f"{path.parent.name}/{path.name}": path for folder in FOLDERS for path in sorted(folder.glob("*.json"))}
# Two of them are broken as they were recorded.
READABLE = sorted(path for path in HOOKS.values() if path.stem not in {"comment-commit-event", "note_commit"})
SECRET = "only GitLab knows"


def source(**values: Any) -> GitLab:
    return GitLab(GitLabConfig.read({"secret": SECRET, **values}), workspace=Path("unused"), now=NOW)


def decode(payload: Any) -> list[EventDraft]:
    return decode_bytes(orjson.dumps(payload))


def decode_bytes(body: bytes) -> list[EventDraft]:
    parts = source().unpack(Call("", {}, body))
    return [draft for kind, part in parts for draft in source().decode(Record.of("one", kind, part))]


def understood(path: Path) -> Any:
    try:
        return told(decode_bytes(path.read_bytes()))
    except (BadRecord, Invalid) as problem:
        return problem.message


def test_every_recorded_delivery_is_understood_as_before() -> None:
    assert_golden("gitlab/webhooks", {name: understood(path) for name, path in HOOKS.items()})


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
@pytest.mark.parametrize("event", ["pipeline", "push", "deployment", "merge-request", "job", "release", "issue"])
def test_no_field_breaks_it(event: str, value: Any) -> None:
    payload = orjson.loads(HOOKS[f"webhooks-go-playground/{event}-event.json"].read_bytes())
    assert escapes(payload, value, decode) == []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_of_another_type_makes_a_dead_letter_at_most(data: st.DataObject) -> None:
    payload = orjson.loads(data.draw(st.sampled_from(READABLE)).read_bytes())
    way = data.draw(st.sampled_from(list(places(payload))))
    try:
        decode(mutilated(payload, way, data.draw(STRANGE)))
    except (BadRecord, Invalid):
        return


def test_a_call_without_the_token_is_refused() -> None:
    with pytest.raises(Forged):
        source().verify({"x-gitlab-token": "another"}, b"{}")


def test_a_call_that_is_sent_again_is_known_by_its_key() -> None:
    headers = {"x-gitlab-token": SECRET, "x-gitlab-event": "Push Hook", "idempotency-key": "abc"}
    assert source().verify(headers, b"{}").key == "abc"
    del headers["idempotency-key"]
    assert (
        source().verify(headers, b"{}").key
        == source().verify(headers, b"{}").key
        != source().verify(headers, b"[]").key
    )


@pytest.mark.parametrize(
    ("values", "field"), [({"token": "t"}, "projects"), ({"secret": ""}, "token"), ({"url": "gitlab"}, "url")]
)
def test_what_cannot_work_is_named(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        source(**values)
    assert field in refused.value.fields


AT = (NOW - timedelta(hours=1)).isoformat()
PROJECT = {"id": 7, "path_with_namespace": "shop/checkout", "web_url": "https://gitlab.example/shop/checkout"}
PIPELINE = {"id": 31, "iid": 3, "project_id": 7, "status": "failed", "ref": "main", "sha": "a" * 40, "updated_at": AT}
ROUTES = {
    "/api/v4/projects/shop%2Fcheckout": PROJECT,
    "/api/v4/projects/shop%2Fcheckout/pipelines": [PIPELINE],
    "/api/v4/projects/shop%2Fcheckout/deployments": [
        {"id": 15, "status": "success", "updated_at": AT, "environment": {"name": "live"}, "sha": "a" * 40}
    ],
    "/api/v4/projects/shop%2Fcheckout/merge_requests": [
        {"id": 99, "iid": 1, "state": "merged", "title": "Pay", "merged_at": AT, "updated_at": AT}
    ],
    "/api/v4/projects/shop%2Fcheckout/repository/commits": [
        {"id": "b" * 40, "title": "Fix", "message": "Fix\n\nit", "committed_date": AT, "author_name": "Ada"}
    ],
}


@pytest.mark.django_db
def test_what_is_polled_and_told_by_webhook_is_stored_once() -> None:
    with Peer({**ROUTES, **{path.replace("%2F", "/"): answer for path, answer in ROUTES.items()}}) as peer:
        values = {"url": peer.url, "token": "t", "projects": ["shop/checkout"], "secret": SECRET}
        connector = services.connect(name="gitlab", kind="gitlab", values=values, actor=None, now=NOW)
        for minute in range(2):
            poll(connector=connector, now=NOW + timedelta(minutes=minute))
        assert {asked.headers["private-token"] for asked in peer.asked} == {"t"}
    types = sorted(Event.objects.values_list("event_type", flat=True))
    assert types == ["build_failure", "commit", "deployment", "pull_request_merged"]
    hook = {"object_kind": "pipeline", "project": PROJECT, "object_attributes": {**PIPELINE, "finished_at": AT}}
    headers = {"x-gitlab-token": SECRET, "x-gitlab-event": "Pipeline Hook"}
    reception.receive(connector=connector, headers=headers, body=orjson.dumps(hook), now=NOW)
    digest_pending(now=NOW)
    assert Event.objects.count() == 4


def test_a_pipeline_names_the_jobs_that_failed() -> None:
    builds = [{"name": "test", "status": "failed"}, {"name": "lint", "status": "success"}]
    hook = {"object_kind": "pipeline", "project": PROJECT, "object_attributes": PIPELINE, "builds": builds}
    (draft,) = decode(hook)
    assert (draft.title, draft.severity) == ("Build shop/checkout #3 failed on main: test", "high")
    assert (draft.service, draft.environment) == ("checkout", "")
