"""Gitea and Forgejo are understood by their webhooks, and do no harm however these are mutilated."""

from datetime import UTC, datetime, timedelta
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
from connectors.signing import hmac_hex
from connectors.sources.gitea import Gitea, GiteaConfig
from connectors.tests.corpus import EMPTIES, STRANGE, assert_golden, escapes, mutilated, places, told
from connectors.tests.factories import NOW
from events.drafts import EventDraft
from events.models import Event
from rcaplatform.kit.errors import Invalid
from tests.shared import payloads

HOOKS = sorted(payloads("gitea", "webhooks-go-playground").glob("*.json"))
# What the header calls the events whose file is called otherwise; it does not tell labels from milestones.
NAMES = {"pull-request": "pull_request", "issue-comment": "issue_comment", "pull-request-comment": "issue_comment"}
SECRET, SHA = "only Gitea knows", "a" * 40
REPOSITORY = {"full_name": "shop/checkout", "updated_at": "2030-01-01T11:00:00Z"}
RUN = {
    "id": 31,
    "path": ".gitea/workflows/ci.yml@refs/heads/main",
    "conclusion": "failure",
    "head_branch": "main",
    "started_at": "2030-01-01T10:00:00Z",
    "completed_at": "2030-01-01T10:05:00Z",
}
FORGEJO = {
    "id": 31,
    "workflow_id": "ci.yml",
    "status": "failure",
    "prettyref": "main",
    "index_in_repo": 7,
    "stopped": "2030-01-01T10:05:00Z",
    "repository": REPOSITORY,
}


def source() -> Gitea:
    return Gitea(GiteaConfig(secret=SECRET), workspace=Path("unused"), now=NOW)


def event_of(path: Path) -> str:
    stem = path.stem.removesuffix("-event")
    if stem in NAMES:
        return NAMES[stem]
    return "pull_request" if stem.startswith("pull") else "issues" if stem.startswith("issue") else stem


def decode(event: str, payload: Any) -> list[EventDraft]:
    return decode_bytes(event, orjson.dumps(payload))


def decode_bytes(event: str, body: bytes) -> list[EventDraft]:
    parts = source().unpack(Call(event, {}, body))
    return [draft for kind, part in parts for draft in source().decode(Record.of("one", kind, part))]


def push(**changes: Any) -> EventDraft:
    payload = {"ref": "refs/heads/main", "before": "b" * 40, "after": SHA, "repository": REPOSITORY, **changes}
    return decode("push", payload)[-1]


def run(**changes: Any) -> list[EventDraft]:
    return decode("workflow_run", {"action": "completed", "workflow_run": {**RUN, **changes}, "repository": REPOSITORY})


def test_every_recorded_delivery_is_understood_as_before() -> None:
    found = {path.name: told(decode_bytes(event_of(path), path.read_bytes())) for path in HOOKS}
    assert_golden("gitea/webhooks", found)


def examples() -> list[tuple[str, Any]]:
    recorded = [(event_of(path), orjson.loads(path.read_bytes())) for path in HOOKS]
    runs = {"action": "completed", "workflow_run": RUN, "repository": REPOSITORY}
    return [*recorded, ("workflow_run", runs), ("action_run_failure", {"action": "failure", "run": FORGEJO})]


@pytest.mark.parametrize("value", EMPTIES, ids=repr)
@pytest.mark.parametrize(
    "wanted", ["push", "create", "delete", "pull_request", "release", "issues", "workflow_run", "action_run_failure"]
)
def test_no_field_breaks_it(wanted: str, value: Any) -> None:
    payload = next(payload for event, payload in examples() if event == wanted)
    assert escapes(payload, value, lambda changed: decode(wanted, changed)) == []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_of_another_type_makes_a_dead_letter_at_most(data: st.DataObject) -> None:
    event, payload = data.draw(st.sampled_from(examples()))
    way = data.draw(st.sampled_from(list(places(payload))))
    try:
        decode(event, mutilated(payload, way, data.draw(STRANGE)))
    except (BadRecord, Invalid):
        return


@pytest.mark.parametrize("name", ["gitea", "forgejo", "gogs"])
def test_a_delivery_signed_under_any_name_of_the_family_is_taken(name: str) -> None:
    headers = {f"x-{name}-signature": hmac_hex(SECRET, b"{}"), f"x-{name}-delivery": "one", f"x-{name}-event": "push"}
    envelope = source().verify(headers, b"{}")
    assert (envelope.key, envelope.event) == ("one", "push")


@pytest.mark.parametrize("signature", ["", "00", hmac_hex("another secret", b"{}"), hmac_hex(SECRET, b"[]")])
def test_a_forged_delivery_is_refused(signature: str) -> None:
    with pytest.raises(Forged):
        source().verify({"x-gitea-signature": signature, "x-gitea-delivery": "one", "x-gitea-event": "push"}, b"{}")


def test_a_form_is_signed_by_the_json_in_it() -> None:
    headers = {"x-gitea-signature": hmac_hex(SECRET, b'{"a": 1}'), "x-gitea-delivery": "one", "x-gitea-event": "push"}
    assert source().verify(headers, b"payload=%7B%22a%22%3A+1%7D").event == "push"


def test_without_a_secret_nobody_could_be_told_from_anybody() -> None:
    with pytest.raises(Misconfigured) as refused:
        GiteaConfig(secret="")
    assert list(refused.value.fields) == ["secret"]


def test_a_push_is_no_older_than_its_repository() -> None:
    head = {"timestamp": "2029-12-31T08:00:00Z"}
    assert push(head_commit=head).timestamp == datetime(2030, 1, 1, 11, tzinfo=UTC)


def test_a_push_is_no_older_than_its_head_commit() -> None:
    head = {"timestamp": "2030-01-01T13:00:00+02:30"}
    repository = {**REPOSITORY, "updated_at": "2030-01-01T10:00:00Z"}
    assert push(head_commit=head, repository=repository).timestamp == datetime(2030, 1, 1, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"before": "0" * 40}, "Pushed new branch main"),
        ({"after": "0" * 40}, "Pushed the deletion of branch main"),
        ({"total_commits": 12}, "Pushed 12 commits to branch main"),
    ],
)
def test_a_push_says_what_it_did(changes: dict[str, Any], title: str) -> None:
    assert push(**changes).title == title


def test_a_push_that_lists_fewer_commits_than_it_brought_says_so() -> None:
    assert push(total_commits=12).data["truncated"] is True


def test_a_build_is_named_after_its_file_where_it_has_no_name() -> None:
    (draft,) = run()
    assert (draft.event_type, draft.title) == ("build_failure", "Workflow ci.yml failed on main")


def test_a_build_run_again_is_another_event_though_gitea_counts_no_attempts() -> None:
    (first,), (again,) = run(run_attempt=0), run(run_attempt=0, completed_at="2030-01-01T11:00:00Z")
    assert first.source_id != again.source_id


def test_a_build_that_has_not_ended_is_no_event() -> None:
    payload = {"action": "in_progress", "workflow_run": RUN, "repository": REPOSITORY}
    assert decode("workflow_run", payload) == []


@pytest.mark.parametrize(
    ("action", "changes", "event_type"),
    [
        ("failure", {}, "build_failure"),
        ("success", {"status": "success"}, "build_success"),
        ("recover", {"status": ""}, "build_success"),
    ],
)
def test_a_build_of_forgejo_is_an_event(action: str, changes: dict[str, Any], event_type: str) -> None:
    (draft,) = decode(f"action_run_{action}", {"action": action, "run": {**FORGEJO, **changes}})
    assert (draft.event_type, draft.service, draft.data["number"]) == (event_type, "checkout", 7)


def test_a_commit_status_is_a_check() -> None:
    status = {"id": 5, "context": "ci/lint", "state": "failure", "sha": SHA, "created_at": "2030-01-01T10:00:00Z"}
    (draft,) = decode("status", {**status, "repository": REPOSITORY})
    assert (draft.event_type, draft.title) == ("check_failure", "Check ci/lint failed")


def test_talk_about_work_is_no_event() -> None:
    assert decode("issue_comment", {"action": "created", "repository": REPOSITORY}) == []


@pytest.mark.django_db
def test_a_delivery_that_is_sent_again_is_stored_once() -> None:
    connector = services.connect(name="forge", kind="gitea", values={"secret": SECRET}, actor=None, now=NOW)
    body = orjson.dumps({"action": "completed", "workflow_run": RUN, "repository": REPOSITORY})
    headers = {"x-gitea-signature": hmac_hex(SECRET, body), "x-gitea-event": "workflow_run"}
    for key in ("one", "one", "replayed by hand"):
        reception.receive(connector=connector, headers={**headers, "x-gitea-delivery": key}, body=body, now=NOW)
    digest_pending(now=NOW + timedelta(minutes=1))
    assert [event.event_type for event in Event.objects.all()] == ["build_failure"]
