"""The stand-in provider, called directly and through the proxy, with the clients of both APIs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import anthropic
import openai
import pytest
from aiohttp import web

from relayctl.demo import provider
from relayctl.demo.provider import StandIn
from tests.support.running import PROVIDER_KEYS, running, settings
from tests.support.sdk_clients import Clients

KEY = "stand-in"


@pytest.fixture(params=["direct", "proxy"])
async def clients(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Clients]:
    """Clients of the stand-in without its pauses, and clients of a proxy in front of it."""
    monkeypatch.setattr(provider, "_FIRST_PAUSE", (0, 0))
    monkeypatch.setattr(provider, "_PAUSE", (0, 0))
    async with AsyncExitStack() as stack:
        runner = web.AppRunner(StandIn(seed=1, api_key=KEY, failing=False).app())
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url, key, relay = f"http://127.0.0.1:{runner.addresses[0][1]}", KEY, None
        if request.param == "proxy":
            environ = dict.fromkeys(PROVIDER_KEYS, KEY)
            relay = await stack.enter_async_context(running(settings(tmp_path, url), environ))
            url, key = relay.url, relay.key
        of_openai = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
        of_anthropic = anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0)
        stack.push_async_callback(of_openai.close)
        stack.push_async_callback(of_anthropic.close)
        yield Clients(openai=of_openai, anthropic=of_anthropic, relay=relay)
