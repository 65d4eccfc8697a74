"""`python -m tests.faults.proxy` kills a real proxy at random moments under mixed load: what must be left is.

After each restart: every answer that a client received whole has exactly one record, every request that went
upstream shows its intent, every writer's line numbers have no hole, every segment is sealed and chained, and
the content of every recorded request that went upstream is there. Writes bench/results/proxy_faults.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp

from etl.content.reader import ContentReader
from proxy.config.settings import Config
from proxy.segments.lines import IntentLine, SealLine
from tests.integration.proxy.segments.test_writing import check_segments
from tests.support.replay import (
    BREAK,
    Answer,
    Pause,
    Received,
    Replay,
    events,
    json_answer,
    named_events,
    replaying,
    stream_answer,
)
from tests.support.running import lines, settings, until
from tests.support.serving import WORKERS, Served, serving

RESULT: Final = Path(__file__).parents[2] / "bench" / "results" / "proxy_faults.json"
CHAT: Final = "/v1/chat/completions"
CLIENTS: Final = 12
LONGEST_LIFE: Final = 0.8
"""Seconds of load after which a proxy is killed at the latest."""

USAGE: Final = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
CHUNK: Final = events({"choices": [{"delta": {"content": "hello "}}]}, done=False)
END: Final = events({"choices": [], "usage": USAGE})
MESSAGE: Final = named_events(
    {"type": "message_start", "message": {"usage": {"input_tokens": 10, "output_tokens": 1}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
    {"type": "message_delta", "usage": {"output_tokens": 4}},
    {"type": "message_stop"},
)
REFUSED: Final = {"error": {"type": "test", "message": "no"}}
ANSWERS: Final = {
    "json": json_answer({"choices": [{"message": {"content": "hello"}}], "usage": USAGE}),
    "stream": stream_answer([CHUNK, CHUNK, Pause(0.005), CHUNK, END]),
    "left": stream_answer([CHUNK, Pause(0.02), CHUNK, END]),
    "message": stream_answer(MESSAGE, cut=50),
    "late": Answer(before=(Pause(0.1),), steps=(b"{}",), length=2),
    "broken": stream_answer([CHUNK, BREAK]),
    "gone": Answer(before=(BREAK,)),
    "400": json_answer(REFUSED, status=400),
    "429": json_answer(REFUSED, status=429),
    "500": json_answer(REFUSED, status=500),
}
"""What a request may ask the provider for, in `user`."""


def provide(received: Received) -> Answer:
    """The answer that is asked for."""
    return ANSWERS[received.json()["user"]]


@dataclass(kw_only=True)
class Witnesses:
    """What clients and the provider have seen; each request has a model of its own, to be known by."""

    whole: dict[str, str] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    asked: int = 0

    def model(self, family: str) -> str:
        """A model that nobody has asked for."""
        self.asked += 1
        return f"{family}-{self.asked}"


async def ask(served: Served, seen: Witnesses, choice: random.Random) -> None:
    """One request of any kind; what comes of it whole is noted."""
    kind = choice.choice([*ANSWERS, "json", "stream", "no model", "no JSON"])
    path = "/v1/messages" if kind == "message" else CHAT
    family = {"message": "claude", "no model": "unknown"}.get(kind, "gpt")
    model = seen.model(family)
    body: Any = {"model": model, "messages": [{"role": "user", "content": "hi"}], "user": kind}
    if kind in {"stream", "left", "message", "broken"}:
        body["stream"] = True
    if kind == "no JSON":
        body, model = b"{", ""
    if kind == "left":
        async with served.relay.open(path, body) as answer:
            await answer.content.readany()
            answer.close()
        return
    whole = await served.relay.post(path, body)
    assert "x-relay-request-id" in whole.headers, (whole, served.said())
    seen.whole[whole.request_id] = model


async def load(served: Served, seen: Witnesses, choice: random.Random) -> None:
    """Clients that go on, whatever happens to them, until they are cancelled."""

    async def client() -> None:
        while True:
            try:
                await ask(served, seen, choice)
            except (aiohttp.ClientError, ConnectionError):
                await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())


@asynccontextmanager
async def loaded(served: Served, seen: Witnesses, choice: random.Random) -> AsyncIterator[None]:
    """Load in the meantime."""
    loading = asyncio.create_task(load(served, seen, choice))
    try:
        yield
    finally:
        loading.cancel()
        with suppress(asyncio.CancelledError):
            await loading


def prove(directory: Path, seen: Witnesses) -> None:
    """Holds all segments against what was seen. Raises `AssertionError`."""
    records = check_segments(directory)
    recorded = {record.request_id: record for record in records}
    assert len(recorded) == len(records), "a request has two records"
    for request_id, model in seen.whole.items():
        assert request_id in recorded, f"{request_id} was answered whole and has no record"
        assert recorded[request_id].model == model
    intents = {line.model: line for line in lines(directory) if isinstance(line, IntentLine)}
    assert seen.sent <= intents.keys(), "a request went upstream without an intent"
    now = datetime.now(UTC)
    contents = ContentReader(directory=directory, since=now - timedelta(days=1), until=now)
    captured = {content.request_id for content in contents}
    assert contents.problems == []
    assert {record.request_id for record in records if record.attempts} <= captured


async def kill(served: Served, choice: random.Random, *, workers: int) -> None:
    """Kills the proxy; of several workers one first, while the others go on for a moment."""
    pids = served.workers()
    if workers > 1:
        os.kill(choice.choice(pids), signal.SIGKILL)
        await asyncio.sleep(choice.uniform(0, LONGEST_LIFE / 2))
        pids = served.workers()
    for pid in [served.process.pid, *pids]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await served.process.wait()
    await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


async def rounds(
    config: Config, provider: Replay, choice: random.Random, *, kills: int, workers: int
) -> dict[str, Any]:
    """Kills and restarts on one log directory, again and again; gives what was counted."""
    seen = Witnesses()
    for _ in range(kills):
        async with serving(config) as served:
            prove(config.logs.dir, seen)
            async with loaded(served, seen, choice):
                await asyncio.sleep(choice.uniform(0, LONGEST_LIFE))
                await kill(served, choice, workers=workers)
        seen.sent |= {received.json()["model"] for received in provider.received}
        provider.received.clear()
    async with serving(config) as served:
        prove(config.logs.dir, seen)
        assert await served.stop() == 0
    return counted(config.logs.dir, seen)


def counted(directory: Path, seen: Witnesses) -> dict[str, Any]:
    """The figures of a directory that is proved."""
    found = lines(directory)
    seals = [line for line in found if isinstance(line, SealLine)]
    intents = {line.request_id for line in found if isinstance(line, IntentLine)}
    records = {record.request_id: record for record in check_segments(directory)}
    statuses = sorted({record.status for record in records.values()})
    return {
        "requests_asked": seen.asked,
        "answers_received_whole": len(seen.whole),
        "requests_that_reached_the_provider": len(seen.sent),
        "records": len(records),
        "records_by_status": {
            str(status): sum(record.status == status for record in records.values()) for status in statuses
        },
        "intents_without_a_record": len(intents - records.keys()),
        "segments": len(seals),
        "segments_sealed_by_a_later_start": sum(seal.recovered for seal in seals),
    }


async def run(seed: int, kills: int) -> dict[str, Any]:
    """Every durability with one process, and one with two workers."""
    choice = random.Random(seed)
    plans = [(durability, 1) for durability in ("strict", "batch", "os")] + [("batch", 2)]
    result: dict[str, Any] = {}
    async with replaying() as provider:
        provider.default = provide
        for durability, workers in plans:
            with TemporaryDirectory() as directory:
                config = settings(
                    Path(directory),
                    provider.url,
                    **(WORKERS if workers > 1 else {}),
                    logs={"durability": durability, "rotate_bytes": 20_000, "rotate_seconds": 0.3},
                    analytics={"capture_content": True},
                )
                name = f"{durability}, {workers} worker{'s' if workers > 1 else ''}"
                sys.stdout.write(f"{name}: {kills} kills\n")
                sys.stdout.flush()
                result[name] = await rounds(config, provider, choice, kills=kills, workers=workers)
    return result


def main() -> None:
    """Runs with a given seed, or a new one that is written down."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options.add_argument("--kills", type=int, default=50, help="in each mode")
    given = options.parse_args()
    # The provider meets the death of its client some hundred times.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    sys.stdout.write(f"seed {given.seed}\n")
    begun = time.monotonic()
    result = asyncio.run(run(given.seed, given.kills))
    seconds = round(time.monotonic() - begun, 1)
    plan = {
        "command": "make faults",
        "seed": given.seed,
        "kills_in_each_mode": given.kills,
        "seconds": seconds,
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(plan | {"modes": result}, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(
        f"no whole answer without its record after {len(result) * given.kills} kills: see {RESULT}\n"
    )


if __name__ == "__main__":
    main()
