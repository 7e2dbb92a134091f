"""deploy/: its tools accept these files, the rules do what their tests say, and each alert has a runbook."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.tests.realpeers import program

ROOT = Path(__file__).resolve().parent.parent
DEPLOY, RUNBOOKS = ROOT / "deploy", ROOT / "docs" / "operations"
GROUPS = yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())["groups"]
ALERTS: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})
GUIDES = {
    *("alerts", "backup", "deploy", "kubernetes", "privacy"),
    *("proxy", "scaling", "single-sign-on", "switches", "upgrade"),
}


def said(*command: str | Path) -> str:
    """Return what a tool wrote, or fail with it."""
    done = subprocess.run([program(str(command[0])), *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def runbook(name: str) -> str:
    """Return the name of the page about an alert."""
    return re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()


def test_prometheus_reads_its_configuration_and_its_rules() -> None:
    assert "SUCCESS" in said("promtool", "check", "config", DEPLOY / "prometheus/prometheus.yml")


def test_the_rules_do_what_their_tests_say() -> None:
    assert "SUCCESS" in said("promtool", "test", "rules", DEPLOY / "prometheus/rules_test.yml")


def test_every_rule_is_tested_with_each_of_its_severities() -> None:
    tests = yaml.safe_load((DEPLOY / "prometheus/rules_test.yml").read_text())["tests"]
    fired = {
        (case["alertname"], alert["exp_labels"]["severity"])
        for test in tests
        for case in test.get("alert_rule_test", [])
        for alert in case["exp_alerts"]
    }
    assert fired == {(rule["alert"], rule["labels"]["severity"]) for rule in ALERTS}


def test_alertmanager_reads_its_configuration() -> None:
    assert "SUCCESS" in said("amtool", "check-config", DEPLOY / "alertmanager/alertmanager.yml")


@pytest.mark.parametrize(
    ("alert", "receiver"),
    [
        ("alertname=BreakerOpen severity=warning", "timeline-and-chat"),
        ("alertname=StoreAway severity=critical", "on-call"),
    ],
)
def test_what_is_critical_wakes_who_is_on_call(alert: str, receiver: str) -> None:
    config = f"--config.file={DEPLOY}/alertmanager/alertmanager.yml"
    assert said("amtool", "config", "routes", "test", config, *alert.split()).strip() == receiver


def test_alertmanager_has_no_secret_in_its_configuration() -> None:
    text = (DEPLOY / "alertmanager/alertmanager.yml").read_text()
    assert re.findall(r"(?:password|api_url|credentials|service_key|routing_key):.*", text) == []


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_an_alert_says_what_it_means_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/operations/{runbook(rule['alert'])}.md"


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_has_a_runbook_with_what_it_means_where_to_look_and_what_to_do(name: str) -> None:
    text = (RUNBOOKS / f"{runbook(name)}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["What it means", "Look", "Do"]


def test_every_runbook_is_about_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} - GUIDES == {runbook(name) for name in NAMES}


def test_every_command_a_runbook_names_exists() -> None:
    commands = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
    named = {
        command for page in RUNBOOKS.glob("*.md") for command in re.findall(r"manage\.py ([a-z_]+)", page.read_text())
    }
    assert named <= commands | {"check", "migrate", "showmigrations", "createsuperuser"}
