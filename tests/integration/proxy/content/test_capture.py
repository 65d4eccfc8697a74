"""Captured content: prompt and output in each API, scrubbed, and only where configured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.segments.lines import sealed_segments
from tests.integration.proxy.exchange.test_fallback import both
from tests.integration.proxy.segments.test_writing import check_segments
from tests.support.content_data import (
    ASK,
    CHAT,
    EVENTS,
    JSON,
    MESSAGES,
    SAID,
    STREAM,
    answer,
    captured,
    capturing,
    input_and_output,
)
from tests.support.replay import (
    BREAK,
    Answer,
    Replay,
    events,
    json_answer,
    named_events,
    replaying,
    stream_answer,
)
from tests.support.running import running, settings, until


@pytest.fixture
async def provider() -> AsyncIterator[Replay]:
    async with replaying() as provider:
        provider.default = answer
        yield provider


async def one(directory: Path, provider: Replay, path: str, body: dict[str, Any], answer: Answer) -> Any:
    """The input and output that are captured of one request."""
    async with capturing(directory, provider) as relay:
        provider.will(answer)
        whole = await relay.post(path, body)
    (content,) = captured(relay.config.logs.dir)
    assert content.request_id == whole.request_id
    assert content.created_at == relay.record_of(whole).created_at
    return input_and_output(content)


PROMPT = {"messages": MESSAGES}
USE = {"type": "tool_use", "id": "t", "name": "look"}
TOOLS = [{"name": "look", "input_schema": {"type": "object"}}]
BLOCKS = [{"type": "thinking", "thinking": "so"}, USE | {"input": {"at": 1}}]
ANTHROPIC = named_events(
    {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "so"}},
    {"type": "content_block_start", "index": 1, "content_block": USE | {"input": {}}},
    {"type": "content_block_delta", "index": 1,
     "delta": {"type": "input_json_delta", "partial_json": '{"at":1}'}},
    {"type": "message_delta", "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
)  # fmt: skip
MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": "hello"}]}

KINDS: dict[str, tuple[str, dict[str, Any], Answer, Any]] = {
    "chat, JSON": (CHAT, ASK, json_answer(JSON), (PROMPT, SAID)),
    "chat, stream": (CHAT, STREAM, stream_answer(EVENTS, cut=9), (PROMPT, SAID)),
    "completions": (
        "/v1/completions", {"model": "gpt-4o", "prompt": "once"},
        json_answer({"choices": [{"text": "upon"}]}), ({"prompt": "once"}, "upon")),
    "responses": (
        "/v1/responses", {"model": "gpt-4o", "input": "hi", "instructions": "be short"},
        json_answer({"output": [MESSAGE]}), ({"input": "hi", "instructions": "be short"}, [MESSAGE])),
    "messages, stream": (
        "/v1/messages", {"model": "claude-1", "stream": True, "system": "s", "tools": TOOLS} | PROMPT,
        stream_answer(ANTHROPIC, cut=11), ({"system": "s", "tools": TOOLS} | PROMPT, BLOCKS)),
    "embeddings": (
        "/v1/embeddings", {"model": "text-embedding-3-small", "input": ["a", "b"]},
        json_answer({"data": [{"embedding": [0.5]}], "usage": {"total_tokens": 2}}),
        ({"input": ["a", "b"]}, None)),
    "refused upstream": (
        CHAT, ASK, json_answer({"error": {"message": "no", "type": "t"}}, status=400), (PROMPT, None)),
    "an image": (
        CHAT, ASK | {"messages": [{"content": [{"image_url": {"url": "data:image/png;base64,AAAA"}}]}]},
        json_answer(JSON),
        ({"messages": [{"content": [{"image_url": {"url": "[image/png, 3 bytes]"}}]}]}, SAID)),
    "no JSON": (
        CHAT, ASK, Answer(headers={"Content-Type": "text/html"}, steps=(b"<html>",)), (PROMPT, None)),
    "gone at once": (CHAT, ASK, Answer(before=(BREAK,)), (PROMPT, None)),
    "broken off": (
        CHAT, STREAM,
        stream_answer([events({"choices": [{"delta": {"content": "hal"}}]}, done=False), BREAK]),
        (PROMPT, {"content": "hal"})),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_prompt_and_output_are_in_a_content_segment(
    tmp_path: Path, provider: Replay, kind: str
) -> None:
    path, body, answer, expected = KINDS[kind]
    assert await one(tmp_path, provider, path, body, answer) == expected


async def test_no_content_is_written_by_default(tmp_path: Path, provider: Replay) -> None:
    async with running(settings(tmp_path, provider.url)) as relay:
        await relay.post(CHAT, ASK | {"messages": [{"role": "user", "content": "a secret plan"}]})
    assert sealed_segments(relay.config.logs.dir, "content") == []
    assert all(b"a secret plan" not in path.read_bytes() for path in relay.config.logs.dir.iterdir())


async def test_refused_requests_are_not_captured(tmp_path: Path, provider: Replay) -> None:
    async with capturing(tmp_path, provider, policy={"blocked_patterns": ["forbidden"]}) as relay:
        await relay.post(CHAT, ASK | {"messages": [{"role": "user", "content": "a secret plan"}]})
        await relay.post(CHAT, ASK | {"messages": [{"role": "user", "content": "forbidden"}]})
        await relay.post(CHAT, b"{")
        await relay.get("/v1/files")
    assert len(check_segments(relay.config.logs.dir)) == 4
    # The list of files reached the upstream, but nothing was asked.
    assert [input_and_output(content)[0] for content in captured(relay.config.logs.dir)] == [
        {"messages": [{"role": "user", "content": "a secret plan"}]},
        None,
    ]
    for path in sealed_segments(relay.config.logs.dir):
        assert not any(text in path.read_bytes() for text in (b"secret", b"forbidden", b"hello"))


async def test_content_is_written_before_the_last_byte_of_an_answer(tmp_path: Path, provider: Replay) -> None:
    never_yet = asyncio.Event()
    async with capturing(tmp_path, provider) as relay:
        provider.will(stream_answer([EVENTS, never_yet]))
        async with relay.open(CHAT, STREAM) as answer:
            await answer.content.readuntil(b"[DONE]\n\n")
            (path,) = relay.config.logs.dir.glob("content-*.open")
            assert json.loads(path.read_bytes().splitlines()[1])["output"] == SAID
            never_yet.set()
            await answer.read()
    assert len(captured(relay.config.logs.dir)) == 1


async def test_whole_answer_is_captured_after_a_disconnect(tmp_path: Path, provider: Replay) -> None:
    rest = asyncio.Event()
    async with capturing(tmp_path, provider) as relay:
        begin = EVENTS.index(b"\n\n") + 2
        provider.will(stream_answer([EVENTS[:begin], rest, EVENTS[begin:]]))
        answer = await relay.open(CHAT, STREAM)
        await answer.content.readany()
        answer.close()
        rest.set()
        await until(lambda: not relay.active())
    assert [record.status for record in relay.records()] == [499]
    assert [input_and_output(content) for content in captured(relay.config.logs.dir)] == [
        ({"messages": MESSAGES}, SAID)
    ]


@pytest.mark.parametrize("restore", [True, False])
@pytest.mark.parametrize("body", [ASK, STREAM], ids=["JSON", "stream"])
async def test_content_keeps_placeholders_and_scrubs_answers(
    tmp_path: Path, provider: Replay, *, restore: bool, body: dict[str, Any]
) -> None:
    said = "I wrote to <EMAIL_ADDRESS_1>, not to bob@example.org"
    answer = json_answer({"choices": [{"message": {"content": said}}]})
    if "stream" in body:
        answer = stream_answer(events({"choices": [{"delta": {"content": said}}]}), cut=5)
    async with capturing(tmp_path, provider, pii={"enabled": True, "restore": restore}) as relay:
        provider.will(answer)
        asked = [{"role": "user", "content": "write to ada@example.org"}]
        whole = await relay.post(CHAT, body | {"messages": asked})
    assert (b"ada@example.org" in whole.body) is restore
    (content,) = captured(relay.config.logs.dir)
    assert input_and_output(content) == (
        {"messages": [{"role": "user", "content": "write to <EMAIL_ADDRESS_1>"}]},
        {"content": "I wrote to <EMAIL_ADDRESS_1>, not to <EMAIL_ADDRESS_2>"},
    )
    assert all(b"example.org" not in path.read_bytes() for path in relay.config.logs.dir.iterdir())


async def test_answer_with_too_much_personal_data_is_not_captured(tmp_path: Path, provider: Replay) -> None:
    said = " ".join(f"a{number}@example.org" for number in range(60_000))
    async with capturing(tmp_path, provider, pii={"enabled": True}) as relay:
        provider.will(json_answer({"choices": [{"message": {"content": said}}]}))
        assert (await relay.post(CHAT, ASK)).status == 200
    (content,) = captured(relay.config.logs.dir)
    assert input_and_output(content)[1] == {"cut": "it holds too much of what may be personal data"}


async def test_cached_answer_is_captured_once(tmp_path: Path, provider: Replay) -> None:
    async with capturing(tmp_path, provider, cache={"enabled": True}) as relay:
        answers = await asyncio.gather(*(relay.post(CHAT, STREAM) for _ in range(3)))
        hit = await relay.post(CHAT, STREAM)
    assert len(provider.received) == 1
    assert hit.headers["x-relay-cache"] == "hit"
    (content,) = captured(relay.config.logs.dir)
    assert input_and_output(content) == (PROMPT, SAID)
    assert content.request_id in {answer.request_id for answer in answers}


async def test_answer_of_the_last_upstream_is_captured(tmp_path: Path, provider: Replay) -> None:
    async with replaying() as second:
        second.will(stream_answer(EVENTS))
        provider.will(json_answer({"error": {"message": "no"}}, status=500))
        async with capturing(tmp_path, provider, upstreams=both(second.url)) as relay:
            await relay.post(CHAT, STREAM)
    (content,) = captured(relay.config.logs.dir)
    assert input_and_output(content) == (PROMPT, SAID)
