"""A job that ended pushes to a real Pushgateway, a real Prometheus scrapes it, and what is bad becomes an event."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.utils import timezone

from connectors import services
from connectors.polling import poll
from connectors.tests.realpeers import prometheus, pushgateway
from events.models import Event

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
QUERIES = {"disk used ratio": "backup_disk_used_ratio"}
SCRAPE = """
  - job_name: pushed
    honor_labels: true
    static_configs: [{{targets: ['{target}']}}]
"""


def push(gateway: str, metrics: str) -> None:
    path = f"{gateway}/metrics/job/nightly-backup/instance/db-1"
    httpx.put(path, content=metrics, trust_env=False).raise_for_status()


def scraped(server: str, query: str, value: float) -> bool:
    """Tell whether Prometheus has seen a value, within half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = httpx.get(f"{server}/api/v1/query", params={"query": query}, trust_env=False).json()
        if any(float(one["value"][1]) == value for one in answer["data"]["result"]):
            return True
        time.sleep(0.1)
    return False


def test_what_a_job_pushed_is_an_event_about_the_job(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    with (
        pushgateway() as gateway,
        prometheus(scrape=SCRAPE.format(target=gateway.url.removeprefix("http://"))) as server,
    ):
        push(gateway.url, "# TYPE backup_disk_used_ratio gauge\nbackup_disk_used_ratio 0.99\n")
        assert scraped(server.url, "backup_disk_used_ratio", 0.99)
        values = {"url": server.url, "queries": QUERIES, "step": 10, "history_hours": 1}
        connector = services.connect(name="metrics", kind="prometheus", values=values, actor=None, now=timezone.now())
        later = timezone.now() + timedelta(seconds=90)  # the newest half minute is left for the next poll
        tally = poll(connector=connector, now=later)
        assert tally is not None
        assert tally.dead == 0
        event = Event.objects.get()
        assert (event.event_type, event.service, event.component) == ("metric_anomaly", "nightly-backup", "db-1")
        assert event.title.startswith("disk used ratio")
        assert event.url.startswith(f"{server.url}/graph?g0.expr=backup_disk_used_ratio")
        poll(connector=connector, now=later + timedelta(minutes=1))
        assert Event.objects.count() == 1
