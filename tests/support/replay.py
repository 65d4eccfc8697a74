"""A provider for tests: an HTTP server whose answers are programmed, step by step, per request.

    async with replaying() as provider:
        provider.will(json_answer({"usage": …}), stream_answer(body, cut=7), Answer(steps=(b"half", BREAK)))
        …                        # requests take these in order; then `provider.default` answers
        provider.received[0].json()

Steps follow the head: bytes are written (one write each), `Pause` waits, an `asyncio.Event` is waited for,
`BREAK` drops the connection, `STALL` sends nothing more while the provider lives.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from aiohttp import web

EVENT_STREAM = "text/event-stream; charset=utf-8"


class End(Enum):
    """An improper end of an answer."""

    BREAK = "the connection is dropped"
    STALL = "nothing more comes"


BREAK = End.BREAK
STALL = End.STALL


@dataclass(frozen=True)
class Pause:
    """Waits some seconds before the next step."""

    seconds: float


Step = bytes | Pause | asyncio.Event | End


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer: `before` happens before the head is sent, `steps` after it.

    With `length` the head says so many bytes (and BREAK may come short of it); without, it is chunked.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()
    length: int | None = None


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as received; `connection` is the number of its connection."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def json_answer(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A whole JSON answer with its length; bytes are taken as the body they are."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    given = {"Content-Type": "application/json"} | dict(headers or {})
    return Answer(status=status, headers=given, steps=(body,), length=len(body))


def stream_answer(
    body: bytes | Iterable[Step], *, cut: int | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """An event stream: whole, as the steps given, or in pieces of `cut` bytes."""
    if isinstance(body, bytes):
        size = cut or len(body) or 1
        steps: tuple[Step, ...] = tuple(body[at : at + size] for at in range(0, len(body), size))
    else:
        steps = tuple(body)
    return Answer(headers={"Content-Type": EVENT_STREAM} | dict(headers or {}), steps=steps)


def events(*values: object, done: bool = True) -> bytes:
    """OpenAI's event stream of these JSON values (bytes as they are), ended by `[DONE]`."""
    texts = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    return b"".join(b"data: " + text + b"\n\n" for text in (*texts, *((b"[DONE]",) if done else ())))


def named_events(*values: dict[str, Any]) -> bytes:
    """Anthropic's event stream of these JSON values, each named by its `type`."""
    return b"".join(
        b"event: " + value["type"].encode() + b"\ndata: " + json.dumps(value).encode() + b"\n\n"
        for value in values
    )


class Replay:
    """The programmed provider: `will` queues answers, `default` (or an exception) is for the rest."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.default: Callable[[Received], Answer] = _unprogrammed
        self._queue: deque[Answer] = deque()
        self._connections: dict[object, int] = {}
        self._closing = asyncio.Event()

    def will(self, *answers: Answer) -> None:
        """Queues answers for the next requests."""
        self._queue.extend(answers)

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Answers any request as programmed."""
        received = Received(
            method=http.method,
            path=http.path_qs,
            headers=http.headers.copy(),
            body=await http.read(),
            connection=self._connections.setdefault(http.transport, len(self._connections)),
        )
        self.received.append(received)
        answer = self._queue.popleft() if self._queue else self.default(received)
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_length = answer.length
        if await self._walk(http, None, answer.before):
            await response.prepare(http)
            await self._walk(http, response, answer.steps)
        return response

    async def _walk(
        self, http: web.Request, response: web.StreamResponse | None, steps: Iterable[Step]
    ) -> bool:
        """Takes the steps; False when the connection was dropped on the way."""
        for step in steps:
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, asyncio.Event):
                await step.wait()
            elif isinstance(step, bytes):
                assert response is not None
                await response.write(step)
                await asyncio.sleep(0)  # the reader in the same loop gets it as a piece of its own
            else:
                if step is STALL:
                    await self._closing.wait()
                if http.transport is not None:
                    http.transport.close()
                return False
        return True

    def close(self) -> None:
        """Frees what stalls."""
        self._closing.set()


def _unprogrammed(received: Received) -> Answer:
    return json_answer(
        {"error": {"type": "test", "message": f"nothing is programmed for {received.path}"}}, status=500
    )


@asynccontextmanager
async def replaying() -> AsyncIterator[Replay]:
    """A programmed provider on a free port of the loopback."""
    provider = Replay()
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{tail:.*}", provider.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield provider
    finally:
        provider.close()
        await runner.cleanup()
