"""Deed: play the demo's incidents through the doors of git, logs, webhooks and people, and investigate them."""

import hmac
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from django.conf import settings

from accounts.models import User
from connectors import reception, services
from connectors.demo import database, flag, github, playing, shop, story
from connectors.demo.plot import Plot
from connectors.digestion import digest_pending
from connectors.models import Connector
from connectors.polling import poll
from events.choices import OriginKind, Severity, Source
from events.drafts import EventDraft
from events.services import API_ORIGIN, create, origin_named
from investigations import linking, suspicion
from investigations import services as investigations
from investigations.choices import ImpactSeverity, Priority, Status
from investigations.models import Investigation

WEBHOOK_SECRET = "demo"  # noqa: S105 - the demo signs to itself


def load(*, engineer: User, now: datetime) -> Investigation:
    """Load the demo: a bad deploy about an hour ago, a flag switched on yesterday, a database saturated right now.

    Returns:
        The investigation of the bad deploy. Each has everything linked.
    """
    folder = Path(settings.DATA_DIR) / "demo"
    hashes = shop.make_repository(folder / "shop", now)
    shop.make_log(folder / "shop.log", now)
    _poll("shop-git", "git", {"url": str(folder / "shop"), "service_roots": ["services"]}, now)
    _poll("shop-logs", "jsonlines", {"path": str(folder / "shop.log")}, now)
    _call_hook(hashes, now)
    _alert(engineer, now)
    investigation = _open(engineer, now)
    cases = [(plot, _begin(plot, engineer, now)) for plot in (flag.PLOT, database.PLOT)]
    while linking.link_pending(now=now):
        pass
    for plot, case in cases:
        playing.work(plot=plot, investigation=case, engineer=engineer, now=now)
    (_, yesterday), (_, present) = cases
    investigations.relate(investigation=present, other=yesterday, actor=engineer, now=now)
    for case in (investigation, *(case for _, case in cases)):
        suspicion.compute(investigation=case, now=now)
    return investigation


def _begin(plot: Plot, engineer: User, now: datetime) -> Investigation:
    detected = now - plot.ago
    playing.tell(plot=plot, told=plot.told, detected=detected, run="demo", now=now)
    return playing.open_case(plot=plot, detected=detected, engineer=engineer)


def _poll(name: str, kind: str, values: dict[str, object], now: datetime) -> None:
    poll(connector=services.connect(name=name, kind=kind, values=values, actor=None, now=now), now=now)


def _call_hook(hashes: dict[str, str], now: datetime) -> None:
    """Deliver what GitHub would have sent, signed, through the same deed as the webhook door."""
    values = {"secret": WEBHOOK_SECRET, "environment": "production"}
    connector = services.connect(name="shop-github", kind="github", values=values, actor=None, now=now)
    calls = [github.reported(at=now + story.DETECTED + timedelta(minutes=4))]
    for number, deploy in enumerate(story.deploys()):
        sha, at = hashes[deploy.subject], now + deploy.at
        calls += github.deployed(number=number, service=deploy.service, sha=sha, at=at, failed=deploy.failed)
    for number, call in enumerate(calls):
        _deliver(connector, f"demo-{number}", call, now)
    while digest_pending(now=now):
        pass


def _deliver(connector: Connector, key: str, call: github.Call, now: datetime) -> None:
    body = orjson.dumps(call.body)
    signature = hmac.new(WEBHOOK_SECRET.encode(), body, "sha256").hexdigest()
    headers = {
        "x-github-event": call.event,
        "x-github-delivery": key,
        "x-hub-signature-256": f"sha256={signature}",
        "content-type": "application/json",
    }
    reception.receive(connector=connector, headers=headers, body=body, now=now)


def _alert(engineer: User, now: datetime) -> None:
    draft = EventDraft(
        source=Source.ALERTS,
        source_id="demo-payment-failure-rate",
        timestamp=now + story.DETECTED,
        title="Payment failure rate above 5 % for 5 minutes",
        event_type="alert",
        severity=Severity.CRITICAL,
        service="payments",
        environment="production",
        tags=["payments", "slo"],
        data={"metric": "payment_failure_ratio", "threshold": 0.05, "observed": 0.31, "window_minutes": 5},
        message="payment failure ratio gateway timeout",
    )
    create(draft=draft, actor=engineer, origin=origin_named(API_ORIGIN, OriginKind.API), now=now)


def _open(engineer: User, now: datetime) -> Investigation:
    values = {
        "title": "Payments fail at checkout",
        "description": (
            "Since a few minutes every third payment fails: the card gateway does not answer in time, checkout answers "
            "POST /api/v1/pay with 502 and customers see the payment error page."
        ),
        "service_affected": "payments",
        "component_affected": "gateway",
        "impact_severity": ImpactSeverity.CRITICAL,
        "priority": Priority.P1,
        "started_at": now + story.ONSET,
        "detected_at": now + story.DETECTED,
        "tags": ["payments", "checkout", "gateway", "timeout"],
        "impact_domain": "Customers",
        "business_impact": "About one in three orders is lost while it lasts.",
        "assigned_to": engineer,
    }
    opened = investigations.create(values=values, actor=engineer, now=now)
    opened = investigations.move(investigation=opened, to=Status.IN_PROGRESS, actor=engineer, now=now)
    investigations.write_note(
        investigation=opened,
        body=(
            "**What we know**\n\n- Failures began a few minutes after `payments` was deployed.\n"
            "- `search` was deployed later still: look at onset before blaming it.\n"
            "- `notifications` always warns about full mailboxes; that is not new."
        ),
        actor=engineer,
        now=now,
    )
    return opened
