"""A breaker opens, the shipped rules fire in a real Prometheus, a real Alertmanager tells, and the timeline has it."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from django.utils import timezone

from accounts.models import User
from connectors import breakers
from connectors.tests.alerts import KEY, until
from connectors.tests.factories import ConnectorFactory
from connectors.tests.realpeers import alertmanager, prometheus, scrape_of
from events.models import Event
from rcaplatform import metrics

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
DEPLOY = Path(__file__).resolve().parent.parent / "deploy"


def impatient_rules() -> str:
    """Return the shipped rules, none of which waits."""
    rules = yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    return yaml.safe_dump(rules)


def impatient_routes(server: str) -> str:
    """Return the shipped routes, none of which waits, to receivers that reach nothing but ``server``."""
    config = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text())
    del config["global"]
    config["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    for receiver in config["receivers"]:
        receiver.pop("slack_configs")
        receiver.pop("email_configs", None)
        for hook in receiver["webhook_configs"]:
            hook["url"] = server + urlsplit(hook["url"]).path
            hook["http_config"] = {"authorization": {"type": "Bearer", "credentials": KEY}}
    return yaml.safe_dump(config)


def told(event_type: str) -> Event | None:
    """Return what the timeline says of the breaker."""
    return Event.objects.filter(event_type=event_type, title__startswith="BreakerOpen").first()


def test_a_breaker_that_opens_and_closes_is_on_the_timeline(
    live_server: Any, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "FRESH", 0.0)
    ConnectorFactory(name="alertmanager", kind="alertmanager", secret={"secret": KEY})
    shop = ConnectorFactory(name="shop")
    breakers.force_open(connector=shop, actor=admin, now=timezone.now())
    with (
        alertmanager(impatient_routes(live_server.url)) as manager,
        prometheus(
            rules=impatient_rules(), scrape=scrape_of(live_server.url), alertmanager=urlsplit(manager.url).netloc
        ),
    ):
        fired = until(lambda: told("alert_firing"))
        assert (fired.title, fired.severity) == ("BreakerOpen: shop is not asked any more.", "medium")
        assert fired.service == "rca"
        assert fired.data["runbook"] == "docs/operations/breaker-open.md"
        breakers.reset(connector=shop, actor=admin, now=timezone.now())
        assert until(lambda: told("alert_resolved")).timestamp >= fired.timestamp
