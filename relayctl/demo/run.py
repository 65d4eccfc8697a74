"""Runs the whole of Relay on this machine: stand-in provider, proxy, a burst of traffic, PostgreSQL, ETL.

One process besides PostgreSQL's; it listens on 127.0.0.1 only, on ports that the system chooses.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final, Protocol

import uvloop

from etl.database import connection as database
from etl.database.migrations import migrate
from etl.load import run as etl_run
from proxy.request.keys import issue_many
from relayctl.demo.clock import SimulatedClock
from relayctl.demo.people import company
from relayctl.demo.plan import plan, week_before
from relayctl.demo.postgres import embedded_postgres
from relayctl.demo.provider import StandIn
from relayctl.demo.services import Relay, fresh_directory, keys_file, load, load_all, running
from relayctl.demo.traffic import send

USERS: Final = 300
_LOAD_SECONDS: Final = 2


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the demo is asked for; each run makes its own subdirectory of `directory`."""

    directory: Path
    requests: int
    seed: int
    keep: bool


@dataclass(frozen=True, kw_only=True)
class Result:
    """What there is after the burst; `relay_key` belongs to the user `you`, for requests by hand."""

    relay: Relay
    relay_key: str
    since: datetime
    statuses: Counter[int]
    loaded: etl_run.RunResult


class Audience(Protocol):
    """Whoever watches: the command, or a test."""

    def stage(self, name: str, total: int = 0) -> None:
        """Something begins; `total` is the number of its steps, where it has steps."""
        ...

    def step(self, done: int) -> None:
        """So many steps of the stage are done."""
        ...

    def ready(self, result: Result) -> None:
        """Everything is loaded; proxy and database are there until this returns, with `keep` for longer."""
        ...


async def _demo(settings: Settings, audience: Audience, directory: Path, database_url: str) -> None:
    random = Random(settings.seed)  # noqa: S311 - the same seed is to give the same traffic
    users = company(USERS, random)
    until = datetime.now(UTC)
    since = week_before(until)
    calls = plan(users, requests=settings.requests, start=since, end=until, random=random)
    clock = SimulatedClock(since)
    owners = [(user.name, user.team) for user in users]
    *raw_keys, relay_key = issue_many(keys_file(directory), [*owners, ("you", "demo")])
    keys = {user.name: key for user, key in zip(users, raw_keys, strict=True)}
    stand_in = StandIn(seed=settings.seed, api_key=secrets.token_urlsafe(), failing=True)
    async with running(directory, database_url, stand_in, clock) as relay:
        audience.stage("Sending requests through the proxy", len(calls))
        statuses = await send(calls, base_url=relay.base_url, keys=keys, clock=clock, on_answer=audience.step)
        clock.end()
        stand_in.failing = False
        audience.stage("Loading the records into PostgreSQL")
        loaded = await asyncio.to_thread(load_all, relay)
        audience.ready(
            Result(relay=relay, relay_key=relay_key, since=since, statuses=statuses, loaded=loaded)
        )
        while settings.keep:
            await asyncio.sleep(_LOAD_SECONDS)
            await asyncio.to_thread(load, relay)


def run(settings: Settings, audience: Audience) -> None:
    """Runs the demo; with `keep` it goes on serving, and loading what comes, until it is interrupted.

    Raises an error of `relayctl`, `etl` or `proxy` with one sentence when something cannot be had.
    """
    directory = fresh_directory(settings.directory, datetime.now(UTC))
    audience.stage("Starting PostgreSQL")
    with embedded_postgres() as database_url:
        with database.connect(database_url) as connection:
            migrate(connection)
        uvloop.run(_demo(settings, audience, directory, database_url))
