"""`kill -9` of a real proxy: each whole answer has its record, every other request its intent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from proxy.segments.file import seal_leftovers
from proxy.segments.lines import SealLine
from tests.support.replay import (
    STALL,
    Answer,
    Received,
    Replay,
    events,
    json_answer,
    replaying,
    stream_answer,
)
from tests.support.running import lines, process, running, settings

CHAT = "/v1/chat/completions"
ASK = {"model": "gpt-4o", "messages": []}
STREAM = ASK | {"stream": True}
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
BODY = events({"choices": [{"delta": {"content": "hello"}}]}, {"choices": [], "usage": USAGE})
MODES = pytest.mark.parametrize("durability", ["strict", "batch", "os"])


def answer(received: Received) -> Answer:
    """JSON or a stream as asked, or nothing at all for `seed` -1."""
    body = received.json()
    if body.get("seed") == -1:
        return Answer(before=(STALL,))
    return stream_answer(BODY, cut=30) if body.get("stream") else json_answer({"usage": USAGE})


@pytest.fixture
async def provider() -> AsyncIterator[Replay]:
    async with replaying() as provider:
        provider.default = answer
        yield provider


@MODES
async def test_record_survives_a_kill_right_after_the_answer(
    tmp_path: Path, provider: Replay, durability: str
) -> None:
    config = settings(tmp_path, provider.url, logs={"durability": durability})
    async with process(config) as (relay, served):
        hanging = asyncio.create_task(relay.post(CHAT, ASK | {"seed": -1}))
        whole = [await relay.post(CHAT, ASK), await relay.post(CHAT, STREAM)]
        served.kill()
        await served.wait()
        with pytest.raises(aiohttp.ClientError):
            await hanging
    async with running(config):
        pass
    found = lines(config.logs.dir)
    assert [line.seq for line in found] == list(range(1, len(found) + 1))
    assert isinstance(found[-1], SealLine)
    assert (found[-1].recovered, found[-1].records, found[-1].intents) == (True, 2, 3)
    assert [record.request_id for record in relay.records()] == [answer.request_id for answer in whole]
    assert all(record.prompt_tokens == 10 for record in relay.records())
    unended = {line.request_id for line in relay.intents()} - {
        record.request_id for record in relay.records()
    }
    assert len(unended) == 1


@pytest.mark.parametrize("answers", [1, 20, 70])
async def test_every_whole_answer_has_its_record_after_a_kill(
    tmp_path: Path, provider: Replay, answers: int
) -> None:
    config = settings(tmp_path, provider.url, logs={"rotate_bytes": 4000})
    whole: list[str] = []
    async with process(config) as (relay, served):

        async def client(number: int) -> None:
            for seed in range(1000):
                body = (STREAM if (number + seed) % 2 else ASK) | {"seed": seed}
                whole.append((await relay.post(CHAT, body)).request_id)
                if len(whole) == answers:
                    served.kill()

        ended = await asyncio.gather(*map(client, range(8)), return_exceptions=True)
        assert all(isinstance(error, aiohttp.ClientError) for error in ended)
    seal_leftovers(config.logs.dir)
    found = lines(config.logs.dir)
    assert [line.seq for line in found] == list(range(1, len(found) + 1))
    assert not list(config.logs.dir.glob("*.open"))
    recorded = [record.request_id for record in relay.records()]
    assert len(set(recorded)) == len(recorded)
    assert len(whole) >= answers
    assert set(whole) <= set(recorded) <= {intent.request_id for intent in relay.intents()}
    assert len(relay.intents()) >= len(provider.received)


async def test_two_processes_share_a_log_directory(tmp_path: Path, provider: Replay) -> None:
    config = settings(tmp_path, provider.url)
    async with process(config) as (first, served), process(config) as (second, _):
        await first.post(CHAT, ASK)
        await second.post(CHAT, ASK)
        served.kill()
        await served.wait()
        assert len(seal_leftovers(config.logs.dir)) == 1
        await second.post(CHAT, ASK)
        assert len(second.records()) == 3
        assert len(list(config.logs.dir.glob("*.open"))) == 1
