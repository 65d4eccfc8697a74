"""Settings in environment variables: their paths, precedence and JSON values."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.environment import annotation_at, merge_environment, section_in
from proxy.config.server import Server
from proxy.config.upstreams import Upstream
from proxy.errors import ConfigError

FILE: dict[str, Any] = {
    "server": {"port": 1, "host": "h"},
    "upstreams": {"openai": {"api": "openai", "models": ["gpt-*"]}},
}

VARIABLES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("none", {}, FILE),
    ("unrelated", {"PATH": "/bin", "RELAY_CONFIG": "x", "RELAY_DATABASE_URL": "y", "RELAY_": "z"}, FILE),
    ("one setting, as text", {"RELAY_SERVER__PORT": "2"}, FILE | {"server": {"port": "2", "host": "h"}}),
    ("lower case", {"relay_server__port": "2"}, FILE | {"server": {"port": "2", "host": "h"}}),
    ("section missing in the file", {"RELAY_LOGS__DIR": "a"}, FILE | {"logs": {"dir": "a"}}),
    ("section as JSON", {"RELAY_SERVER": '{"port": 2}'}, FILE | {"server": {"port": 2, "host": "h"}}),
    ("setting over its section",
     {"RELAY_SERVER__PORT": "3", "RELAY_SERVER": '{"port": 2, "workers": 4}'},
     FILE | {"server": {"port": "3", "host": "h", "workers": 4}}),
    ("optional section",
     {"RELAY_SERVER__TLS": '{"key": "k"}', "RELAY_SERVER__TLS__CERTIFICATE": "c"},
     FILE | {"server": {"port": 1, "host": "h", "tls": {"key": "k", "certificate": "c"}}}),
    ("one setting of an upstream", {"RELAY_UPSTREAMS__OPENAI__BASE_URL": "u"},
     FILE | {"upstreams": {"openai": {"api": "openai", "models": ["gpt-*"], "base_url": "u"}}}),
    ("list replaces list", {"RELAY_UPSTREAMS__OPENAI__MODELS": '["o*"]'},
     FILE | {"upstreams": {"openai": {"api": "openai", "models": ["o*"]}}}),
    ("new upstream", {"RELAY_UPSTREAMS__MINE": '{"api": "openai"}'},
     FILE | {"upstreams": FILE["upstreams"] | {"mine": {"api": "openai"}}}),
    ("alias", {"RELAY_ALIASES__SMALL": "[gpt]"}, FILE | {"aliases": {"small": "[gpt]"}}),
    ("optional number is not JSON", {"RELAY_POLICY__MAX_INPUT_BYTES": "5"},
     FILE | {"policy": {"max_input_bytes": "5"}}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "settings"), [row[1:] for row in VARIABLES], ids=[row[0] for row in VARIABLES]
)
def test_variables_are_merged_over_the_file(environ: dict[str, str], settings: dict[str, Any]) -> None:
    assert merge_environment(FILE, environ) == settings
    assert merge_environment(FILE, dict(reversed(environ.items()))) == settings


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("RELAY_SERVER", "server"),
        ("RELAY_SERVER__TLS", "server.tls"),
        ("RELAY_UPSTREAMS__OPENAI", "upstreams.openai"),
        ("RELAY_UPSTREAMS__OPENAI__MODELS", "upstreams.openai.models"),
        ("RELAY_PRICES__OVERRIDES", "prices.overrides"),
    ],
)
def test_invalid_json_is_reported_without_its_value(name: str, where: str) -> None:
    with pytest.raises(ConfigError) as error:
        merge_environment(FILE, {name: "{SECRET"})
    assert str(error.value) == f"the environment variable {name}: '{where}' should be JSON"


def test_type_of_a_setting_by_its_path() -> None:
    assert annotation_at(["server"]) is Server
    assert section_in(annotation_at(["upstreams", "mine"])) is Upstream
    assert annotation_at(["upstreams", "mine", "name"]) is str
    assert annotation_at(["server", "port", "nothing"]) is None
    assert section_in(annotation_at(["aliases", "gpt-4"])) is None
