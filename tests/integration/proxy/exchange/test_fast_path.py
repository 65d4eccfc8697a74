"""`server.fast_path` on and off give the same answer and record for any stream cut anywhere."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from proxy.config.file import load
from proxy.config.settings import Config
from proxy.exchange import delivery
from tests.support.replay import BREAK, Replay, Step, events, named_events, replaying, stream_answer
from tests.support.running import Relay, running, settings, until, written

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
VARYING = ("latency_ms", "ttft_ms", "attempts", "request_id", "created_at", "seq", "key_id")
"""The fields of a record that differ from request to request."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Paths:
    """A provider with two proxies before it, and the event loop that all run in."""

    runner: asyncio.Runner
    provider: Replay
    fast: Relay
    plain: Relay


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paths]:
    """The proxies for all examples of a test."""

    async def started(stack: AsyncExitStack) -> tuple[Replay, Relay, Relay]:
        provider = await stack.enter_async_context(replaying())

        async def relay(fast_path: bool) -> Relay:
            directory = tmp_path_factory.mktemp("relay")
            config = settings(directory, provider.url, server={"fast_path": fast_path})
            return await stack.enter_async_context(running(config))

        return provider, await relay(True), await relay(False)

    with pytest.MonkeyPatch.context() as patched, asyncio.Runner() as runner:
        patched.setattr(delivery, "LATE_USAGE_SECONDS", 0.02)
        stack = AsyncExitStack()
        provider, fast, plain = runner.run(started(stack))
        yield Paths(runner=runner, provider=provider, fast=fast, plain=plain)
        runner.run(stack.aclose())


WORDS = st.sampled_from(["", " word", "é", "漢字", "\U0001f600", '"quoted"', "back\\slash", "\n", "x" * 3000])


def chat_chunk(word: str) -> dict[str, Any]:
    return {"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": word}}], "usage": None}


@st.composite
def chat_streams(draw: st.DrawFn) -> bytes:
    body = events(*map(chat_chunk, draw(st.lists(WORDS, max_size=12))), done=False)
    body += draw(st.sampled_from([b"", b": comment\n\n", events({"error": {"type": "x"}}, done=False)]))
    body += draw(st.sampled_from([b"", events({"choices": [], "usage": USAGE}, done=False)]))
    body += draw(st.sampled_from([b"data: [DONE]\n\n", b""]))
    return body.replace(b"\n", b"\r\n") if draw(st.booleans()) else body


@st.composite
def message_streams(draw: st.DrawFn) -> bytes:
    start = {"model": "claude-haiku-4-5", "usage": {"input_tokens": 5, "output_tokens": 1}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
        for word in draw(st.lists(WORDS, max_size=12))
    ]
    end: list[dict[str, Any]] = [
        {"type": "message_delta", "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
    return named_events({"type": "message_start", "message": start}, *deltas, *end)


CUTS = st.lists(st.integers(0, 100_000), max_size=10)


def cut(body: bytes, cuts: list[int], *, breaks: bool) -> list[Step]:
    """The steps of a provider that sends a stream in these chunks, and may break it off."""
    borders = [0, *sorted(at % (len(body) + 1) for at in cuts), len(body)]
    steps: list[Step] = [body[start:end] for start, end in itertools.pairwise(borders) if start < end]
    return [*steps[:-1], BREAK] if breaks else steps


async def result(relay: Relay, path: str, asked: dict[str, Any]) -> tuple[int, bytes | None, dict[str, Any]]:
    """Status, body (None when it was broken off), and the record without its varying fields."""
    known = len(relay.records())
    async with relay.open(path, asked) as answer:
        try:
            body: bytes | None = await answer.read()
        except aiohttp.ClientError:
            body = None
    await until(lambda: len(relay.records()) > known)
    record = msgspec.structs.asdict(relay.records()[-1])
    for name in VARYING:
        del record[name]
    return answer.status, body, record


EXAMPLES = hypothesis_settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@EXAMPLES
@given(body=chat_streams(), cuts=CUTS, shows_usage=st.booleans(), breaks=st.booleans())
def test_chat_streams_are_delivered_alike(
    paths: Paths, body: bytes, cuts: list[int], shows_usage: bool, breaks: bool
) -> None:
    asked: dict[str, Any] = {"model": "gpt-4o", "stream": True, "messages": [{"content": "1234"}]}
    if shows_usage:
        asked["stream_options"] = {"include_usage": True}
    check_alike(paths, CHAT, asked, cut(body, cuts, breaks=breaks))


@EXAMPLES
@given(body=message_streams(), cuts=CUTS, breaks=st.booleans())
def test_message_streams_are_delivered_alike(
    paths: Paths, body: bytes, cuts: list[int], breaks: bool
) -> None:
    asked = {"model": "claude-haiku-4-5", "stream": True, "messages": []}
    check_alike(paths, MESSAGES, asked, cut(body, cuts, breaks=breaks))


def check_alike(paths: Paths, path: str, asked: dict[str, Any], steps: list[Step]) -> None:
    async def both() -> list[Any]:
        paths.provider.will(stream_answer(steps), stream_answer(steps))
        return [await result(relay, path, asked) for relay in (paths.fast, paths.plain)]

    fast, plain = paths.runner.run(both())
    assert fast == plain


def test_fast_path_is_turned_off_by_the_environment(tmp_path: Path) -> None:
    file = written(settings(tmp_path, "http://127.0.0.1:1"))
    config: Config = load(file, {"RELAY_SERVER__FAST_PATH": "false"})
    assert config.server.fast_path is False
    assert load(file, {}).server.fast_path is True
