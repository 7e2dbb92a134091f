"""One story from end to end: a webhook, a log and a commit become a linked, explained page."""

import hmac
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from connectors import services
from connectors.digestion import digest_pending
from connectors.polling import poll
from connectors.tests.repositories import Repository
from investigations import linking

pytestmark = pytest.mark.django_db
NOW = timezone.now()
SECRET = "hush"


def deploy_failed() -> tuple[bytes, dict[str, str]]:
    """Return what GitHub sends when a deploy of `payments` failed two minutes ago, signed."""
    at = (NOW - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = orjson.dumps(
        {
            "action": "created",
            "deployment": {"id": 1, "sha": "a" * 40, "environment": "production", "created_at": at},
            "deployment_status": {"id": 2, "state": "failure", "created_at": at, "updated_at": at},
            "repository": {
                "id": 3,
                "name": "payments",
                "full_name": "shop/payments",
                "html_url": "https://git.example/p",
            },
        }
    )
    signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    return body, {
        "x-github-event": "deployment_status",
        "x-github-delivery": "d-1",
        "x-hub-signature-256": f"sha256={signature}",
    }


def test_from_three_sources_to_a_page_that_says_why(
    engineer: User, api: Callable[[User], APIClient], client: Client, tmp_path: Path
) -> None:
    repository = Repository(tmp_path / "payments")
    repository.clock = int((NOW - timedelta(minutes=30)).timestamp())
    repository.commit("Wait less for the gateway", {"gateway.py": "TIMEOUT = 0.4"})
    log = tmp_path / "payments.log"
    line = {"timestamp": NOW.isoformat(), "level": "error", "service": "payments", "message": "Gateway timeout"}
    log.write_bytes(orjson.dumps(line) + b"\n")
    for name, kind, values in (
        ("code", "git", {"url": str(repository.path), "service": "payments"}),
        ("logs", "jsonlines", {"path": str(log)}),
    ):
        poll(connector=services.connect(name=name, kind=kind, values=values, actor=engineer, now=NOW), now=NOW)
    services.connect(name="deploys", kind="github", values={"secret": SECRET}, actor=engineer, now=NOW)
    body, headers = deploy_failed()
    sent = client.post("/hooks/deploys", body, content_type="application/json", headers=headers)
    assert sent.status_code == 202
    digest_pending(now=timezone.now())

    case = {"title": "Gateway timeouts", "service_affected": "payments", "detected_at": NOW.isoformat()}
    opened = api(engineer).post("/api/v1/investigations", case).json()
    while linking.link_pending(now=NOW):
        pass

    linked = api(engineer).get(f"/api/v1/investigations/{opened['id']}/events").json()["results"]
    assert {row["source"] for row in linked} == {"git", "ci", "logs"}
    assert all(factor["reason"] for row in linked for factor in row["factors"])

    client.force_login(engineer)
    page = client.get(f"/investigations/{opened['id']}/?event={linked[0]['id']}").content.decode()
    assert "Wait less for the gateway" in page
    assert "From the affected service: payments." in page
