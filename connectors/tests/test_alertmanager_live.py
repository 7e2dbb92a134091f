"""A rule fires in a real Prometheus, a real Alertmanager notifies, and this server keeps the event."""

from typing import Any

import httpx
import pytest
from django.utils import timezone

from connectors.sources.alertmanager import Alertmanager
from connectors.tests.alerts import KEY, made, told_by, until
from connectors.tests.factories import ConnectorFactory
from connectors.tests.realpeers import alertmanager, prometheus
from events.models import Event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
RULES = """
groups:
  - name: shop
    rules:
      - alert: CheckoutDown
        expr: vector(1) == {value}
        labels: {{severity: page, service: checkout, env: prod}}
        annotations: {{summary: Nobody can pay, runbook_url: https://example.org/runbook}}
"""


def configuration(hook: str) -> str:
    return f"""
route: {{receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 2s}}
receivers:
  - name: hook
    webhook_configs:
      - url: {hook}
        http_config: {{authorization: {{type: Bearer, credentials: s3cret}}}}
"""


def test_a_rule_that_fires_and_recovers_becomes_two_events_and_a_poll_tells_of_the_same(live_server: Any) -> None:
    connector = ConnectorFactory(kind="alertmanager", secret={"secret": KEY})
    hook = f"{live_server.url}/hooks/{connector.name}"
    with (
        alertmanager(configuration(hook)) as manager,
        prometheus(rules=RULES.format(value=1), alertmanager=manager.url.removeprefix("http://")) as server,
    ):
        fired = until(lambda: Event.objects.filter(event_type="alert_firing").first())
        assert (fired.title, fired.severity) == ("CheckoutDown: Nobody can pay", "critical")
        assert (fired.service, fired.environment) == ("checkout", "prod")
        assert fired.url.startswith(server.url)
        assert fired.data["runbook"] == "https://example.org/runbook"
        source = made(Alertmanager, url=manager.url, at=timezone.now())
        assert [draft.source_id for draft in told_by(source)] == [fired.source_id]
        (server.folder / "rules.yml").write_text(RULES.format(value=2))
        httpx.post(f"{server.url}/-/reload", trust_env=False).raise_for_status()
        resolved = until(lambda: Event.objects.filter(event_type="alert_resolved").first())
        assert resolved.timestamp > fired.timestamp
        assert Event.objects.count() == 2


def test_a_prometheus_without_an_alertmanager_sends_its_alerts_here(live_server: Any) -> None:
    connector = ConnectorFactory(kind="alertmanager", secret={"secret": KEY})
    here = {"alertmanager": live_server.url.removeprefix("http://"), "prefix": f"/hooks/{connector.name}", "token": KEY}
    with prometheus(rules=RULES.format(value=1), **here) as server:
        fired = until(lambda: Event.objects.filter(event_type="alert_firing").first())
        assert (fired.title, fired.service) == ("CheckoutDown: Nobody can pay", "checkout")
        (server.folder / "rules.yml").write_text(RULES.format(value=2))
        httpx.post(f"{server.url}/-/reload", trust_env=False).raise_for_status()
        resolved = until(lambda: Event.objects.filter(event_type="alert_resolved").first())
        assert resolved.timestamp > fired.timestamp
        assert Event.objects.count() == 2
