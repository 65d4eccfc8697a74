"""Sends the planned burst through a proxy, in step with the simulated clock."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import aiohttp

from relayctl.demo.answer import CHARACTERS_PER_TOKEN
from relayctl.demo.clock import SimulatedClock
from relayctl.demo.people import TEAMS
from relayctl.demo.plan import Call
from relayctl.errors import RelayctlError

_AT_ONCE: Final = 40
# Between two starts, so that a request reaches the proxy before the clock goes on to the next.
_PACE_SECONDS: Final = 0.002
_FILLER: Final = "Here is what we know so far, and what we would like to hear about it. "
_SYSTEM_SHARE: Final = 0.6


def request_of(call: Call) -> tuple[str, dict[str, Any]]:
    """The path and body of a call: its prompt is as long as its tokens, its limit is the answer's length."""
    length = call.prompt_tokens * CHARACTERS_PER_TOKEN
    prompt = f"({call.number}) {_FILLER * (length // len(_FILLER) + 1)}"[:length]
    if call.model.startswith("text-embedding"):
        return "/v1/embeddings", {"model": call.model, "input": prompt}
    if call.model.startswith("claude"):
        return "/v1/messages", _message_body(call, prompt)
    messages = [{"role": "user", "content": prompt}]
    # OpenAI's newer models know this limit only, the older ones both.
    body = {"model": call.model, "messages": messages, "max_completion_tokens": call.answer_tokens}
    return "/v1/chat/completions", body | ({"stream": True} if call.stream else {})


def _message_body(call: Call, prompt: str) -> dict[str, Any]:
    """Programmers' tools ask Anthropic to cache their long instructions; chats do not."""
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
    """Sends every call with its user's Relay key, several at once, and counts the answers by status.

    `on_answer` hears how many have been answered. Raises `RelayctlError` when the proxy does not answer.
    """
    statuses: Counter[int] = Counter()
    places = asyncio.Semaphore(_AT_ONCE)

    async def send_one(session: aiohttp.ClientSession, call: Call) -> None:
        try:
            statuses[await _send(session, call, keys[call.user.name])] += 1
            on_answer(statuses.total())
        finally:
            places.release()

    try:
        async with aiohttp.ClientSession(base_url) as session, asyncio.TaskGroup() as group:
            for call in calls:
                await places.acquire()
                clock.advance(call.at)
                group.create_task(send_one(session, call))
                await asyncio.sleep(_PACE_SECONDS)
    except* (aiohttp.ClientError, TimeoutError) as errors:
        raise RelayctlError(
            f"the demo's proxy at {base_url} does not answer: {errors.exceptions[0]}"
        ) from errors
    return statuses


async def _send(session: aiohttp.ClientSession, call: Call, key: str) -> int:
    path, body = request_of(call)
    async with session.post(path, json=body, headers={"Authorization": f"Bearer {key}"}) as response:
        async for _ in response.content.iter_any():
            pass
        return response.status
