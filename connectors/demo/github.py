"""Decision: what GitHub would have sent about the shop. Pure; `connectors.demo.incident` signs and delivers it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

REPOSITORY = {
    "id": 1,
    "name": "shop",
    "full_name": "harbour/shop",
    "html_url": "https://github.example/harbour/shop",
    "owner": {"login": "harbour"},
}


@dataclass(frozen=True, slots=True)
class Call:
    """One webhook call: GitHub's name of the event and the body."""

    event: str
    body: dict[str, Any]


def deployed(*, number: int, service: str, sha: str, at: datetime, failed: bool) -> list[Call]:
    """Return the calls of one deploy: a build that passed, the deployment, and how it ended."""
    built, done = at - timedelta(minutes=4), at + timedelta(seconds=95)
    run = {
        "id": 9_000 + number,
        "name": f"Build {service}",
        "run_number": number,
        "run_attempt": 1,
        "status": "completed",
        "conclusion": "success",
        "event": "push",
        "head_branch": "main",
        "head_sha": sha,
        "html_url": f"{REPOSITORY['html_url']}/actions/runs/{9_000 + number}",
        "created_at": _iso(built - timedelta(minutes=3)),
        "run_started_at": _iso(built - timedelta(minutes=3)),
        "updated_at": _iso(built),
    }
    deployment = {
        "id": 5_000 + number,
        "sha": sha,
        "ref": "main",
        "task": f"deploy:{service}",
        "environment": "production",
        "description": f"Deploy {service}",
        "payload": {"service": service},
        "created_at": _iso(at),
        "updated_at": _iso(at),
    }
    status = {
        "id": 6_000 + number,
        "state": "failure" if failed else "success",
        "environment": "production",
        "description": "Health check failed" if failed else f"{service} is live",
        "created_at": _iso(done),
        "updated_at": _iso(done),
    }
    return [
        Call("workflow_run", {"action": "completed", "workflow_run": run, "repository": REPOSITORY}),
        Call("deployment", {"action": "created", "deployment": deployment, "repository": REPOSITORY}),
        Call(
            "deployment_status",
            {"action": "created", "deployment_status": status, "deployment": deployment, "repository": REPOSITORY},
        ),
    ]


def reported(*, at: datetime) -> Call:
    """Return the call of an issue that customer care opened."""
    issue = {
        "id": 4_001,
        "number": 318,
        "title": "Customers cannot pay: payment error page at checkout",
        "body": "Many calls since the last few minutes. The card is not charged.",
        "state": "open",
        "html_url": f"{REPOSITORY['html_url']}/issues/318",
        "labels": [{"name": "payments"}, {"name": "incident"}],
        "user": {"login": "customer-care"},
        "created_at": _iso(at),
        "updated_at": _iso(at),
    }
    return Call("issues", {"action": "opened", "issue": issue, "repository": REPOSITORY})


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
