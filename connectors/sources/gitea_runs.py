"""Decisions about builds at Gitea and Forgejo, put into the words of GitHub. No database here."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from connectors.reading import Part
from connectors.sources import github_ci
from connectors.sources.github_notice import Notice
from events.drafts import EventDraft


def workflow_run(notice: Notice) -> Iterable[EventDraft]:
    """Return a finished build of Gitea, which names it after its file and counts few of its attempts."""
    run = notice.body["workflow_run"]
    told = {
        **(run.value if isinstance(run.value, dict) else {}),
        "name": run.text("name") or notice.body["workflow"].text("name") or _file(run.text("path")),
        "run_started_at": run["started_at"].value,
        "updated_at": run["completed_at"].value,
    }
    return _as_github(notice, told, notice.body["repository"].value, notice.action)


def action_run(notice: Notice) -> Iterable[EventDraft]:
    """Return a finished build of Forgejo, which tells of those alone that ended."""
    run = notice.body["run"]
    told = {
        "id": run["id"].value,
        "name": _file(run.text("workflow_id")),
        "conclusion": run.text("status") or notice.action.replace("recover", "success"),
        "head_branch": run.text("prettyref"),
        "head_sha": run.text("commit_sha"),
        "run_number": run.number("index_in_repo"),
        "event": run.text("event"),
        "display_title": run.text("title"),
        "actor": run["trigger_user"].value,
        "html_url": run["html_url"].value,
        "run_started_at": run["started"].value,
        "updated_at": run["stopped"].value or run["updated"].value,
    }
    repository = run["repository"].value or notice.body["repository"].value
    return _as_github(notice, told, repository, "completed")


def _as_github(notice: Notice, run: dict[str, Any], repository: Any, action: str) -> Iterable[EventDraft]:
    body = {"action": action, "workflow_run": run, "repository": repository, "sender": notice.body["sender"].value}
    return github_ci.workflow_run(replace(notice, body=Part(body)))


def _file(path: str) -> str:
    """Return the name of the file in ``.gitea/workflows/ci.yml@refs/heads/main``."""
    return path.partition("@")[0].rpartition("/")[2]
