"""Operation of the proxy: key changes, health, metrics, and logs without secrets."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from proxy.errors import KeysError, LogWriteError
from proxy.exchange.delivery import Delivery
from proxy.exchange.handler import Exchange
from proxy.request import keys
from tests.support.replay import (
    BREAK,
    Answer,
    Received,
    Replay,
    events,
    json_answer,
    named_events,
    replaying,
    stream_answer,
)
from tests.support.running import PROVIDER_KEYS, Relay, running, samples, settings, until

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
PROMPT = "the prompt nobody may see"
COMPLETION = "the completion nobody may see"
ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": PROMPT}]}


@pytest.fixture
async def provider() -> AsyncIterator[Replay]:
    async with replaying() as provider:
        provider.default = lambda _: json_answer({"usage": USAGE})
        yield provider


async def test_issued_and_revoked_keys_take_effect_within_two_seconds(
    relay: Relay, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = keys.issue(relay.config.keys.file, user="bob", team="wheels")
    key_id = keys.read(relay.config.keys.file).keys[-1].id

    async def status() -> int:
        return (await relay.post(CHAT, ASK, {"Authorization": f"Bearer {raw}"})).status

    async def becomes(expected: int) -> None:
        async with asyncio.timeout(2):
            while await status() != expected:  # noqa: ASYNC110 -- it happens in another task
                await asyncio.sleep(0.05)

    await becomes(200)
    keys.revoke(relay.config.keys.file, key_id)
    await becomes(401)
    relay.config.keys.file.write_text("garbage: [")
    await until(lambda: caplog.records)
    monkeypatch.setattr("proxy.app.KEYS_SECONDS", 0.01)
    await asyncio.sleep(1.1)  # the wait that had begun, and a hundred short ones
    (logged,) = caplog.records
    assert "the keys read before stay in force" in logged.getMessage()
    assert (await relay.post(CHAT, ASK)).status == 200
    assert {record.user_id for record in relay.records()} == {"ada", "bob"}


async def test_start_fails_on_invalid_key_file_or_log_directory(tmp_path: Path) -> None:
    config = settings(tmp_path, "http://127.0.0.1:1")
    config.logs.dir.write_text("a file, not a directory")
    with pytest.raises(LogWriteError, match=r"logs cannot be used: .*; set logs\.dir"):
        async with running(config):
            pass
    config.keys.file.write_text("[")
    with pytest.raises(KeysError, match="is not a file of Relay keys"):
        async with running(config):
            pass


async def test_healthy_and_ready_when_the_log_is_writable(relay: Relay) -> None:
    for path in ("/healthz", "/readyz"):
        answer = await relay.get(path)
        assert (answer.status, answer.json()) == (200, {"status": "ok"})
    assert relay.lines() == []
    assert list(relay.config.logs.dir.iterdir()) == []


async def test_not_ready_while_the_log_directory_is_missing(
    relay: Relay,
) -> None:
    # As root no mode keeps anybody out; a directory that is not there keeps everybody out.
    directory = relay.config.logs.dir
    away = directory.rename(directory.with_name("away"))
    answer = await relay.get("/readyz")
    assert (answer.status, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["reason"] == f"{directory}: No such file or directory"
    assert (await relay.get("/healthz")).status == 200
    refused = await relay.post(CHAT, ASK)
    assert (refused.status, refused.json()["error"]["code"]) == (503, "log_unavailable")
    away.rename(directory)
    await until(relay.records)
    assert (await relay.get("/readyz")).status == 200
    assert [record.status for record in relay.records()] == [503]


def mixed(received: Received) -> Answer:
    """Answers of every kind, by the request's `seed`."""
    body = received.json()
    chunk = {"choices": [{"delta": {"content": COMPLETION}}]}
    if received.path == MESSAGES:
        return stream_answer(named_events(
            {"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}},
            {"type": "content_block_delta", "delta": {"text": COMPLETION}},
            {"type": "message_delta", "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ))  # fmt: skip
    kinds: list[Answer] = [
        json_answer({"usage": USAGE, "choices": [{"message": {"content": COMPLETION}}]}),
        stream_answer(events(chunk, {"choices": [], "usage": USAGE})),
        stream_answer([events(chunk, done=False), BREAK]),
        json_answer({"error": {"type": "tokens", "message": PROMPT}}, status=429),
        Answer(headers={"Content-Type": "text/html"}, steps=(COMPLETION.encode(),)),
        Answer(before=(BREAK,)),
    ]
    return kinds[int(body["seed"])]


async def after_mixed_traffic(provider: Replay, relay: Relay) -> str:
    """The text of `/metrics` after requests of every kind."""
    provider.default = mixed
    for seed in range(6):
        await relay.post(CHAT, ASK | {"seed": seed, "stream": seed in {1, 2}})
    await relay.post(MESSAGES, ASK | {"model": "claude-haiku-4-5", "stream": True})
    await relay.post(CHAT, ASK | {"model": "llama-of-ada"})
    await relay.post(CHAT, ASK | {"model": "gpt-4o-ft-of-ada", "seed": 0})
    await relay.post(CHAT, b"{" + PROMPT.encode())
    return (await relay.get("/metrics")).body.decode()


async def test_metrics_are_the_sums_of_the_records(provider: Replay, relay: Relay) -> None:
    text = await after_mixed_traffic(provider, relay)
    records = relay.records()
    assert len(records) == 10

    def metric(name: str, **labels: str) -> Decimal:
        return sum((value for _, value in samples(text, name, labels)), Decimal(0))

    for status in {record.status for record in records}:
        counted = sum(record.status == status for record in records)
        assert metric("relay_requests_total", status=str(status)) == counted
    assert metric("relay_requests_total", model="gpt-4o") == 6
    assert metric("relay_requests_total", model="other") == 3
    assert metric("relay_request_duration_seconds_count") == len(records)
    assert metric("relay_time_to_first_token_seconds_count") == sum(
        record.ttft_ms is not None for record in records
    )
    assert metric("relay_tokens_total", type="prompt") == sum(record.prompt_tokens for record in records)
    assert metric("relay_tokens_total", type="completion") == sum(
        record.completion_tokens for record in records
    )
    costs = sum((record.cost_usd or Decimal(0) for record in records), Decimal(0))
    assert metric("relay_cost_usd_total") == pytest.approx(costs)
    assert costs > 0
    assert metric("relay_unpriced_requests_total") == sum(record.cost_usd is None for record in records) > 0
    assert metric("relay_log_records_total") == len(records)
    assert metric("relay_active_requests") == metric("relay_log_write_errors_total") == 0


CONTRACT = [
    "relay_requests_total", "relay_request_duration_seconds", "relay_time_to_first_token_seconds",
    "relay_tokens_total", "relay_cost_usd_total", "relay_rate_limit_hits_total", "relay_cache_hits_total",
    "relay_pii_entities_total", "relay_active_requests", "relay_unpriced_requests_total",
    "relay_content_policy_blocks_total", "relay_log_records_total", "relay_log_write_errors_total",
    "relay_log_unsynced_bytes",
]  # fmt: skip


async def test_metrics_follow_the_contract_without_personal_labels(provider: Replay, relay: Relay) -> None:
    text = await after_mixed_traffic(provider, relay)
    families = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    assert set(CONTRACT) <= families
    assert {label for labels in re.findall(r"{(.*)}", text) for label in re.findall(r'(\w+)="', labels)} <= {
        "model", "status", "type", "le", "limit_type", "entity_type",
    }  # fmt: skip
    (key,) = keys.read(relay.config.keys.file).keys
    for secret in ("ada", "engines", key.id, key.hash, relay.key, *PROVIDER_KEYS.values()):
        assert secret not in text


async def test_model_labels_are_bounded(relay: Relay) -> None:
    for number in range(30):
        await relay.post(CHAT, ASK | {"model": f"gpt-4o-{number}"})
        await relay.post(CHAT, ASK | {"model": f"model {number}"})
    text = (await relay.get("/metrics")).body.decode()
    models = set(re.findall(r'model="([^"]*)"', text))
    assert models <= {"gpt-4o", "other"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Bearer wrong"}, 401), ({"Authorization": "Bearer m"}, 200)],
)
async def test_metrics_can_require_the_master_key(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    config = settings(tmp_path, "http://127.0.0.1:1", metrics={"require_auth": True})
    for environ, expected in (({"PROXY_MASTER_KEY": "m"}, status), ({}, 401)):
        async with (
            running(config, environ) as relay,
            relay.session.get(relay.url + "/metrics", headers=headers) as got,
        ):
            assert got.status == expected


async def test_no_secret_or_content_in_logs_segments_and_errors(
    provider: Replay, relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await after_mixed_traffic(provider, relay)
    refused = await relay.post(CHAT, ASK | {"model": "nobody-serves-it"})
    logged = caplog.text + "".join(
        str(vars(record)) for record in caplog.records if record.name.startswith("proxy")
    )
    written = b"".join(path.read_bytes() for path in relay.config.logs.dir.iterdir()).decode()
    for place in (logged, written, refused.body.decode(), json.dumps(dict(refused.headers))):
        for secret in (PROMPT, COMPLETION, relay.key, *PROVIDER_KEYS.values()):
            assert secret not in place


async def test_missing_provider_key_is_logged_at_start(
    tmp_path: Path, provider: Replay, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(settings(tmp_path, provider.url), {"OPENAI_API_KEY": "sk-of-openai"}) as relay:
        assert "ANTHROPIC_API_KEY is not set" in caplog.text
        assert "sk-of-openai" not in caplog.text
        provider.will(json_answer({"usage": {"input_tokens": 1, "output_tokens": 1}}))
        await relay.post(MESSAGES, ASK | {"model": "claude-haiku-4-5"})
    assert "x-api-key" not in provider.received[0].headers


@pytest.mark.parametrize("answer", [json_answer({"usage": USAGE}), stream_answer(events({"usage": USAGE}))])
async def test_request_objects_are_freed_without_the_garbage_collector(
    relay: Relay, provider: Replay, answer: Answer
) -> None:
    provider.default = lambda _: answer
    await relay.post(CHAT, ASK)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            assert (await relay.post(CHAT, ASK)).status == 200
        await until(lambda: not relay.active())
        assert [one for one in gc.get_objects() if isinstance(one, Exchange | Delivery)] == []
    finally:
        gc.enable()
