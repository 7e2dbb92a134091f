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
                    "profiles": strings,
                    "read_only": {"type": "boolean"},
                    "tmpfs": strings,
                    "cap_drop": strings,
                    "cap_add": strings,
                    "security_opt": strings,
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
        sources = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        bound = {source for source in sources if source.startswith("./")}
        assert sources - bound <= set(compose["volumes"]), name
        assert all((ROOT / source).is_dir() for source in bound), name
        if "build" in service:
            assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_every_variable_is_explained_and_has_a_default() -> None:
    explained = set(re.findall(r"^#? ?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    used = VARIABLE.findall(SOURCE)
    assert {name for name, _ in used} <= explained
    assert {name for name, default in used if not default} == set()


def test_what_is_published_is_so_by_default_to_this_machine_only(compose: Any) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {
        "web": ["127.0.0.1:8000:8000"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "alertmanager": ["127.0.0.1:9093:9093"],
        "grafana": ["127.0.0.1:3000:3000"],
        "jaeger": ["127.0.0.1:16686:16686"],
        "proxy": ["80:80", "443:443"],  # who asks for its profile wants to be reached
    }


def test_without_a_profile_only_the_product_and_its_stores_start(compose: Any) -> None:
    started = {name for name, service in compose["services"].items() if "profiles" not in service}
    product = commands(compose["services"]["web"]["environment"])
    assert started == {*product, "postgres", "redis"}


def test_no_service_may_gain_rights(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_what_may_do_more_than_an_ordinary_process_may_open_a_low_port_and_no_more(compose: Any) -> None:
    rights = {name: service["cap_add"] for name, service in compose["services"].items() if "cap_add" in service}
    assert rights == {"proxy": ["NET_BIND_SERVICE"]}


def test_everything_but_the_database_runs_on_a_read_only_root_with_a_folder_in_memory(compose: Any) -> None:
    writable = {name for name, service in compose["services"].items() if not service.get("read_only")}
    assert writable == {"postgres"}
    for name in set(compose["services"]) - writable:
        assert "/tmp" in compose["services"][name]["tmpfs"], name  # noqa: S108 - a mount, not a file


def test_every_image_has_a_version(compose: Any) -> None:
    built = {service["image"] for service in compose["services"].values() if "build" in service}
    bought = {service["image"] for service in compose["services"].values()} - built
    assert {image for image in bought if not re.search(r":v?\d", image)} == set()


def test_what_observes_reads_the_addresses_the_services_have(compose: Any) -> None:
    """The host names that Prometheus, Alertmanager and Grafana are told to reach are services."""
    told = "".join(path.read_text() for path in (ROOT / "deploy").rglob("*.yml"))
    hosts = set(re.findall(r"""(?:http://|targets: \[")([a-z]+):\d+""", told))
    assert hosts == {"web", "prometheus", "alertmanager", "jaeger"}
    assert hosts <= set(compose["services"])


def test_the_image_runs_as_an_ordinary_user_and_tells_whether_it_is_well() -> None:
    lines = (ROOT / "deploy/Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER rca"]
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
