"""deploy/grafana: a Prometheus that scraped this server answers each query of the dashboards and knows each metric."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from django.utils import timezone
from rest_framework.test import APIClient

import rcaplatform.kit.taskfigures  # noqa: F401 - makes the figures that workers count
from connectors.tests.alerts import until
from connectors.tests.factories import ConnectorFactory
from connectors.tests.realpeers import prometheus, scrape_of
from investigations.tests.factories import InvestigationFactory
from rcaplatform import metrics

pytestmark = pytest.mark.django_db(transaction=True)
DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
RULES = (DEPLOY / "prometheus/rules.yml").read_text()
STANDBY = {"rca_replica_lag_seconds"}  # told where there is one: tests/test_replica.py
# What only a rate over time, or a rule that is evaluated with one, can answer is empty after a first scrape.
RATED = re.compile(r"rate\(|increase\(|rate5m|rate30m")


def queries() -> Iterator[tuple[str, str]]:
    """Yield each query with its panel's title, as Grafana sends it for all connectors."""
    for dashboard in DASHBOARDS:
        for panel in json.loads(dashboard.read_text())["panels"]:
            for target in panel["targets"]:
                query = target["expr"].replace("$__rate_interval", "1m").replace("$connector", ".*")
                yield f"{dashboard.stem}: {panel['title']}", query


def names_in(query: str) -> set[str]:
    """Return the metrics that a query names."""
    return set(re.findall(r"\b(?:rca|django)_\w+|\brca:[\w:]+", query))


def names_told(text: str) -> set[str]:
    """Return the names of the samples in what /metrics says, those included that nothing was counted of yet."""
    told: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE):
        told |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram" else {name}
    return told


@pytest.fixture
def known() -> set[str]:
    """Every metric of this product: those of the workers too, and those that rules make of others."""
    recorded = {
        rule["record"] for group in yaml.safe_load(RULES)["groups"] for rule in group["rules"] if "record" in rule
    }
    return names_told(APIClient().get("/metrics").content.decode()) | recorded


def test_every_metric_of_a_dashboard_is_told(known: set[str]) -> None:
    assert {title: names_in(query) - known for title, query in queries() if names_in(query) - known} == {}


def test_every_metric_of_a_rule_is_told(known: set[str]) -> None:
    rules = [rule for group in yaml.safe_load(RULES)["groups"] for rule in group["rules"]]
    assert set().union(*(names_in(rule["expr"]) for rule in rules)) - known - STANDBY == set()


def test_a_panel_has_a_title_a_description_a_unit_and_the_provisioned_datasource() -> None:
    assert [dashboard.stem for dashboard in DASHBOARDS] == ["connectors", "overview"]
    provisioned = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/rca.yml").read_text())["datasources"]
    for dashboard in DASHBOARDS:
        for panel in json.loads(dashboard.read_text())["panels"]:
            assert panel["title"]
            assert panel["description"]
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert {target["datasource"]["uid"] for target in panel["targets"]} <= {one["uid"] for one in provisioned}


def test_no_panel_covers_another() -> None:
    for dashboard in DASHBOARDS:
        cells: set[tuple[int, int]] = set()
        for panel in json.loads(dashboard.read_text())["panels"]:
            place = panel["gridPos"]
            columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
            covered = {(column, row) for column in columns for row in rows}
            assert place["x"] + place["w"] <= 24
            assert not covered & cells, panel["title"]
            cells |= covered


@pytest.mark.slow
def test_prometheus_answers_every_query(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "FRESH", 0.0)
    now = timezone.now()
    ConnectorFactory(name="shop", last_success_at=now)
    InvestigationFactory(
        detected_at=now - timedelta(hours=2), resolved_at=now - timedelta(hours=1), status="resolved",
        impact_severity="high",
    )  # fmt: skip
    with (
        prometheus(rules=RULES, scrape=scrape_of(live_server.url)) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):

        def answer(query: str) -> dict[str, Any]:
            told: dict[str, Any] = client.post("/api/v1/query", data={"query": query}).json()
            return told

        def silent() -> list[tuple[str, str]]:
            return [asked for asked in queries() if not (answer(asked[1])["data"]["result"] or RATED.search(asked[1]))]

        until(lambda: answer("rca_store_reachable and on() rca:dead_letters:sum")["data"]["result"])
        told = {asked: answer(asked[1]) for asked in queries()}
        assert {asked: said["error"] for asked, said in told.items() if said["status"] != "success"} == {}
        # A scrape that takes too long on a busy machine takes every figure with it until the next one.
        never = set(queries())

        def answered() -> bool:
            never.intersection_update(silent())
            return not never

        with suppress(AssertionError):
            until(answered)
    assert never == set()
