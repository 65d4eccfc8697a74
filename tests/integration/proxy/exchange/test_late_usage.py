"""Usage in unexpected places: after the end of a stream, mislabelled, in a broken answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.exchange import delivery
from proxy.request import keys
from tests.support.replay import BREAK, STALL, Answer, Pause, Replay, Step, events, json_answer, stream_answer
from tests.support.running import ON_BOTH_PATHS, Relay, running, settings, until

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
TEXT = events({"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "12345678"}}]}, done=False)
COUNTED = events({"choices": [], "usage": USAGE}, done=False)
DONE = b"data: [DONE]\n\n"
ASKED = {"model": "gpt-4o", "stream": True, "messages": [{"content": "1234"}]}
SHOWN = {"stream_options": {"include_usage": True}}
COUNTS = ("provider", 10, 4)
ESTIMATE = ("estimated", 1, 2)

# (case, what the upstream does, what the client asked, what it gets, what is recorded)
LATE: list[tuple[str, list[Step], dict[str, Any], bytes, tuple[str, int, int]]] = [
    ("after [DONE]", [TEXT, DONE, Pause(0.05), COUNTED], {}, TEXT + DONE, COUNTS),
    ("after [DONE], asked for", [TEXT, DONE, Pause(0.05), COUNTED], SHOWN, TEXT + DONE + COUNTED, COUNTS),
    ("after [DONE], and [DONE] again", [TEXT + DONE, Pause(0.05), COUNTED[:9], COUNTED[9:] + DONE], {},
     TEXT + DONE + DONE, COUNTS),
    ("never", [TEXT, DONE], {}, TEXT + DONE, ESTIMATE),
    ("never, and the upstream stays", [TEXT, DONE, STALL], {}, TEXT + DONE, ESTIMATE),
    ("never, and the upstream breaks off", [TEXT, DONE, Pause(0.05), BREAK], {}, TEXT + DONE, ESTIMATE),
]  # fmt: skip


@ON_BOTH_PATHS
@pytest.mark.parametrize("case", [row[1:] for row in LATE], ids=[row[0] for row in LATE])
async def test_requested_usage_is_awaited_briefly_after_the_end(
    provider: Replay,
    relay: Relay,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[list[Step], dict[str, Any], bytes, tuple[str, int, int]],
) -> None:
    steps, options, got, expected = case
    monkeypatch.setattr(delivery, "LATE_USAGE_SECONDS", 0.3)
    provider.will(stream_answer(steps))
    answer = await relay.post(CHAT, ASKED | options)
    record = relay.record_of(answer)
    assert (answer.body, record.status, record.error) == (got, 200, None)
    assert (record.usage_source, record.prompt_tokens, record.completion_tokens) == expected


TYPES = ["text/plain; charset=utf-8", "application/json", "application/octet-stream"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("before", [b"", b"\n\n", b": still here\n\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("whole", [True, False])
async def test_injected_chunk_is_removed_from_an_unlabelled_stream(
    provider: Replay, relay: Relay, kind: str, before: bytes, whole: bool
) -> None:
    body = before + TEXT + COUNTED + DONE
    steps: tuple[Step, ...] = (body,) if whole else (body[:30], Pause(0.01), body[30:150], body[150:])
    provider.will(Answer(headers={"Content-Type": kind}, steps=steps, length=len(body)))
    answer = await relay.post(CHAT, ASKED)
    record = relay.record_of(answer)
    assert answer.body == before + TEXT + DONE
    assert (record.usage_source, record.prompt_tokens, record.completion_tokens) == COUNTS


async def test_json_answer_to_a_stream_request_passes_unchanged(provider: Replay, relay: Relay) -> None:
    body = json.dumps({"choices": [{"message": {"content": "x"}}], "usage": USAGE}, indent=1).encode()
    provider.will(Answer(headers={"Content-Type": "application/json"}, steps=(body[:9], body[9:])))
    answer = await relay.post(CHAT, ASKED)
    assert (answer.body, relay.record_of(answer).total_tokens) == (body, 14)


async def test_complete_json_on_a_broken_connection_reports_usage(provider: Replay, relay: Relay) -> None:
    body = json.dumps({"choices": [], "usage": USAGE}).encode()
    provider.will(
        Answer(headers={"Content-Type": "application/json"}, steps=(body, BREAK), length=len(body) + 9)
    )
    with pytest.raises(aiohttp.ClientPayloadError):
        await relay.post(CHAT, {"model": "gpt-4o", "messages": []})
    await until(relay.records)
    (record,) = relay.records()
    assert (record.status, record.usage_source, record.total_tokens) == (502, "provider", 14)


@pytest.mark.parametrize("status", [400, 422])
async def test_request_is_repeated_without_unknown_stream_options(
    provider: Replay, relay: Relay, status: int
) -> None:
    refusal = json_answer({"detail": [{"loc": ["body", "stream_options"]}]}, status=status)
    provider.will(refusal, stream_answer(TEXT + DONE), stream_answer(TEXT + DONE))
    for _ in range(2):
        assert (await relay.post(CHAT, ASKED)).status == 200
    assert ["stream_options" in received.json() for received in provider.received] == [True, False, False]


async def test_ambiguous_stream_flag_does_not_disable_stream_options(provider: Replay, relay: Relay) -> None:
    refusal = json_answer({"error": {"message": "stream_options without stream"}}, status=400)
    provider.will(refusal, json_answer({"usage": USAGE}), stream_answer(TEXT + COUNTED + DONE))
    for stream in ("yes", True):
        assert (await relay.post(CHAT, ASKED | {"stream": stream})).status == 200
    assert ["stream_options" in received.json() for received in provider.received] == [True, False, True]


BODIES: list[tuple[str, bytes, int]] = [
    ("what may be used last", b'{"model": "o1-pro", "model": "gpt-4o-mini", "messages": []}', 200),
    ("what may not be used last", b'{"model": "gpt-4o-mini", "model": "o1-pro", "messages": []}', 403),
    ("in escapes", b'{"mod\\u0065l": "o1-pro", "messages": [], "model": "gpt-4o-mini"}', 200),
    ("in other letters", b'{"model": "gpt-4o-mini", "Model": "o1-pro", "messages": []}', 400),
]


@pytest.mark.parametrize(("body", "status"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
async def test_naming_two_models_does_not_bypass_the_key(
    tmp_path: Path, provider: Replay, body: bytes, status: int
) -> None:
    provider.default = lambda _: json_answer({"usage": USAGE})
    async with running(settings(tmp_path, provider.url)) as relay:
        key = keys.issue(relay.config.keys.file, user="bob", team="brakes", models=["gpt-*-mini"])
        relay.refresh_keys()
        answer = await relay.post(CHAT, body, {"Authorization": f"Bearer {key}"})
        assert (answer.status, relay.record_of(answer).status) == (status, status)
    assert all(b"o1-pro" not in received.body for received in provider.received)
