"""Invalid settings are reported at start without secrets, and invalid HTTP leaves no data in the log."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from proxy.config import file as config_file
from proxy.errors import ConfigError
from tests.support.replay import Replay, json_answer
from tests.support.running import settings
from tests.support.serving import Served, serving

UPSTREAM = "upstreams: {{a: {{api: openai, base_url: '{url}', {more}}}}}"
HERE = "http://x.example/v1"
INVALID: list[tuple[str, str, str]] = [
    ("a key for the name of its variable",
     UPSTREAM.format(url=HERE, more="api_key_env: sk-proj-SECRET-0123456789"), "upstreams.a.api_key_env"),
    ("a key that looks like a variable",
     UPSTREAM.format(url=HERE, more="api_key_env: gsk_SECRET0123456789abcdef"), "upstreams.a.api_key_env"),
    ("a URL without a host", UPSTREAM.format(url="http://", more=""), "upstreams.a.base_url"),
    ("a URL with a query, as Azure's has",
     UPSTREAM.format(url="https://x.example/v1?api-version=1", more=""), "upstreams.a.base_url"),
    ("an invalid port",
     UPSTREAM.format(url="https://x.example:99999/v1", more=""), "upstreams.a.base_url"),
    ("a glob for a list", UPSTREAM.format(url=HERE, more="models: 'gpt-*'"), "should be a list"),
    ("a price that ends before it begins",
     "prices: {overrides: [{model: x, input_mtok: '1', since: 2026-05-01, until: 2026-01-01}]}",
     "prices.overrides.0"),
    ("an unknown price provider",
     UPSTREAM.format(url=HERE, more="price_provider: opnai"), "a provider in genai-prices, 'openai'"),
    ("a price provider unlike any",
     UPSTREAM.format(url=HERE, more="price_provider: '%'"), "one of anthropic, "),
    ("a price of an unknown upstream",
     UPSTREAM.format(url=HERE, more="") + "\nprices: {overrides: [{model: x, upstream: b, input_mtok: '1'}]}",
     "'prices.overrides.0.upstream' should be one of a, not 'b'"),
    ("an alias of a model that no upstream serves", UPSTREAM.format(url=HERE, more="models: ['gpt-*']")
     + "\naliases: {fast: claude-5}",
     "'aliases.fast' should be a model of one of the upstreams, not 'claude-5'"),
    ("an alias of an alias", UPSTREAM.format(url=HERE, more="models: ['gpt-*']")
     + "\naliases: {fast: small, small: gpt-5-mini}", "not 'small', which is an alias itself"),
    ("a section twice", "server: {port: 1}\nserver: {workers: 1}", "server"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "part"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
def test_invalid_file_is_reported(tmp_path: Path, text: str, part: str) -> None:
    file = tmp_path / "relay.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        config_file.load(file)
    assert part in str(error.value)
    assert "SECRET" not in str(error.value)


def test_environment_sets_one_value_of_a_default_upstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RELAY_UPSTREAMS__OPENAI__BASE_URL", "http://here.example/v1")
    upstreams = config_file.load().upstreams
    assert upstreams["openai"].base_url == "http://here.example/v1"
    assert (upstreams["openai"].api, upstreams["openai"].api_key_env) == ("openai", "OPENAI_API_KEY")
    assert upstreams["anthropic"].api == "anthropic"


@pytest.mark.parametrize("name", ["RELAY_PII__ENTITIES", "RELAY_UPSTREAMS", "RELAY_POLICY__BLOCKED_PATTERNS"])
def test_invalid_json_in_a_variable_is_reported_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "sk-SECRET")
    with pytest.raises(ConfigError, match=name) as error:
        config_file.load()
    assert "SECRET" not in str(error.value)


def lines(served: Served) -> list[tuple[str, bytes]]:
    """Requests that are not valid HTTP and contain a key or a prompt."""
    key = served.relay.key.encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + b"\r\n"
    return [
        ("a control character after the key", head.replace(key, key + b"\0") + b"Content-Length: 0\r\n\r\n"),
        ("a space before the colon", head.replace(b"Authorization:", b"Authorization :") + b"\r\n"),
        ("a prompt for a chunk size", head + b"Transfer-Encoding: chunked\r\n\r\nPROMPT\r\n"),
        ("a body longer than it says", head + b"Content-Length: 2\r\n\r\n{}PROMPT goes on\r\n\r\n"),
        ("a prompt in an oversized header", head + b"X-A: " + b"PROMPT " * 2_000 + b"\r\n\r\n"),
        ("invalid gzip", head + b"Content-Encoding: gzip\r\nContent-Length: 6\r\n\r\nPROMPT"),
        ("a lone carriage return", head + b"X-A: PROMPT\r\r\n\r\n"),
    ]


async def test_invalid_http_leaves_no_key_prompt_or_traceback_in_the_log(
    tmp_path: Path, provider: Replay
) -> None:
    provider.default = lambda _: json_answer({})
    async with serving(settings(tmp_path, provider.url)) as served:
        leaked: list[tuple[str, str]] = []
        for what, data in lines(served):
            before = len(served.said())
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", int(served.relay.url.rpartition(":")[2])
            )
            writer.write(data)
            await asyncio.wait_for(reader.read(1), 2)
            writer.close()
            await asyncio.sleep(0.05)
            said = served.said()[before:]
            leaked += [
                (what, secret) for secret in (served.relay.key, "PROMPT", "Traceback") if secret in said
            ]
        assert leaked == []
