"""docker-compose.yml: well-formed, complete, and with the commands `make run` uses."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from rcaplatform.processes import commands

ROOT = Path(__file__).resolve().parent.parent
SOURCE = (ROOT / "docker-compose.yml").read_text()
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::-([^}]*))?\}")

strings = {"type": "array", "items": {"type": "string"}}
texts = {"type": "object", "additionalProperties": {"type": "string"}}
duration = {"type": "string", "pattern": r"^\d+(ms|s|m)$"}
# The part of the Compose specification this file uses; anything else is a mistake until it is added here.
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["services"],
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
        "services": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["image", "restart"],
                "properties": {
                    "image": {"type": "string"},
                    "build": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["context", "dockerfile"],
                        "properties": {"context": {"type": "string"}, "dockerfile": {"type": "string"}},
                    },
                    "command": strings,
                    "environment": texts,
                    "env_file": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["path"],
                            "properties": {"path": {"type": "string"}, "required": {"type": "boolean"}},
                        },
                    },
                    "volumes": strings,
                    "ports": strings,
                    "init": {"type": "boolean"},
                    "restart": {"enum": ["unless-stopped", "on-failure"]},
                    "stop_grace_period": duration,
                    "depends_on": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["condition"],
                            "properties": {
                                "condition": {"enum": ["service_healthy", "service_completed_successfully"]}
                            },
                        },
                    },
                    "healthcheck": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["test", "interval", "timeout", "retries"],
                        "properties": {
                            "test": {**strings, "minItems": 2},
                            "interval": duration,
                            "timeout": duration,
                            "start_period": duration,
                            "retries": {"type": "integer"},
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def compose() -> Any:
    """The file as Compose reads it with an empty environment."""
    return interpolated(yaml.safe_load(SOURCE))


def interpolated(value: Any) -> Any:
    """Put defaults in the place of variables, in texts only: Compose parses first."""
    if isinstance(value, dict):
        return {key: interpolated(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner) for inner in value]
    return VARIABLE.sub(lambda found: found[2], value).replace("$$", "$") if isinstance(value, str) else value


def test_it_follows_the_compose_specification(compose: Any) -> None:
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(compose)] == []


def test_each_process_of_make_run_is_a_service_with_the_same_command(compose: Any) -> None:
    for name, command in commands(compose["services"]["web"]["environment"]).items():
        assert compose["services"][name]["command"] == command, name


def test_every_service_depends_on_services_that_reach_the_awaited_condition(compose: Any) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, wanted in service.get("depends_on", {}).items():
            assert other in services, name
            lasting = wanted["condition"] == "service_healthy"
            assert lasting == ("healthcheck" in services[other]), f"{name} waits for {other}"


def test_every_lasting_service_has_a_health_check(compose: Any) -> None:
    assert {name for name, service in compose["services"].items() if "healthcheck" not in service} == {"prepare"}


def test_every_named_volume_is_declared_and_every_file_exists(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(compose["volumes"]), name
        if "build" in service:
            assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_every_variable_is_explained_and_has_a_default() -> None:
    explained = set(re.findall(r"^#? ?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    used = VARIABLE.findall(SOURCE)
    assert {name for name, _ in used} <= explained
    assert {name for name, default in used if not default} == set()


def test_only_the_web_server_is_published_and_by_default_to_this_machine_only(compose: Any) -> None:
    assert {name: service["ports"] for name, service in compose["services"].items() if "ports" in service} == {
        "web": ["127.0.0.1:8000:8000"]
    }
