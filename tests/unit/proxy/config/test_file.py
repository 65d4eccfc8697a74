"""Loading the configuration: the example of the contract, and one sentence per kind of error."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_origin

import pytest

from proxy.config import file as config_file
from proxy.config.environment import merge_environment, section_in
from proxy.config.section import Section
from proxy.config.settings import Config
from proxy.errors import ConfigError

CONTRACT = """
server:   {host: 127.0.0.1, port: 8000, workers: 1, max_body_bytes: 33554432, drain_seconds: 120}
logs:     {dir: var/logs, durability: batch, rotate_seconds: 60, rotate_bytes: 67108864, intents: true}
keys:     {file: var/keys.yaml}
upstreams:
  openai:    {api: openai, base_url: "https://api.openai.com/v1", api_key_env: OPENAI_API_KEY, models: ["gpt-*", "o*", "text-embedding-*"]}
  anthropic: {api: anthropic, base_url: "https://api.anthropic.com", api_key_env: ANTHROPIC_API_KEY, models: ["claude-*"]}
limits:   {backend: memory, redis_url: null, defaults: {rpm: null, tpm: null, concurrency: null, tokens_per_day: null, usd_per_day: null}}
policy:   {blocked_patterns: [], max_input_bytes: null}
aliases:  {}
cache:    {enabled: false, backend: memory, ttl_seconds: 3600}
pii:      {enabled: false, entities: [EMAIL_ADDRESS, PHONE_NUMBER, CREDIT_CARD, US_SSN, IP_ADDRESS, IBAN_CODE], restore: true}
analytics: {enabled: false, provider: langfuse, capture_content: false}
metrics:  {require_auth: false}
prices:   {overrides: []}
"""  # noqa: E501 -- word for word


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("RELAY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def load(text: str) -> Config:
    Path("relay.yaml").write_text(text)
    return config_file.load()


def error_of(text: str) -> str:
    """The error message for a file."""
    with pytest.raises(ConfigError) as error:
        load(text)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert "pydantic" not in sentence
    return sentence


def test_example_of_the_contract_equals_the_defaults() -> None:
    assert load(CONTRACT).model_dump() == Config().model_dump()


def test_defaults_apply_without_a_file() -> None:
    assert config_file.load().model_dump() == Config().model_dump()
    assert load("").model_dump() == Config().model_dump()


INVALID: list[tuple[str, str, list[str]]] = [
    ("an unknown section", "sever: {}", ["relay.yaml: 'sever' is not a setting", "server, logs"]),
    ("an unknown key", "server: {prot: 1}",
     ["relay.yaml: 'server.prot' is not a setting", "takes host, port"]),
    ("an unknown key of an upstream", "upstreams: {o: {api: openai, base_url: 'http://x', key: sk-1}}",
     ["'upstreams.o.key' is not a setting; 'upstreams.o' takes api, base_url"]),
    ("an unknown key of a price", "prices: {overrides: [{model: m, input_mtok: '1', input: '1'}]}",
     ["'prices.overrides.0.input' is not a setting", "takes model, upstream, since"]),
    ("a text for a number", "server: {port: eight}", ["'server.port'", "integer", "'eight'"]),
    ("a number out of range", "server: {port: 70000}", ["'server.port'", "65535", "70000"]),
    ("a duration of zero", "logs: {rotate_seconds: 0}", ["'logs.rotate_seconds'", "greater than 0", "0"]),
    ("an infinite duration", "server: {drain_seconds: .inf}", ["'server.drain_seconds'", "finite"]),
    ("an unknown word", "logs: {durability: fast}",
     ["'logs.durability'", "'strict', 'batch' or 'os'", "'fast'"]),
    ("a number for a section", "server: 8000", ["'server'", "8000"]),
    ("a list for a path", "logs: {dir: [a]}", ["'logs.dir' should be a path"]),
    ("a null", "keys: {file: null}", ["'keys.file' should be a path, not null"]),
    ("a section without settings", "server:", ["'server' should be a section of settings, not null"]),
    ("true for a number", "server: {port: true}", ["'server.port' should be a number, not true"]),
    ("true for an optional number", "limits: {defaults: {rpm: yes}}",
     ["'limits.defaults.rpm' should be a number, not true"]),
    ("an empty path", "logs: {dir: ''}", ["'logs.dir' should be a path, not ''"]),
    ("a number for a name", "1: 2", ["relay.yaml: '1' is not a setting; the settings are server"]),
    ("an unknown API", "upstreams: {o: {api: gemini, base_url: 'http://x'}}",
     ["'upstreams.o.api'", "'openai' or 'anthropic'", "'gemini'"]),
    ("a URL without its scheme", "upstreams: {o: {api: openai, base_url: api.openai.com}}",
     ["'upstreams.o.base_url'", "http:// or https://", "'api.openai.com'"]),
    ("an upstream without its URL", "upstreams: {o: {api: openai}}", ["'upstreams.o.base_url' is missing"]),
    ("text for an upstream", "upstreams: {o: openai}", ["'upstreams.o'", "'openai'"]),
    ("text for a list", "upstreams: {o: {api: openai, base_url: 'http://x', models: gpt}}",
     ["'upstreams.o.models'", "'gpt'"]),
    ("a price as a float", "prices: {overrides: [{model: m, input_mtok: 0.15}]}",
     ["'prices.overrides.0.input_mtok'", 'quoted decimal, e.g. "0.15"', "0.15"]),
    ("a price below zero", "prices: {overrides: [{model: m, input_mtok: '-1'}]}",
     ["'prices.overrides.0.input_mtok'", "greater than or equal to 0"]),
    ("text for a date", "prices: {overrides: [{model: m, input_mtok: '1', since: soon}]}",
     ["'prices.overrides.0.since'", "'soon'"]),
    ("an impossible date", "prices: {overrides: [{model: m, input_mtok: '1', since: 2026-13-01}]}",
     ["'prices.overrides.0.since'", "'2026-13-01'"]),
    ("a list at the top level", "- server", ["relay.yaml must hold settings", "not a list"]),
    ("invalid YAML", "server: {", ["relay.yaml is not YAML"]),
    ("tabs", "server:\n\tport: 1", ["relay.yaml is not YAML", "cannot start any token at line 2, column 1"]),
    ("a value unlike its tag", "server: {port: !!int eight}", ["relay.yaml is not YAML", "'eight'"]),
    ("cache in Redis without a URL", "cache: {backend: redis}", ["cache", "set cache.redis_url"]),
    ("a limit of zero", "limits: {defaults: {rpm: 0}}",
     ["'limits.defaults.rpm'", "greater than or equal to 1", "not 0"]),
    ("an unknown limit", "limits: {teams: {looms: {rpd: 5}}}",
     ["'limits.teams.looms.rpd' is not a setting",
      "takes rpm, tpm, concurrency, tokens_per_day, usd_per_day"]),
    ("money as a float", "limits: {defaults: {usd_per_day: 0.1}}",
     ["'limits.defaults.usd_per_day'", "quoted"]),
    ("Redis without a URL", "limits: {backend: redis}",
     ["relay.yaml: 'limits' has the backend 'redis' but no redis_url"]),
    ("a URL without Redis", "limits: {redis_url: 'redis://h'}", ["'limits' has a redis_url but"]),
    ("several workers with limits in memory", "server: {workers: 2}",
     ["relay.yaml: server.workers is 2, but limits.backend 'memory' counts in each worker alone",
      "per_worker"]),
    ("TLS without key", "server: {tls: {certificate: a.pem}}", ["relay.yaml: 'server.tls.key' is missing"]),
    ("an unknown key in an optional section", "server: {tls: {certificate: a, key: b, ca: c}}",
     ["'server.tls.ca' is not a setting; 'server.tls' takes certificate, key"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "parts"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
def test_error_names_setting_source_and_expectation(text: str, parts: list[str]) -> None:
    sentence = error_of(text)
    for part in parts:
        assert part in sentence


def test_missing_and_binary_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml cannot be read: No such file.*--config"):
        config_file.load(Path("nowhere.yaml"))
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        config_file.load(tmp_path)
    Path("binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.yaml is not YAML"):
        config_file.load(Path("binary.yaml"))


def test_environment_selects_the_file_and_overrides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other.yaml").write_text("server: {port: 1111, host: 0.0.0.0}\nlogs: {dir: a}")
    monkeypatch.setenv("RELAY_CONFIG", "other.yaml")
    monkeypatch.setenv("RELAY_SERVER__PORT", "2222")
    monkeypatch.setenv("RELAY_LOG_DIR", "/elsewhere")
    config = config_file.load()
    assert (config.server.host, config.server.port, config.logs.dir) == ("0.0.0.0", 2222, Path("/elsewhere"))


VARIABLES: list[tuple[str, str, list[str]]] = [
    ("RELAY_SERVER__PORT", "eight", ["environment variable RELAY_SERVER__PORT", "'server.port'", "'eight'"]),
    ("RELAY_SERVER__PROT", "1", ["environment variable RELAY_SERVER__PROT", "is not a setting"]),
    ("RELAY_SERVR__PORT", "1", ["environment variable RELAY_SERVR__PORT sets nothing", "'servr'"]),
    ("RELAY_LOGS__DURABILITY", "fast", ["environment variable RELAY_LOGS__DURABILITY", "'fast'"]),
    ("RELAY_UPSTREAMS", "{not json", ["the environment", "upstreams"]),
    ("RELAY_SERVER", '{"port": "eight"}', ["environment variable RELAY_SERVER: 'server.port'", "'eight'"]),
    ("relay_server__port", "eight", ["environment variable relay_server__port: 'server.port'", "'eight'"]),
    ("RELAY_SERVER_PORT", "1", ["RELAY_SERVER_PORT sets nothing: write RELAY_SERVER__PORT"]),
    ("RELAY_LOGS_ROTATE_SECONDS", "1", ["sets nothing: write RELAY_LOGS__ROTATE_SECONDS"]),
]


@pytest.mark.parametrize(("name", "value", "parts"), VARIABLES)
def test_error_names_the_environment_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, parts: list[str]
) -> None:
    monkeypatch.setenv(name, value)
    sentence = error_of("")
    for part in parts:
        assert part in sentence


def test_error_does_not_quote_a_misplaced_secret() -> None:
    sentence = error_of("upstreams: {o: {api: openai, base_url: 'http://x', api_key: sk-very-secret}}")
    assert "sk-very-secret" not in sentence
    assert "api_key_env" in sentence


def test_configuration_is_frozen_and_names_its_upstreams() -> None:
    config = load("upstreams: {mine: {api: openai, base_url: 'http://x/v1/'}}")
    assert (config.upstreams["mine"].name, config.upstreams["mine"].base_url) == ("mine", "http://x/v1")
    with pytest.raises(ValueError, match="frozen"):
        config.server.port = 1


NEEDS_OPTION: list[tuple[str, bool]] = [
    ("base_url: 'https://api.openai.com/v1'", True),
    ("base_url: 'https://api.mistral.ai/v1'", False),
    ("base_url: 'http://x', price_provider: mistral", False),
    ("base_url: 'https://api.mistral.ai/v1', stream_usage: always", True),
    ("base_url: 'https://api.openai.com/v1', stream_usage: never", False),
]


@pytest.mark.parametrize(("text", "needs"), NEEDS_OPTION)
def test_all_upstreams_but_mistral_need_the_usage_option(text: str, needs: bool) -> None:
    config = load(f"upstreams: {{u: {{api: openai, {text}}}}}")
    assert config.upstreams["u"].needs_usage_option is needs


@pytest.mark.parametrize(("name", "needs"), [("mistral", False), ("mistral-at-home", True)])
def test_upstream_named_mistral_is_mistral(name: str, needs: bool) -> None:
    config = load(f"upstreams: {{{name}: {{api: openai, base_url: 'http://x'}}}}")
    assert config.upstreams[name].needs_usage_option is needs


def test_prices_are_exact_decimals() -> None:
    config = load("prices: {overrides: [{model: m, input_mtok: '0.15', since: 2026-11-01}]}")
    (row,) = config.prices.overrides
    assert (row.prices, row.source) == (
        {"input_mtok": Decimal("0.15")},
        "override m since 2026-11-01",
    )


def settings_of(section: type[Section], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all settings of a section and of those below it, with `x` for a name of the user's."""
    for name, field in section.model_fields.items():
        nested = section_in(field.annotation)
        below = (*path, name, "x") if get_origin(field.annotation) is dict and nested else (*path, name)
        if nested and get_origin(field.annotation) is not tuple:
            yield from settings_of(nested, below)
        elif not field.exclude:
            yield below


SETTINGS = list(settings_of(Config))
REQUIRED: dict[str, Any] = {
    "server": {"tls": {"certificate": "c", "key": "k"}},
    "upstreams": {"x": {"api": "openai", "base_url": "http://x"}},
}


@pytest.mark.parametrize("path", SETTINGS, ids=[".".join(path) for path in SETTINGS])
def test_names_and_errors_follow_from_the_section(path: tuple[str, ...]) -> None:
    variable = "RELAY_" + "__".join(path).upper()
    content: Any = merge_environment({}, {variable: "[]"})
    for name in path:
        content = content[name]
    assert content in ("[]", [])
    wrong: Any = copy.deepcopy(REQUIRED)
    section = wrong
    for name in path[:-1]:
        section = section.setdefault(name, {})
    section[path[-1]] = [{"a": [1]}]  # invalid for every type
    setting = re.escape(f"'{'.'.join(path)}")
    with pytest.raises(ConfigError, match=f"relay.yaml: {setting}"):
        load(json.dumps(wrong))
    variable = f"RELAY_{path[0].upper()}"
    with pytest.raises(ConfigError, match=f"environment variable {variable}: {setting}"):
        config_file.load(None, {variable: json.dumps(wrong[path[0]])})
