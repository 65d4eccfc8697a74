"""Runs the demo's provider and traffic as separate processes, for `docker compose --profile demo`.

The provider and the users are fictional; the traffic is sent in real time until the process is stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import click
from aiohttp import web

from proxy.request.keys import issue_many
from relayctl.demo.clock import SimulatedClock
from relayctl.demo.people import User, company
from relayctl.demo.plan import Call, plan
from relayctl.demo.provider import StandIn
from relayctl.demo.traffic import send
from relayctl.errors import RelayctlError

USERS: Final = 40
_PLANNED: Final = timedelta(minutes=1)
_SEED: Final = 1


@click.group()
def main() -> None:
    """Parts of the demo that run until they are stopped."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=9000, show_default=True)
@click.option(
    "--api-key", envvar="RELAY_DEMO_PROVIDER_KEY", required=True, help="API key that the provider accepts."
)
def provider(*, host: str, port: int, api_key: str) -> None:
    """Serve the stand-in provider until SIGTERM."""
    app = StandIn(seed=_SEED, api_key=api_key, failing=True).app()
    web.run_app(app, host=host, port=port, access_log=None, print=None)


@main.command()
@click.option("--url", required=True, help="URL of the proxy.")
@click.option(
    "--keys", "keys_file", type=click.Path(path_type=Path), required=True, help="The proxy's key file."
)
@click.option("--per-minute", type=click.IntRange(1, 6000), default=120, show_default=True)
def traffic(*, url: str, keys_file: Path, per_minute: int) -> None:
    """Send requests through a proxy with newly issued keys until SIGTERM."""
    users = company(USERS, Random(_SEED))  # noqa: S311 - user names, not secrets
    raw_keys = issue_many(keys_file, [(user.name, user.team) for user in users])
    keys = {user.name: key for user, key in zip(users, raw_keys, strict=True)}
    asyncio.run(_send_forever(users, base_url=url, keys=keys, per_minute=per_minute))


async def _send_forever(
    users: Sequence[User], *, base_url: str, keys: Mapping[str, str], per_minute: int
) -> None:
    random = Random()  # noqa: S311 - traffic, not a secret
    while True:
        start = datetime.now(UTC)
        async with asyncio.TaskGroup() as group:
            for call in plan(users, requests=per_minute, start=start, end=start + _PLANNED, random=random):
                group.create_task(_send_when_due(call, base_url=base_url, keys=keys))
            await asyncio.sleep(_PLANNED.total_seconds())


async def _send_when_due(call: Call, *, base_url: str, keys: Mapping[str, str]) -> None:
    """Sends a call at its time; if the proxy does not answer, prints the error and goes on."""
    now = datetime.now(UTC)
    await asyncio.sleep(max(0.0, (call.at - now).total_seconds()))
    try:
        await send([call], base_url=base_url, keys=keys, clock=SimulatedClock(now), on_answer=_ignore)
    except RelayctlError as error:
        click.echo(f"relayctl: {error}", err=True)


def _ignore(_answered: int) -> None:
    """Ignores progress, which is not shown."""


if __name__ == "__main__":
    main()
