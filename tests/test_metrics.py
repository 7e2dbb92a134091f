"""/metrics tells the same from whichever process is asked, and goes on telling while a store is away."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from redis import RedisError
from rest_framework.test import APIClient

from accounts.models import Notification, NotificationDelivery, User
from accounts.notifications.choices import Topic
from connectors.tests.alerts import until
from connectors.tests.factories import ConnectorFactory, DeadLetterFactory
from connectors.tests.realpeers import free_port
from investigations.tests.factories import InvestigationFactory
from rcaplatform import metrics

pytestmark = pytest.mark.django_db


@pytest.fixture
def scraper(monkeypatch: pytest.MonkeyPatch) -> APIClient:
    """A scraper, to whom the stores are asked anew each time."""
    monkeypatch.setattr(metrics, "FRESH", 0.0)
    return APIClient()


def told(client: APIClient) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the value of each sample by name and by the values of its labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_how_each_connector_fares_is_told(scraper: APIClient) -> None:
    letter = DeadLetterFactory(connector=ConnectorFactory(name="shop", failures=2, next_poll_at=timezone.now()))
    figures = told(scraper)
    assert figures["rca_connector_state"][("shop", letter.connector.kind, "failing")] == 1
    assert figures["rca_breaker_state"][("shop", "closed")] == 1
    assert figures["rca_dead_letters"][("shop",)] == 1
    assert figures["rca_connector_failures"][("shop",)] == 2


def test_a_connector_that_is_not_heard_is_told(scraper: APIClient) -> None:
    ConnectorFactory(name="shop", blind_since=timezone.now())
    ConnectorFactory(name="pay")
    assert told(scraper)["rca_connector_blind"] == {("shop",): 1, ("pay",): 0}


def test_the_time_to_resolve_is_told_by_severity(scraper: APIClient) -> None:
    now = timezone.now()
    InvestigationFactory(
        detected_at=now - timedelta(hours=2), resolved_at=now - timedelta(hours=1), status="resolved",
        impact_severity="high",
    )  # fmt: skip
    assert told(scraper)["rca_mttr_seconds"] == {("high",): 3600}


def test_notifications_that_do_not_leave_are_told(scraper: APIClient, engineer: User) -> None:
    now = timezone.now()
    notification = Notification.objects.create(user=engineer, topic=Topic.TEST, key="a", title="x", created_at=now)
    NotificationDelivery.objects.create(
        notification=notification, user=engineer, channel="email", attempts=1, next_attempt_at=now - timedelta(hours=1)
    )
    figures = told(scraper)
    assert figures["rca_notifications"] == {("due",): 1, ("retried",): 1, ("given_up",): 0}
    assert figures["rca_notifications_lag_seconds"][()] >= 3600


def test_queues_of_the_broker_are_told(scraper: APIClient) -> None:
    assert {name for (name,) in told(scraper)["rca_queue_depth"]} == set(metrics.QUEUES)


def test_a_store_that_is_away_takes_only_its_own_figures_with_it(
    scraper: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Iterator[None]:
        raise RedisError
        yield

    monkeypatch.setattr(metrics, "_broker", away)
    figures = told(scraper)
    assert figures["rca_store_reachable"] == {("postgresql",): 1, ("redis",): 0}
    assert "rca_queue_depth" not in figures
    assert "rca_events_waiting" in figures


def test_statements_are_counted(scraper: APIClient) -> None:
    assert told(scraper)["django_db_execute_total"][("default", "postgresql")] > 0


def test_a_scraper_that_prefers_openmetrics_gets_it(scraper: APIClient) -> None:
    answer = scraper.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.endswith(b"# EOF\n")


COUNTING = """
import sys
from rcaplatform.kit import figures
figures.share()
from prometheus_client import Counter
Counter("told", "x", ["who"]).labels("all").inc(int(sys.argv[1]))
"""


def test_processes_of_a_node_count_together(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "figures")}
    for number in ("2", "3"):
        subprocess.run([sys.executable, "-c", COUNTING, number], env=environment, check=True)
    reading = "from rcaplatform.kit.figures import Counted; print([m.samples[0].value for m in Counted().collect()])"
    said = subprocess.run(
        [sys.executable, "-c", reading], env=environment, check=True, capture_output=True, text=True
    ).stdout
    assert said.strip() == "[5.0]"


def test_what_workers_counted_is_told_where_no_web_server_runs(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", COUNTING, "2"], env=environment, check=True)
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "rcaplatform.exporter", str(port)], env=environment) as exporter:
        try:
            said = until(lambda: _scraped(port))
        finally:
            exporter.terminate()
    assert 'told_total{who="all"} 2.0' in said


def _scraped(port: int) -> str:
    with suppress(httpx.ConnectError):
        return httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    return ""


def test_what_an_earlier_start_counted_is_forgotten(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", COUNTING, "2"], env=environment, check=True)
    forgetting = "from rcaplatform.kit import figures; figures.forget()"
    subprocess.run([sys.executable, "-c", forgetting], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


FORKED = """
import os
from rcaplatform.kit import figures

figures._process()
child = os.fork()
if child:
    os.waitpid(child, 0)
else:
    print(figures._process().endswith(f"-{os.getpid()}"))
"""


def test_a_process_that_was_forked_counts_under_its_own_number() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], check=True, capture_output=True, text=True)
    assert done.stdout == "True\n"
