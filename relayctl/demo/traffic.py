"""Sends the planned requests through a proxy and sets the simulated clock to each request's time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import aiohttp

from relayctl.demo.clock import SimulatedClock
from relayctl.demo.formats.requested import CHARACTERS_PER_TOKEN
from relayctl.demo.people import TEAMS
from relayctl.demo.plan import Call
from relayctl.errors import RelayctlError

_CONCURRENCY: Final = 40
# Pause between two requests, so that each reaches the proxy before the clock advances to the next.
_PACE_SECONDS: Final = 0.002
_FILLER: Final = "Here is what we know so far, and what we would like to hear about it. "
_SYSTEM_SHARE: Final = 0.6


def request_of(call: Call) -> tuple[str, dict[str, Any]]:
    """Builds the path and body of a call, with the planned prompt length and the planned output limit."""
    length = call.prompt_tokens * CHARACTERS_PER_TOKEN
    prompt = f"({call.number}) {_FILLER * (length // len(_FILLER) + 1)}"[:length]
    if call.model.startswith("text-embedding"):
        return "/v1/embeddings", {"model": call.model, "input": prompt}
    if call.model.startswith("claude"):
        return "/v1/messages", _message_body(call, prompt)
    messages = [{"role": "user", "content": prompt}]
    # OpenAI's newer models accept only this limit; older models accept both.
    body = {"model": call.model, "messages": messages, "max_completion_tokens": call.answer_tokens}
    return "/v1/chat/completions", body | ({"stream": True} if call.stream else {})


def _message_body(call: Call, prompt: str) -> dict[str, Any]:
    """Builds an Anthropic request: coding tools mark their long instructions for caching, chats do not."""
    cut = int(len(prompt) * _SYSTEM_SHARE) if TEAMS[call.user.team] == "code" else 0
    instructions = {"type": "text", "text": prompt[:cut], "cache_control": {"type": "ephemeral"}}
    return {
        "model": call.model,
        "max_tokens": call.answer_tokens,
        "messages": [{"role": "user", "content": prompt[cut:]}],
        **({"system": [instructions]} if cut else {}),
        **({"stream": True} if call.stream else {}),
    }


async def send(
    calls: Sequence[Call],
    *,
    base_url: str,
    keys: Mapping[str, str],
    clock: SimulatedClock,
    on_answer: Callable[[int], None],
) -> Counter[int]:
    """Sends every call with its user's Relay key, up to 40 at a time, and counts the answers by status.

    `on_answer` gets the number of answers so far. Raises `RelayctlError` when the proxy does not answer.
    """
    statuses: Counter[int] = Counter()
    slots = asyncio.Semaphore(_CONCURRENCY)

    async def send_one(session: aiohttp.ClientSession, call: Call) -> None:
        try:
            statuses[await _send(session, call, keys[call.user.name])] += 1
            on_answer(statuses.total())
        finally:
            slots.release()

    try:
        async with aiohttp.ClientSession(base_url) as session, asyncio.TaskGroup() as group:
            for call in calls:
                await slots.acquire()
                clock.advance(call.at)
                group.create_task(send_one(session, call))
                await asyncio.sleep(_PACE_SECONDS)
    except ExceptionGroup as group_error:
        # Not `except*`: before Python 3.11.4 an error raised inside it is wrapped in an ExceptionGroup.
        failures, others = group_error.split((aiohttp.ClientError, TimeoutError))
        if failures is None or others is not None:
            raise
        raise RelayctlError(
            f"the demo's proxy at {base_url} does not answer: {failures.exceptions[0]}"
        ) from group_error
    return statuses


async def _send(session: aiohttp.ClientSession, call: Call, key: str) -> int:
    path, body = request_of(call)
    async with session.post(path, json=body, headers={"Authorization": f"Bearer {key}"}) as response:
        async for _ in response.content.iter_any():
            pass
        return response.status
