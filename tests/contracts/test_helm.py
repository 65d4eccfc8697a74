"""The chart through real Helm, against Kubernetes' own schemas and the rules of a restricted namespace."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import helm_python
import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml
from kubernetes_validate.utils import all_versions  # type: ignore[import-untyped]  # it has no types

from helm.sync import copies
from proxy.config import file as config_file
from tests.support.command_lines import problem
from tests.support.monitoring.helm_chart import CHART, VALUES, Manifest, containers, of_kind, pods, rendered

OLDEST, NEWEST = all_versions()[0], all_versions()[-1]
# A sidecar that outlives its pod's containers is known since this version; the chart refuses an older one.
OLDEST_WITH_SIDECARS = "1.29.0"
# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
_ALLOWED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
CRDS = {"ServiceMonitor", "PrometheusRule"}


def test_helm_lints_the_chart() -> None:
    found = helm_python.lint(str(CHART))
    assert found["errors"] == []
    assert [message for message in found["messages"] if message["severity"] > 1] == []


@pytest.mark.parametrize("name", VALUES)
def test_every_object_fits_the_oldest_and_the_newest_kubernetes(name: str) -> None:
    for manifest in rendered(name):
        if manifest["kind"] in CRDS:
            continue
        for version in (OLDEST_WITH_SIDECARS if name == "archive" else OLDEST, NEWEST):
            kubernetes_validate.validate(manifest, version, strict=True)


def test_everything_makes_each_kind_of_object() -> None:
    kinds = {manifest["kind"] for manifest in rendered("everything")}
    assert kinds == {
        "ConfigMap",
        "CronJob",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Job",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Pod",
        "PodDisruptionBudget",
        "PrometheusRule",
        "Secret",
        "Service",
        "ServiceAccount",
        "ServiceMonitor",
    }


@pytest.mark.parametrize("name", VALUES)
def test_every_pod_may_run_in_a_restricted_namespace(name: str) -> None:
    for owner, pod, _ in pods(rendered(name)):
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, owner
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, owner
        assert pod["automountServiceAccountToken"] is False, owner
        assert all(set(volume) - {"name"} <= _ALLOWED_VOLUMES for volume in pod.get("volumes", [])), owner
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, owner
            assert set(container["resources"]) == {"requests", "limits"}, owner


@pytest.mark.parametrize("name", VALUES)
def test_services_and_policies_select_pods_that_there_are(name: str) -> None:
    manifests = rendered(name)
    found = list(pods(manifests))
    for service in of_kind(manifests, "Service"):
        selected = [pod for _, pod, labels in found if service["spec"]["selector"].items() <= labels.items()]
        assert len(selected) == 1, service["metadata"]["name"]
        ports = {port["name"] for container in containers(selected[0]) for port in container.get("ports", [])}
        assert all(port["targetPort"] in ports for port in service["spec"]["ports"])
    for policy in of_kind(manifests, "NetworkPolicy"):
        chosen = policy["spec"]["podSelector"]["matchLabels"].items()
        assert all(chosen <= labels.items() for _, _, labels in found)
    for deployment in of_kind(manifests, "Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("name", VALUES)
def test_every_mount_has_its_volume(name: str) -> None:
    for owner, pod, _ in pods(rendered(name)):
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        mounted = {
            mount["name"] for container in containers(pod) for mount in container.get("volumeMounts", [])
        }
        assert mounted == volumes, owner


def _words(container: Manifest) -> list[str]:
    """The arguments of `relayctl` that a container of Relay's own image begins with; none for another."""
    if container["name"] == "etl-metrics":
        return []
    if "command" not in container:
        return [str(word) for word in container["args"]]
    text = " ".join(container.get("args", []))
    return shlex.split(text.partition("exec relayctl ")[2])


@pytest.mark.parametrize("name", VALUES)
def test_every_command_of_relayctl_in_the_chart_exists(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [words for _, pod, _ in pods(rendered(name)) for one in containers(pod) if (words := _words(one))]
    assert ["serve"] in lines
    # The database and the archive are given in the environment, which the container has.
    monkeypatch.setenv("RELAY_ARCHIVE", "s3://usage/relay")
    assert [(words, problem(words)) for words in lines if problem(words)] == []


@pytest.mark.parametrize("name", VALUES)
def test_a_pod_has_time_to_drain_seal_and_ship(name: str) -> None:
    (deployment,) = of_kind(rendered(name), "Deployment", "gateway" if name == "everything" else "relay")
    pod = deployment["spec"]["template"]["spec"]
    config = yaml.safe_load(of_kind(rendered(name), "ConfigMap")[0]["data"]["relay.yaml"])
    (proxy,) = pod["containers"]
    before_stop = int(proxy["lifecycle"]["preStop"]["exec"]["command"][1])
    ship = 120 if name == "archive" else 0
    assert pod["terminationGracePeriodSeconds"] == before_stop + config["server"]["drain_seconds"] + 30 + ship
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize("name", VALUES)
def test_relay_understands_the_settings_that_the_chart_gives(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [variable for variable in os.environ if variable.startswith("RELAY_")]:
        monkeypatch.delenv(variable)
    manifests = rendered(name)
    (proxy,) = next(
        pod["containers"]
        for _, pod, labels in pods(manifests)
        if labels["app.kubernetes.io/component"] == "proxy"
    )
    given = {one["name"]: one["value"] for one in proxy["env"]}
    if name == "everything":
        (secret,) = of_kind(manifests, "Secret", "gateway")
        given |= secret["stringData"]
    for variable, value in given.items():
        if variable.startswith("RELAY_") and variable not in {"RELAY_CONFIG", "RELAY_DATABASE_URL"}:
            monkeypatch.setenv(variable, value)
    file = tmp_path / "relay.yaml"
    file.write_text(of_kind(manifests, "ConfigMap")[0]["data"]["relay.yaml"])
    config = config_file.load(file)
    assert (config.server.host, config.server.port) == ("0.0.0.0", 8000)
    mounts = [mount["mountPath"] for mount in proxy["volumeMounts"]]
    assert any(config.logs.dir.is_relative_to(mount) for mount in mounts)
    assert any(config.keys.file.is_relative_to(mount) for mount in mounts)


def test_the_alerts_in_the_cluster_are_those_that_prometheus_takes(tmp_path: Path) -> None:
    assert shutil.which("promtool"), "install promtool (Debian: apt-get install prometheus)"
    (rule,) = of_kind(rendered("everything"), "PrometheusRule")
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(rule["spec"]))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    original = yaml.safe_load((CHART.parents[1] / "dashboards" / "alerts" / "relay.yml").read_text("utf-8"))
    assert rule["spec"] == original


def test_service_monitors_say_only_what_the_operator_knows() -> None:
    # https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitorSpec
    known = {"port", "path", "interval", "authorization", "relabelings"}
    monitors = of_kind(rendered("everything"), "ServiceMonitor")
    ports = {
        (port["name"], service["metadata"]["labels"]["app.kubernetes.io/component"])
        for service in of_kind(rendered("everything"), "Service")
        for port in service["spec"]["ports"]
    }
    assert len(monitors) == 2
    for monitor in monitors:
        assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
        assert set(monitor["spec"]) == {"selector", "endpoints"}
        (endpoint,) = monitor["spec"]["endpoints"]
        assert set(endpoint) <= known
        component = monitor["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        assert (endpoint["port"], component) in ports


def test_dashboards_are_shipped_as_they_are() -> None:
    (shipped,) = of_kind(rendered("everything"), "ConfigMap", "-dashboards")
    assert all(json.loads(text)["panels"] for text in shipped["data"].values())
    assert len(shipped["data"]) == len(list((CHART.parents[1] / "dashboards").glob("*.json")))


def test_the_charts_copies_are_current() -> None:
    pairs = copies()
    stale = [copy.name for copy, original in pairs.items() if copy.read_bytes() != original.read_bytes()]
    assert stale == [], "run `make chart`"
    files = {path for folder in ("alerts", "dashboards") for path in (CHART / "files" / folder).iterdir()}
    assert files == set(pairs), "run `make chart`"
