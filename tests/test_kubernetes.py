"""deploy/kubernetes: rendered by kubectl, valid by the schemas of Kubernetes, hardened, and with our commands."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import kubernetes_validate
import pytest
import yaml

from rcaplatform import exporter
from rcaplatform.processes import commands

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "deploy" / "kubernetes"
KUBECTL = Path(sys.executable).with_name("kubectl")
OLDEST, NEWEST = "1.29", "1.35"
SECRETS = {
    *("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SEALING_KEYS", "JWT_PRIVATE_KEY"),
    *("EMAIL_URL", "OIDC_CLIENT_SECRET", "ASSISTANT_KEY"),
}
Thing = dict[str, Any]


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> list[Thing]:
    """What `kubectl apply -k` of the example would send, with secrets in their place."""
    copy = shutil.copytree(FOLDER, tmp_path_factory.mktemp("overlay") / "kubernetes")
    told = re.sub(r"^# (\w+=)\s*", r"\1", (copy / "example/secret.env.example").read_text(), flags=re.MULTILINE)
    (copy / "example/secret.env").write_text(told)
    rendered = subprocess.run([KUBECTL, "kustomize", copy / "example"], capture_output=True, text=True, check=False)
    assert rendered.returncode == 0, rendered.stderr
    assert "Warning" not in rendered.stderr
    return list(yaml.safe_load_all(rendered.stdout))


@pytest.fixture(scope="module")
def workloads(things: list[Thing]) -> dict[str, Thing]:
    """What runs pods, by the process it runs."""
    running = [thing for thing in things if thing["kind"] in {"Deployment", "StatefulSet", "Job"}]
    return {thing["metadata"]["name"].removeprefix("rca-"): thing for thing in running}


def pod(workload: Thing) -> Thing:
    """Return the pod of a workload."""
    return cast("Thing", workload["spec"]["template"]["spec"])


def containers(workload: Thing) -> list[Thing]:
    """Return every container of a workload, those that come first among them."""
    return [*pod(workload).get("initContainers", []), *pod(workload)["containers"]]


def of(things: list[Thing], kind: str) -> list[Thing]:
    """Return the things of a kind."""
    return [thing for thing in things if thing["kind"] == kind]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_everything_is_valid_where_no_unknown_field_is(things: list[Thing], version: str) -> None:
    for thing in things:
        kubernetes_validate.validate(thing, version, strict=True)


def test_each_process_of_make_run_has_a_workload_with_the_same_command(
    things: list[Thing], workloads: dict[str, Thing]
) -> None:
    (settings,) = of(things, "ConfigMap")
    wanted = commands(settings["data"])
    assert workloads.keys() == wanted.keys()
    for name, workload in workloads.items():
        told = [re.sub(r"\$\((\w+)\)", lambda found: settings["data"][found[1]], arg) for arg in main(workload)["args"]]
        assert told == wanted[name], name


def main(workload: Thing) -> Thing:
    """Return the container that gives a workload its name."""
    return cast("Thing", pod(workload)["containers"][0])


def test_every_container_is_held_to_as_little_as_it_needs(workloads: dict[str, Thing]) -> None:
    held = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for name, workload in workloads.items():
        who = pod(workload)["securityContext"]
        assert (who["runAsNonRoot"], who["runAsUser"], who["fsGroup"]) == (True, 10001, 10001), name
        assert who["seccompProfile"] == {"type": "RuntimeDefault"}
        assert (pod(workload)["serviceAccountName"], pod(workload)["automountServiceAccountToken"]) == ("rca", False)
        for container in containers(workload):
            assert container["securityContext"] == held, (name, container["name"])
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]
            assert not container["image"].endswith(("latest", "rcaplatform")), "an overlay names image and version"


def test_every_process_waits_for_the_schema_and_nothing_else_waits(workloads: dict[str, Thing]) -> None:
    waiting = {name: [one["name"] for one in pod(work).get("initContainers", [])] for name, work in workloads.items()}
    assert waiting == {name: [] if name == "prepare" else ["migrated"] for name in workloads}


def test_every_lasting_process_is_asked_whether_it_lives(workloads: dict[str, Thing]) -> None:
    asked = {name for name, workload in workloads.items() if "livenessProbe" in main(workload)}
    assert asked == workloads.keys() - {"prepare"}
    web = main(workloads["web"])
    assert (web["livenessProbe"]["httpGet"]["path"], web["readinessProbe"]["httpGet"]["path"]) == (
        "/healthz",
        "/readyz",
    )
    assert web["startupProbe"]["httpGet"]["path"] == "/healthz"


def test_there_are_several_of_web_and_never_two_of_beat(things: list[Thing], workloads: dict[str, Thing]) -> None:
    (scaler,), (budget,) = of(things, "HorizontalPodAutoscaler"), of(things, "PodDisruptionBudget")
    assert scaler["spec"]["minReplicas"] > budget["spec"]["minAvailable"] >= 1
    assert scaler["spec"]["scaleTargetRef"]["name"] == "rca-web"
    assert "replicas" not in workloads["web"]["spec"], "the autoscaler's business"
    assert (workloads["beat"]["spec"]["replicas"], workloads["beat"]["spec"]["strategy"]) == (1, {"type": "Recreate"})


def test_what_takes_hours_to_make_again_outlives_its_pod(workloads: dict[str, Thing]) -> None:
    assert [name for name, workload in workloads.items() if "volumeClaimTemplates" in workload["spec"]] == ["poller"]


def test_every_label_that_is_looked_for_is_a_pods(things: list[Thing], workloads: dict[str, Thing]) -> None:
    pods = [workload["spec"]["template"]["metadata"]["labels"] for workload in workloads.values()]
    wanted = [thing["spec"]["selector"] for thing in of(things, "Service") if "selector" in thing["spec"]]
    wanted += [thing["spec"]["podSelector"]["matchLabels"] for thing in of(things, "NetworkPolicy")]
    wanted += [thing["spec"]["selector"]["matchLabels"] for thing in of(things, "PodDisruptionBudget")]
    for labels in wanted:
        assert any(labels.items() <= has.items() for has in pods), labels


def test_nobody_comes_in_but_by_the_proxy_and_for_figures(things: list[Thing]) -> None:
    policies = {thing["metadata"]["name"]: thing["spec"] for thing in of(things, "NetworkPolicy")}
    assert "ingress" not in policies["rca"]
    assert policies["rca"]["policyTypes"] == ["Ingress", "Egress"]
    refused = [block["ipBlock"]["except"] for rule in policies["rca"]["egress"] for block in rule["to"]]
    assert refused == [["169.254.169.254/32"], ["fd00:ec2::254/128"]]
    assert [port["port"] for port in policies["rca-web"]["ingress"][0]["ports"]] == ["http"]


def test_figures_are_led_nowhere_from_outside(things: list[Thing]) -> None:
    (ingress,) = of(things, "Ingress")
    first = ingress["spec"]["rules"][0]["http"]["paths"][0]
    assert (first["path"], first["backend"]["service"]["name"]) == ("/metrics", "rca-nowhere")
    (nowhere,) = [thing for thing in of(things, "Service") if thing["metadata"]["name"] == "rca-nowhere"]
    assert "selector" not in nowhere["spec"]


def test_secrets_are_named_and_none_is_in_the_repository(things: list[Thing]) -> None:
    (secret,), (settings,) = of(things, "Secret"), of(things, "ConfigMap")
    assert secret["data"].keys() == SECRETS
    assert not secret["data"].keys() & settings["data"].keys()
    example = (FOLDER / "example/secret.env.example").read_text()
    assert [line for line in example.splitlines() if line and not line.startswith("#")] == []
    assert "deploy/kubernetes/*/secret.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_every_setting_is_explained(things: list[Thing]) -> None:
    explained = set(re.findall(r"^#? ?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    told = {name for kind in ("ConfigMap", "Secret") for thing in of(things, kind) for name in thing["data"]}
    assert told - {"PROMETHEUS_MULTIPROC_DIR"} <= explained


def test_beside_each_worker_its_figures_are_told(workloads: dict[str, Thing]) -> None:
    beside = {name for name, work in workloads.items() if "figures" in [one["name"] for one in containers(work)]}
    assert beside == workloads.keys() - {"web", "prepare"}
    for name in beside:
        (told,) = [one for one in pod(workloads[name])["containers"] if one["name"] == "figures"]
        assert told["ports"] == [{"name": "figures", "containerPort": exporter.PORT}]
