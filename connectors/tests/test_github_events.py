"""What a GitHub delivery is worth: which become events, with which severity, identity, time and place."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from connectors.errors import BadRecord
from connectors.tests.github import decode, delivery_of
from events.drafts import EventDraft
from events.terms import said

SHA = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"


def told(event: str, *, config: dict[str, str] | None = None, **parts: Any) -> list[EventDraft]:
    return decode(event, orjson.dumps(delivery_of(**parts)), **(config or {}))


def only(event: str, *, config: dict[str, str] | None = None, **parts: Any) -> EventDraft:
    (draft,) = told(event, config=config, **parts)
    return draft


def commit(**changes: Any) -> dict[str, Any]:
    return {
        "id": SHA,
        "message": "Raise the timeout\n\nThe gateway is slow.",
        "timestamp": "2030-01-01T10:00:00+02:00",
        "url": f"https://github.com/acme/shop/commit/{SHA}",
        "author": {"name": "Ada", "email": "ada@example.org"},
        "added": ["timeout.py"],
        "removed": [],
        "modified": ["gateway.py"],
        **changes,
    }


def run(**changes: Any) -> dict[str, Any]:
    return {
        "action": "completed",
        "workflow_run": {"id": 7, "name": "CI", "updated_at": "2030-01-01T10:00:00Z", "head_branch": "main", **changes},
    }


def pull(**changes: Any) -> dict[str, Any]:
    times = dict.fromkeys(("created_at", "updated_at", "closed_at", "merged_at"), "2030-01-01T10:00:00Z")
    return {"number": 3, "title": "Raise the timeout", **times, **changes}


def test_a_commit_is_told_as_git_tells_it_so_that_both_tell_of_one_event() -> None:
    draft, _ = told("push", ref="refs/heads/main", after=SHA, commits=[commit()])
    assert (draft.source, draft.source_id, draft.content_addressed) == ("git", SHA, True)
    assert draft.title == "Raise the timeout"
    assert draft.timestamp == datetime(2030, 1, 1, 8, tzinfo=UTC)
    assert draft.data["body"] == "The gateway is slow."
    assert draft.data["files_changed"] == 2
    assert draft.data["branch"] == "main"
    assert any("gateway.py" in text for text in said(draft.data))


def test_a_push_happened_when_it_was_pushed_not_when_its_commits_were_made() -> None:
    *_, push = told("push", ref="refs/heads/main", after=SHA, commits=[commit()], head_commit=commit())
    assert push.timestamp == datetime.fromtimestamp(1_900_000_000, UTC)
    assert push.data["commits"] == 1


def test_a_push_of_a_repository_that_names_no_time_has_that_of_its_head_commit() -> None:
    body = delivery_of(ref="refs/heads/main", after=SHA, head_commit=commit())
    del body["repository"]["pushed_at"]
    (push,) = decode("push", orjson.dumps(body))
    assert push.timestamp == datetime(2030, 1, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"ref": "refs/heads/main", "commits": [commit()]}, "Pushed 1 commit to branch main"),
        ({"ref": "refs/heads/main", "commits": [commit()] * 2}, "Pushed 2 commits to branch main"),
        ({"ref": "refs/heads/x/y", "created": True}, "Pushed new branch x/y"),
        ({"ref": "refs/tags/v1", "created": True}, "Pushed new tag v1"),
        ({"ref": "refs/tags/v1", "deleted": True}, "Pushed the deletion of tag v1"),
        ({"ref": "refs/heads/main", "forced": True}, "Force-pushed branch main"),
        ({"ref": "refs/notes/commits"}, "Pushed ref refs/notes/commits"),
    ],
)
def test_a_push_says_what_it_did_to_what(changes: dict[str, Any], title: str) -> None:
    assert told("push", **changes)[-1].title == title


def test_a_push_back_and_forth_is_several_pushes_and_one_of_them_told_twice_is_one() -> None:
    body = delivery_of(ref="refs/heads/main", after=SHA)
    again = delivery_of(ref="refs/heads/main", after=SHA)
    again["repository"]["pushed_at"] += 60
    ids = [decode("push", orjson.dumps(one))[0].source_id for one in (body, body, again)]
    assert ids[0] == ids[1] != ids[2]


def test_a_reference_however_long_still_makes_an_event() -> None:
    first, second = (told("push", ref=f"refs/heads/{'x' * 290}{end}", after=SHA)[0].source_id for end in "ab")
    assert len(first) == len(second) == 300
    assert first != second


@pytest.mark.parametrize(
    ("conclusion", "event_type", "severity"),
    [
        ("success", "build_success", "info"),
        ("neutral", "build_success", "info"),
        ("failure", "build_failure", "high"),
        ("timed_out", "build_failure", "high"),
        ("startup_failure", "build_failure", "high"),
        ("cancelled", "build_cancelled", "low"),
        ("stale", "build_cancelled", "low"),
    ],
)
def test_a_finished_workflow_is_a_build(conclusion: str, event_type: str, severity: str) -> None:
    draft = only("workflow_run", **run(conclusion=conclusion))
    assert (draft.event_type, draft.severity, draft.source) == (event_type, severity, "ci")


@pytest.mark.parametrize("conclusion", ["skipped", "action_required", None, "invented tomorrow"])
def test_a_workflow_that_did_not_run_to_an_end_is_ignored(conclusion: str | None) -> None:
    assert told("workflow_run", **run(conclusion=conclusion)) == []


def test_another_attempt_of_a_workflow_is_another_build() -> None:
    first, second = (only("workflow_run", **run(conclusion="failure", run_attempt=attempt)) for attempt in (1, 2))
    assert first.source_id == "acme/shop/runs/7/1/completed"
    assert second.source_id == "acme/shop/runs/7/2/completed"


def test_a_failed_check_is_worth_less_than_the_failed_build_it_belongs_to() -> None:
    check = {"id": 1, "name": "lint", "conclusion": "failure", "completed_at": "2030-01-01T10:00:00Z"}
    assert only("check_run", action="completed", check_run=check).severity == "medium"


@pytest.mark.parametrize(("state", "found"), [("success", 1), ("failure", 1), ("error", 1), ("pending", 0)])
def test_a_commit_status_is_a_check_once_it_is_decided(state: str, found: int) -> None:
    drafts = told("status", id=1, context="jenkins", state=state, sha=SHA, updated_at="2030-01-01T10:00:00Z")
    assert len(drafts) == found


@pytest.mark.parametrize(
    ("state", "event_type", "severity"),
    [
        ("success", "deployment", "info"),
        ("failure", "deployment_failure", "high"),
        ("error", "deployment_failure", "high"),
        ("inactive", "deployment_inactive", "info"),
    ],
)
def test_the_end_of_a_deployment(state: str, event_type: str, severity: str) -> None:
    status = {"id": 8, "state": state, "created_at": "2030-01-01T10:00:00Z", "environment": "staging"}
    draft = only("deployment_status", deployment_status=status, deployment={"id": 5, "ref": "main", "sha": SHA})
    assert (draft.event_type, draft.severity, draft.environment) == (event_type, severity, "staging")
    assert draft.source_id == "acme/shop/deployment_statuses/8"
    assert draft.data["deployment"] == 5


@pytest.mark.parametrize("state", ["pending", "queued", "in_progress", "waiting"])
def test_a_deployment_under_way_is_told_by_its_start_alone(state: str) -> None:
    assert told("deployment_status", deployment_status={"id": 8, "state": state}) == []


def test_a_deployment_of_one_service_of_several_is_about_that_service() -> None:
    part = {"id": 5, "ref": SHA, "sha": SHA, "environment": "production", "created_at": "2030-01-01T10:00:00Z"}
    draft = only("deployment", action="created", deployment={**part, "payload": {"service": "payments"}})
    assert draft.service == "payments"
    assert draft.title == "Deployment of payments (6113728) to production started"


@pytest.mark.parametrize(
    ("action", "changes", "event_type"),
    [
        ("opened", {}, "pull_request_opened"),
        ("closed", {"merged": True}, "pull_request_merged"),
        ("closed", {"merged": False}, "pull_request_closed"),
        ("reopened", {}, "pull_request_reopened"),
    ],
)
def test_a_pull_request_is_told_when_its_state_changes(action: str, changes: dict[str, Any], event_type: str) -> None:
    assert only("pull_request", action=action, pull_request=pull(**changes)).event_type == event_type


@pytest.mark.parametrize("action", ["synchronize", "labeled", "edited", "ready_for_review", ""])
def test_what_is_said_about_a_pull_request_meanwhile_is_ignored(action: str) -> None:
    assert told("pull_request", action=action, pull_request=pull()) == []


def test_the_labels_of_an_issue_are_its_tags_as_far_as_an_event_can_carry_them() -> None:
    labels = [{"name": "sev1"}, {"name": None}, *({"name": f"{number}" * 200} for number in range(100))]
    draft = only("issues", action="opened", issue=pull(labels=labels))
    assert draft.source == "manual"
    assert draft.tags[0] == "sev1"
    assert len(draft.tags) <= 50


def test_one_release_is_one_event_in_whichever_order_its_actions_arrive() -> None:
    part = {"id": 9, "tag_name": "v1", "published_at": "2030-01-01T10:00:00Z", "prerelease": False}
    ids = {only("release", action=action, release=part).source_id for action in ("published", "released")}
    assert ids == {"acme/shop/releases/9/release"}


def test_a_promoted_pre_release_is_another_event_at_its_own_time() -> None:
    part = {"id": 9, "tag_name": "v1", "published_at": "2030-01-01T10:00:00Z", "updated_at": "2030-01-05T10:00:00Z"}
    before = only("release", action="published", release={**part, "prerelease": True})
    after = only("release", action="released", release={**part, "prerelease": False})
    assert before.source_id != after.source_id
    assert after.timestamp.day == 5


@pytest.mark.parametrize(
    "event", ["ping", "star", "workflow_job", "check_suite", "pull_request_review", "issue_comment"]
)
def test_what_says_nothing_new_is_ignored(event: str) -> None:
    assert told(event, action="created") == []


def test_the_owner_says_which_service_and_environment_it_is() -> None:
    draft = only("workflow_run", config={"service": "web", "environment": "qa"}, **run(conclusion="success"))
    assert (draft.service, draft.environment) == ("web", "qa")


def test_a_deployment_knows_its_environment_better_than_the_owner() -> None:
    part = {"id": 5, "ref": "main", "environment": "production", "created_at": "2030-01-01T10:00:00Z"}
    assert only("deployment", config={"environment": "qa"}, deployment=part).environment == "production"


@pytest.mark.parametrize(
    ("event", "parts", "missing"),
    [
        ("workflow_run", run(conclusion="failure", id=None), "workflow_run.id"),
        ("workflow_run", run(conclusion="failure", updated_at="yesterday"), "workflow_run.updated_at"),
        ("push", {"ref": "refs/heads/main", "commits": [commit(), commit(id="")]}, "commits[1].id"),
        (
            "push",
            {"ref": "refs/heads/main", "commits": [commit(timestamp="2030-01-01T10:00:00")]},
            "commits[0].timestamp",
        ),
        ("issues", {"action": "closed", "issue": {"number": 1}}, "issue.closed_at or issue.updated_at"),
        ("push", {"ref": "refs/heads/main", "repository": []}, "repository.pushed_at"),
        ("create", {"ref_type": "tag"}, "ref"),
    ],
)
def test_without_identity_or_time_it_is_a_bad_record_that_names_the_field(
    event: str, parts: dict[str, Any], missing: str
) -> None:
    with pytest.raises(BadRecord) as caught:
        told(event, **parts)
    assert missing in caught.value.fields


@pytest.mark.parametrize("body", [b"[]", b"null", b'"push"', b"payload=%5B%5D"])
def test_json_that_is_no_object_is_a_bad_record(body: bytes) -> None:
    with pytest.raises(BadRecord, match="not a JSON object"):
        decode("push", body)


def test_a_webhook_set_to_send_forms_says_the_same() -> None:
    body = orjson.dumps(delivery_of(**run(conclusion="failure", name="täglich + %41")))
    form = b"payload=" + "".join(f"%{byte:02X}" for byte in body).encode().replace(b"%20", b"+")
    assert decode("workflow_run", form) == decode("workflow_run", body) != []
