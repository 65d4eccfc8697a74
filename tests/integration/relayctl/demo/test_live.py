"""The demo's live traffic process: it sends requests in real time through a proxy."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from proxy.request import keys
from relayctl.demo import live
from relayctl.demo.people import company
from relayctl.demo.provider import StandIn
from tests.support.running import PROVIDER_KEYS, running, settings


async def test_traffic_goes_through_the_proxy_until_stopped(tmp_path: Path) -> None:
    runner = web.AppRunner(StandIn(seed=1, api_key="stand-in", failing=False).app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    environ = dict.fromkeys(PROVIDER_KEYS, "stand-in")
    async with running(settings(tmp_path, provider_url), environ) as relay:
        users = company(live.USERS, Random(1))
        raw_keys = keys.issue_many(relay.config.keys.file, [(user.name, user.team) for user in users])
        traffic = asyncio.create_task(
            live._send_forever(
                users,
                base_url=relay.url,
                keys={user.name: raw for user, raw in zip(users, raw_keys, strict=True)},
                per_minute=6000,
            )
        )
        while not [record for record in relay.records() if record.status == 200]:
            assert not traffic.done()
            await asyncio.sleep(0.05)
        traffic.cancel()
        with suppress(asyncio.CancelledError):
            await traffic
    await runner.cleanup()


async def test_unreachable_proxy_is_reported_and_traffic_continues(
    capsys: pytest.CaptureFixture[str],
) -> None:
    users = company(live.USERS, Random(1))
    keys_of_users = dict.fromkeys((user.name for user in users), "rk_x")
    traffic = asyncio.create_task(
        live._send_forever(users, base_url="http://127.0.0.1:1", keys=keys_of_users, per_minute=6000)
    )
    errors = ""
    while errors.count("\n") < 2:
        assert not traffic.done()
        await asyncio.sleep(0.05)
        errors += capsys.readouterr().err
    assert errors.startswith("relayctl: the demo's proxy at http://127.0.0.1:1 does not answer: ")
    traffic.cancel()
    with suppress(asyncio.CancelledError):
        await traffic
