"""The proxy of the tests of streams: with the fast path, or without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.replay import Replay
from tests.support.running import Relay, running, settings


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay, request: pytest.FixtureRequest) -> AsyncIterator[Relay]:
    """The proxy in front of the provider; the tests marked `ON_BOTH_PATHS` run with and without fast path."""
    fast_path = getattr(request, "param", True)
    async with running(settings(tmp_path, provider.url, server={"fast_path": fast_path})) as relay:
        assert relay.config.server.fast_path is fast_path
        yield relay
