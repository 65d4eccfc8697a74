"""What the chart refuses, and in which words; and that its schema knows every value and no other."""

from __future__ import annotations

import json
from typing import Any

import helm_python
import pytest
import yaml

from tests.support.monitoring.helm_chart import CHART, VALUES, of_kind, render, rendered

ARCHIVE = VALUES["archive"]

# values → a part of the sentence
REFUSED: list[tuple[dict[str, Any], str]] = [
    # One node's volume under proxies that may be on several.
    ({"replicas": 2}, "several proxies cannot write to one ReadWriteOnce volume"),
    ({"autoscaling": {"enabled": True}}, "several proxies cannot write to one ReadWriteOnce volume"),
    # Nowhere for records to stay.
    (ARCHIVE | {"logs": {"persistence": {"enabled": False}}}, "set logs.archive"),
    # Nowhere for keys to stay.
    (ARCHIVE | {"keys": {}}, "name it in keys.existingSecret"),
    ({"ingress": {"enabled": True}}, "ingress.hosts"),
    # Misspelt, of a wrong type, out of range, or the chart's own.
    ({"replicaCount": 2}, "replicaCount"),
    ({"logs": {"persistent": {}}}, "persistent"),
    ({"replicas": "2"}, "replicas"),
    ({"logs": {"persistence": {"accessMode": "ReadWriteOncePod"}}}, "accessMode"),
    ({"logs": {"archive": "gs://bucket"}}, "archive"),
    ({"logs": {"archiveAfter": "1 month"}}, "archiveAfter"),
    ({"secrets": {"masterKey": "short"}}, "masterKey"),
    ({"secrets": {"databaseUrl": "mysql://db"}}, "databaseUrl"),
    ({"config": {"server": {"port": 9000}}}, "port"),
    ({"config": {"server": {"tls": {"certificate": "/tls.pem"}}}}, "tls"),  # TLS ends at the Ingress
    ({"config": {"keys": {"file": "/tmp/keys.yaml"}}}, "keys"),
    ({"image": {"digest": "latest"}}, "digest"),
    ({"etl": {"schedule": "hourly"}}, "schedule"),
]


@pytest.mark.parametrize(("values", "sentence"), REFUSED, ids=lambda value: json.dumps(value)[:60])
def test_what_cannot_work_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(helm_python.HelmError, match=sentence):
        render(values)


def _paths(schema: dict[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, below in schema.get("properties", {}).items():
        if below is not False:
            found |= {f"{prefix}{name}"} | _paths(below, f"{prefix}{name}.")
    return found


def _given(values: dict[str, Any], known: set[str], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, below in values.items():
        path = f"{prefix}{name}"
        found.add(path)
        if isinstance(below, dict) and any(other.startswith(f"{path}.") for other in known):
            found |= _given(below, known, f"{path}.")
    return found


def test_the_schema_has_every_value_and_every_value_is_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    known = _paths(schema) - {"global"}
    given = _given(yaml.safe_load((CHART / "values.yaml").read_text("utf-8")), known)
    # Sections of relay.yaml are Relay's to check, resources Kubernetes'.
    free = {
        path
        for path in known | given
        if path.startswith("config.") or ".requests" in path or ".limits" in path
    }
    assert known - free - {"resources.requests", "resources.limits"} == given - free


def test_with_one_nodes_volume_everything_that_mounts_it_goes_to_that_node() -> None:
    manifests = render(
        {"secrets": {"databaseUrl": "postgresql://db/relay"}, "logs": {"archive": "s3://usage/relay"}}
    )
    mounting = of_kind(manifests, "Deployment") + of_kind(manifests, "CronJob")
    assert len(mounting) == 4  # the proxy, the ETL, its metrics, the archive
    for owner in mounting:
        spec = owner["spec"].get("jobTemplate", owner)["spec"]["template"]["spec"]
        (term,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        assert term["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "proxy"


def test_the_etl_runs_every_hour_and_never_twice_at_once() -> None:
    (etl,) = of_kind(rendered("everything"), "CronJob", "-etl")
    assert etl["spec"]["concurrencyPolicy"] == "Forbid"
    assert etl["spec"]["schedule"] == "7 * * * *"


def test_without_a_volume_no_job_reads_one_and_a_sidecar_ships() -> None:
    manifests = rendered("archive")
    assert of_kind(manifests, "CronJob") == []
    assert of_kind(manifests, "PersistentVolumeClaim") == []
    (proxy,) = of_kind(manifests, "Deployment")
    sidecars = proxy["spec"]["template"]["spec"]["initContainers"]
    assert [sidecar["name"] for sidecar in sidecars] == ["ship", "etl-metrics"]
    assert {sidecar["restartPolicy"] for sidecar in sidecars} == {"Always"}


def test_migration_runs_before_the_release_with_an_existing_secret() -> None:
    manifests = rendered("everything")
    (job,) = of_kind(manifests, "Job")
    (secret,) = of_kind(manifests, "Secret", "-migrate")
    for hook in (job, secret):
        assert hook["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["env"][0]["valueFrom"]["secretKeyRef"]["name"] == secret["metadata"]["name"]
    assert "serviceAccountName" not in job["spec"]["template"]["spec"], "the chart's is not there yet"


def test_only_the_proxy_is_given_the_providers_keys() -> None:
    for name in ("everything", "archive"):
        for one in rendered(name):
            text = json.dumps(one.get("spec", {}))
            assert ('"envFrom"' in text) == (
                one["kind"] == "Deployment" and "etl" not in one["metadata"]["name"]
            )


def test_the_claim_outlives_the_release() -> None:
    (claim,) = of_kind(rendered("default"), "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize("etl", [{"enabled": False}, {"metrics": {"enabled": False}}])
def test_without_metrics_of_the_etl_there_is_no_alert_that_they_are_late(etl: dict[str, Any]) -> None:
    values = VALUES["everything"] | {"etl": etl}
    (rule,) = of_kind(render(values), "PrometheusRule")
    (whole,) = of_kind(rendered("everything"), "PrometheusRule")
    groups = [group["name"] for group in rule["spec"]["groups"]]
    assert groups == [group["name"] for group in whole["spec"]["groups"] if group["name"] != "relay-etl"]
