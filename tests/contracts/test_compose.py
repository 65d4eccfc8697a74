"""docker-compose.yml against its schema, and against what it promises: pinned, private, nothing guessable."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.config import file as config_file
from relayctl.demo import live
from tests.support.command_lines import problem

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")
VARIABLES = re.findall(r"\$\{(\w+)([^}]*)\}", TEXT)
PROFILES = ("demo", "langfuse")


def _compose(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "compose", "--file", ROOT / "docker-compose.yml", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | environment,
    )


def _has_compose() -> bool:
    return shutil.which("docker") is not None and _compose("version").returncode == 0


needs_compose = pytest.mark.skipif(
    not _has_compose(), reason="docker compose is not installed: https://docs.docker.com/compose/install/"
)


def test_the_file_fits_the_compose_specification() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            ROOT / "docker-compose.yml",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@needs_compose
@pytest.mark.parametrize("profile", ["", *PROFILES])
def test_docker_compose_takes_the_file_with_each_profile(profile: str) -> None:
    values = {name: "0" * 64 for name, _ in VARIABLES}
    done = _compose(*(["--profile", profile] if profile else []), "config", "--quiet", **values)
    assert done.returncode == 0, done.stderr


@needs_compose
def test_docker_compose_names_a_secret_that_is_missing() -> None:
    assert "PROXY_MASTER_KEY" in _compose("config", "--quiet").stderr


@pytest.mark.parametrize("name", SERVICES)
def test_services_have_pinned_images_health_checks_and_restart_policies(name: str) -> None:
    service = SERVICES[name]
    image = service["image"]
    ours = image.startswith("${RELAY_IMAGE")
    assert ours or re.search(r"@sha256:[0-9a-f]{64}$|:\d+\.\d+\.\d+$", image), "pinned by digest or exact tag"
    # Ours has the image's own.
    assert ours or name in {"langfuse-worker"} or service["healthcheck"]["test"][0] == "CMD"
    assert "restart" in service


@pytest.mark.parametrize("name", SERVICES)
def test_every_dependency_says_what_it_waits_for(name: str) -> None:
    depends = SERVICES[name].get("depends_on", {})
    assert isinstance(depends, dict)
    for other, how in depends.items():
        assert other in SERVICES
        if how["condition"] == "service_healthy":
            assert not SERVICES[other].get("healthcheck", {}).get("disable"), "it could never become healthy"
        own, needed = SERVICES[name].get("profiles"), SERVICES[other].get("profiles")
        assert needed is None or own == needed, "a service must not wait for one of another profile"


def test_only_this_machine_can_reach_what_is_published() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == len(set(published)) > 0
    assert [port for port in published if not str(port).startswith("127.0.0.1:")] == []


def test_every_secret_is_required_and_the_example_says_how_to_make_it() -> None:
    secret = re.compile("PASSWORD|SECRET|SALT|ENCRYPTION|MASTER|LANGFUSE_PUBLIC_KEY")
    made = dict(re.findall(r"^(\w+)= *# (.+)$", EXAMPLE, re.MULTILINE))
    for name, rest in VARIABLES:
        assert rest.startswith((":?", ":-")), f"{name} would be empty without a word"
        assert rest.startswith(":?") == bool(secret.search(name)), name
        assert not secret.search(name) or "openssl rand" in made[name]
    assert set(made) == {name for name, rest in VARIABLES if rest.startswith(":?")}


def test_no_service_has_a_secret_in_the_file() -> None:
    secret = re.compile("PASSWORD|SECRET|SALT|ENCRYPTION_KEY|_AUTH$|MASTER_KEY")
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not secret.search(name) or "${" in value, name


def test_the_example_makes_a_complete_environment() -> None:
    assert shutil.which("openssl"), "install openssl (Debian: apt-get install openssl)"
    done = subprocess.run(["sh", ROOT / "deploy" / "env.sh"], capture_output=True, text=True, check=True)
    values = dict(line.split("=", 1) for line in done.stdout.splitlines() if re.match("[A-Z]", line))
    missing = [name for name, rest in VARIABLES if rest.startswith(":?") and not values.get(name)]
    assert missing == []
    assert re.fullmatch("[0-9a-f]{64}", values["LANGFUSE_ENCRYPTION_KEY"]), "Langfuse takes nothing else"
    secrets = [value for value in values.values() if value]
    assert len(set(secrets)) == len(secrets)


@pytest.mark.parametrize(
    "name", [name for name, service in SERVICES.items() if "RELAY_IMAGE" in service["image"]]
)
def test_relay_services_are_unprivileged_on_a_read_only_file_system(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]


def test_mounted_files_exist_and_named_volumes_are_declared() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    files = [mount for mount in mounts if mount.startswith(".")]
    assert [file for file in files if not (ROOT / file.split(":")[0]).exists()] == []
    assert [file for file in files if not file.endswith(":ro")] == []
    assert {mount.split(":")[0] for mount in mounts if mount not in files} == set(COMPOSE["volumes"])


@pytest.mark.parametrize("file", ["relay.yaml", "demo.yaml"])
def test_the_proxies_understand_their_settings(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RELAY_")]:
        monkeypatch.delenv(name)
    upstreams = config_file.load(ROOT / "deploy" / file, {}).upstreams.values()
    demo = file == "demo.yaml"
    assert all(("//provider:" in upstream.base_url) == demo for upstream in upstreams)
    services = ["demo-proxy"] if demo else ["proxy"]
    given = [SERVICES[name]["environment"] for name in services]
    assert all(upstream.api_key_env in environment for upstream in upstreams for environment in given)


def test_the_proxy_has_longer_to_stop_than_requests_have_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RELAY_")]:
        monkeypatch.delenv(name)
    drain = config_file.load(ROOT / "deploy" / "relay.yaml", {}).server.drain_seconds
    assert int(SERVICES["proxy"]["stop_grace_period"].removesuffix("s")) > drain + 10


def test_langfuses_web_server_has_all_of_the_workers_environment() -> None:
    worker, web = (SERVICES[name]["environment"] for name in ("langfuse-worker", "langfuse-web"))
    assert worker.items() <= web.items()
    assert SERVICES["langfuse-web"]["networks"]["default"]["aliases"] == ["langfuse"]
    relay = SERVICES["proxy"]["environment"]
    assert relay["LANGFUSE_HOST"] == "${LANGFUSE_HOST:-http://langfuse:3000}"
    assert relay["LANGFUSE_PUBLIC_KEY"] == web["LANGFUSE_INIT_PROJECT_PUBLIC_KEY"]
    assert relay["LANGFUSE_SECRET_KEY"] == web["LANGFUSE_INIT_PROJECT_SECRET_KEY"]


@pytest.mark.parametrize(
    ("tool", "arguments", "package"),
    [
        ("promtool", ("check", "config", "--syntax-only", "deploy/prometheus.yml"), "prometheus"),
        ("amtool", ("check-config", "deploy/alertmanager.yml"), "prometheus-alertmanager"),
    ],
)
def test_the_monitoring_tools_take_their_own_files(
    tool: str, arguments: tuple[str, ...], package: str
) -> None:
    assert shutil.which(tool), f"install {tool} (Debian: apt-get install {package})"
    done = subprocess.run([tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_prometheus_scrapes_the_services_under_the_job_names_of_the_alerts() -> None:
    scrapes = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    named = {scrape["job_name"]: scrape for scrape in scrapes}
    targets = [
        target.split(":")[0]
        for scrape in scrapes
        for static in scrape["static_configs"]
        for target in static["targets"]
    ]
    looked_up = [name for discovery in named["relay"]["dns_sd_configs"] for name in discovery["names"]]
    assert [name for name in targets + looked_up if name not in SERVICES] == []
    alerts = (ROOT / "dashboards" / "alerts" / "relay.yml").read_text("utf-8")
    assert set(re.findall(r'job="([^"]+)"', alerts)) <= set(named)


def test_grafana_is_given_what_its_data_sources_ask_for() -> None:
    provisioning = ROOT / "dashboards" / "provisioning"
    asked = {
        name for path in provisioning.rglob("*.yml") for name in re.findall(r"\$\{(\w+)\}", path.read_text())
    }
    grafana = SERVICES["grafana"]
    assert asked - set(grafana["environment"]) == set()
    assert grafana["environment"]["PGUSER"] == "grafana", "not Relay's own role: a viewer can send any query"
    (path,) = re.findall(r"path: ([\w/.-]+)", (provisioning / "dashboards" / "relay.yml").read_text("utf-8"))
    assert f"./dashboards:{path}:ro" in grafana["volumes"]


@pytest.mark.parametrize(
    "name", [name for name, service in SERVICES.items() if "RELAY_IMAGE" in service["image"]]
)
def test_every_command_of_relays_own_services_exists(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = SERVICES[name]
    for variable, value in service.get("environment", {}).items():
        monkeypatch.setenv(variable, value)
    if "entrypoint" not in service:
        assert problem(service.get("command", ["serve"])) is None
        return
    assert service["entrypoint"] == ["python", "-m", live.__name__]
    command, *arguments = service["command"]
    live.main.commands[command].make_context(command, arguments)  # raises when it would not run
