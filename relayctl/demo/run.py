"""Runs all of Relay on this machine: stand-in provider, proxy, a burst of traffic, PostgreSQL, ETL.

All but PostgreSQL run in one process, which listens on 127.0.0.1 only, on ports that the system chooses.
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
    """The options of the demo; each run creates its own subdirectory of `directory`."""

    directory: Path
    requests: int
    seed: int
    keep: bool


@dataclass(frozen=True, kw_only=True)
class Result:
    """The state after the burst; `relay_key` belongs to the user `you`, for manual requests."""

    relay: Relay
    relay_key: str
    since: datetime
    statuses: Counter[int]
    loaded: etl_run.RunResult


class Observer(Protocol):
    """Receives the progress and the result."""

    def stage(self, name: str, total: int = 0) -> None:
        """Called when a stage begins; `total` is the number of its steps, 0 if it has none."""
        ...

    def step(self, done: int) -> None:
        """Called with the number of steps done in the current stage."""
        ...

    def ready(self, result: Result) -> None:
        """Called when everything is loaded; proxy and database run until it returns, with `keep` longer."""
        ...


async def _demo(settings: Settings, observer: Observer, directory: Path, database_url: str) -> None:
    random = Random(settings.seed)  # noqa: S311 - the same seed must give the same traffic
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
        observer.stage("Sending requests through the proxy", len(calls))
        statuses = await send(calls, base_url=relay.base_url, keys=keys, clock=clock, on_answer=observer.step)
        clock.end()
        stand_in.failing = False
        observer.stage("Loading the records into PostgreSQL")
        loaded = await asyncio.to_thread(load_all, relay)
        observer.ready(
            Result(relay=relay, relay_key=relay_key, since=since, statuses=statuses, loaded=loaded)
        )
        while settings.keep:
            await asyncio.sleep(_LOAD_SECONDS)
            await asyncio.to_thread(load, relay)


def run(settings: Settings, observer: Observer) -> None:
    """Runs the demo. With `keep` it serves and loads new requests until it is interrupted.

    Raises an error of `relayctl`, `etl` or `proxy` with one sentence if it cannot run.
    """
    directory = fresh_directory(settings.directory, datetime.now(UTC))
    observer.stage("Starting PostgreSQL")
    with embedded_postgres() as database_url:
        with database.connect(database_url) as connection:
            migrate(connection)
        uvloop.run(_demo(settings, observer, directory, database_url))
