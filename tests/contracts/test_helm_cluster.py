"""What the chart makes of the cluster it meets: the master key that is there, the version of Kubernetes.

There is no Kubernetes to be had here, so the server is a stand-in that knows one Secret and what Helm's
client asks before it looks it up. It serves on this machine only, and no other cluster's settings are read.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import helm_python
import pytest
import yaml

from tests.support.monitoring.helm_chart import CHART, VALUES

KEPT = "a-master-key-from-the-first-install"
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "relay", "namespace": "ai"},
    "data": {"PROXY_MASTER_KEY": base64.b64encode(KEPT.encode()).decode()},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": "secrets", "singularName": "", "namespaced": True, "kind": "Secret", "verbs": ["get"]}
        ],
    },
}


class _Server(BaseHTTPRequestHandler):
    installed = False
    minor = 33

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        answer = ANSWERS.get(path)
        if path == "/version":
            answer = {"major": "1", "minor": f"{self.minor}", "gitVersion": f"v1.{self.minor}.0"}
        if path == "/api/v1/namespaces/ai/secrets/relay" and self.installed:
            answer = SECRET
        body = json.dumps(
            answer
            or {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        ).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[helm_python.Config]:
    """Helm's connection to a cluster that is as the parameter says."""
    handler = type("Handler", (_Server,), request.param)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "stand-in",
            "clusters": [
                {"name": "stand-in", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
            ],
            "contexts": [{"name": "stand-in", "context": {"cluster": "stand-in", "user": "nobody"}}],
            "users": [{"name": "nobody", "user": {}}],
        }
        with helm_python.Config(kubeconfig_content=yaml.safe_dump(kubeconfig), namespace="ai") as config:
            yield config
        server.shutdown()
        thread.join()


def _master_key(cluster: helm_python.Config, values: dict[str, Any]) -> str:
    with helm_python.Chart.load(CHART) as chart:
        files = cluster.render(chart, values, name="relay", namespace="ai")
    secret = yaml.safe_load(files["relay/templates/secret.yaml"])
    return str(secret["stringData"]["PROXY_MASTER_KEY"])


@pytest.mark.parametrize("cluster", [{"installed": True}], indirect=True)
def test_an_upgrade_keeps_the_generated_master_key(cluster: helm_python.Config) -> None:
    assert _master_key(cluster, {}) == KEPT


@pytest.mark.parametrize("cluster", [{"installed": True}], indirect=True)
def test_a_master_key_that_is_given_takes_its_place(cluster: helm_python.Config) -> None:
    assert _master_key(cluster, {"secrets": {"masterKey": "one-of-my-own-choice"}}) == "one-of-my-own-choice"


@pytest.mark.parametrize("cluster", [{"installed": False}], indirect=True)
def test_the_first_install_makes_a_random_one(cluster: helm_python.Config) -> None:
    first, second = _master_key(cluster, {}), _master_key(cluster, {})
    assert len(first) == len(second) == 40
    assert first != second


def _tried(cluster: helm_python.Config, values: dict[str, Any]) -> str:
    """What Helm says against installing it here; the stand-in has no schemas, so it always has something."""
    with helm_python.Chart.load(CHART) as chart, pytest.raises(helm_python.HelmError) as caught:
        cluster.install(chart, "relay", values, namespace="ai", dry_run="server")
    return str(caught.value)


@pytest.mark.parametrize("cluster", [{"minor": 28}], indirect=True)
def test_without_sidecars_in_kubernetes_a_volume_is_needed(cluster: helm_python.Config) -> None:
    assert "Kubernetes must be 1.29 or later" in _tried(cluster, VALUES["archive"])
    assert "Kubernetes must be" not in _tried(cluster, VALUES["everything"])


@pytest.mark.parametrize("cluster", [{"minor": 29}], indirect=True)
def test_with_sidecars_in_kubernetes_no_volume_is_needed(cluster: helm_python.Config) -> None:
    assert "Kubernetes must be" not in _tried(cluster, VALUES["archive"])


@pytest.mark.parametrize("cluster", [{"minor": 24}], indirect=True)
def test_a_kubernetes_that_is_too_old_is_refused(cluster: helm_python.Config) -> None:
    assert ">=1.25.0-0" in _tried(cluster, {})
