"""The real proxy in this process on a free port, with access to what it has written.

    async with replaying() as provider, running(settings(tmp_path, provider.url)) as relay:
        provider.will(json_answer({…}))
        answer = await relay.post("/v1/chat/completions", {"model": "gpt-4o", "messages": []})
        record = relay.record_of(answer)

`settings` takes the sections to change: `settings(tmp_path, url, server={"drain_seconds": 0.2})`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from proxy.app import SERVICES, build
from proxy.config.settings import Config
from proxy.request import keys
from proxy.segments.lines import IntentLine, Line, SealLine, parse_line
from proxy.segments.record import RequestLine
from proxy.segments.writer import Writer

ON_BOTH_PATHS = pytest.mark.parametrize(
    "relay", [True, False], ids=["fast path", "plain path"], indirect=True
)
"""Runs a test of `tests/integration/proxy/exchange` with `server.fast_path` on and off."""

PROVIDER_KEYS = {"OPENAI_API_KEY": "sk-of-openai", "ANTHROPIC_API_KEY": "sk-of-anthropic"}


def settings(directory: Path, provider_url: str, **sections: Any) -> Config:
    """A configuration whose upstreams are one provider; logs and keys are below `directory`."""
    upstream = {"timeouts": {"connect": 2, "first_byte": 5, "idle": 5}}
    base: dict[str, Any] = {
        "server": {"port": 0, "drain_seconds": 5},
        "logs": {"dir": directory / "logs"},
        "keys": {"file": directory / "keys.yaml"},
        "upstreams": {
            "openai": upstream
            | {
                "api": "openai",
                "base_url": f"{provider_url}/v1",
                "api_key_env": "OPENAI_API_KEY",
                "models": ["gpt-*", "o1*", "text-embedding-*"],
                "price_provider": "openai",
            },
            "anthropic": upstream
            | {
                "api": "anthropic",
                "base_url": provider_url,
                "api_key_env": "ANTHROPIC_API_KEY",
                "models": ["claude-*"],
                "price_provider": "anthropic",
            },
        },
    }
    return Config.model_validate(_merged(base, sections))


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        below = merged.get(name)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[name] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return merged


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        """Relay's id of the request."""
        return self.headers["x-relay-request-id"]

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Relay:
    """A running proxy, a client session of it, and the raw key that `post` and `get` use."""

    config: Config
    app: web.Application
    url: str
    key: str
    session: aiohttp.ClientSession

    def headers(self, path: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The headers of an ordinary client of the API that this route belongs to."""
        anthropic = path.startswith("/v1/messages")
        auth = {"x-api-key": self.key} if anthropic else {"Authorization": f"Bearer {self.key}"}
        return auth | {"Content-Type": "application/json"} | dict(more or {})

    async def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Whole:
        """Sends a request (bytes as they are, else as JSON) and reads the whole answer."""
        async with self.open(path, body, headers) as answer:
            return Whole(status=answer.status, headers=answer.headers, body=await answer.read())

    def open(
        self, path: str, body: object, headers: Mapping[str, str] | None = None
    ) -> aiohttp.client._RequestContextManager:
        """Sends a request; `async with` gives the answer when its head is here."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.session.post(self.url + path, data=data, headers=self.headers(path, headers))

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Whole:
        """Sends a GET with the key and reads the whole answer."""
        async with self.session.get(self.url + path, headers=self.headers(path, headers)) as answer:
            return Whole(status=answer.status, headers=answer.headers, body=await answer.read())

    @property
    def writer(self) -> Writer:
        """The writer of this proxy's segments."""
        return self.app[SERVICES].writer

    def refresh_keys(self) -> None:
        """Reloads the keys."""
        self.app[SERVICES].keys.refresh()

    def active(self) -> int:
        """How many requests are in progress."""
        return int(self.app[SERVICES].metrics.active.get())

    def lines(self) -> list[Line]:
        """Every line written so far, in order."""
        return lines(self.config.logs.dir)

    def records(self) -> list[RequestLine]:
        """Every record written so far."""
        return [line for line in self.lines() if isinstance(line, RequestLine)]

    def intents(self) -> list[IntentLine]:
        """Every intent written so far."""
        return [line for line in self.lines() if isinstance(line, IntentLine)]

    def seals(self) -> list[SealLine]:
        """Every seal written so far."""
        return [line for line in self.lines() if isinstance(line, SealLine)]

    def record_of(self, answer: Whole) -> RequestLine:
        """The one record of a request."""
        (found,) = (record for record in self.records() if record.request_id == answer.request_id)
        return found

    async def metric(self, name: str, **labels: str) -> Decimal:
        """A sample of `/metrics`, summed over the labels that are not given; 0 when there is none."""
        text = (await self.get("/metrics")).body.decode()
        return sum((value for _, value in samples(text, name, labels)), Decimal(0))


async def until(true: Callable[[], object], seconds: float = 5) -> None:
    """Waits until a condition holds, at most so many seconds."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 -- it happens in another task, a thread or on a disk
            await asyncio.sleep(0.005)


def samples(text: str, name: str, labels: Mapping[str, str]) -> list[tuple[str, Decimal]]:
    """The samples of a metric in Prometheus' text format that carry these labels."""
    rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return [
        (head, Decimal(value))
        for head, _, value in rows
        if head.partition("{")[0] == name
        and all(f'{label}="{given}"' in head for label, given in labels.items())
    ]


def lines(directory: Path) -> list[Line]:
    """Every line of the usage segments in a directory, sealed or open, by writer's start and number."""
    paths = sorted(directory.glob("usage-*.jsonl*"), key=lambda path: path.name.removesuffix(".open"))
    return [parse_line(line) for path in paths for line in path.read_bytes().splitlines()]


SERVE = """
import asyncio, sys
from pathlib import Path
from aiohttp import web
from proxy.config import file as config_file
from proxy import app

async def main():
    runner = web.AppRunner(app.build(config_file.load(Path(sys.argv[1]))), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def written(config: Config) -> Path:
    """The configuration as a file beside its key file; without `SecretStr` values."""
    file = config.keys.file.with_name("relay.yaml")
    plain = config.model_dump(mode="json", exclude={"upstreams": {"__all__": {"name"}}})
    file.write_text(yaml.safe_dump(plain))
    return file


@asynccontextmanager
async def process(config: Config) -> AsyncIterator[tuple[Relay, asyncio.subprocess.Process]]:
    """The proxy in a process of its own, without `app`; killed at the end."""
    file = written(config)
    key = keys.issue(config.keys.file, user="ada", team="engines")
    served = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, str(file), stdout=asyncio.subprocess.PIPE, env=os.environ | PROVIDER_KEYS
    )
    assert served.stdout is not None
    try:
        url = f"http://127.0.0.1:{int(await served.stdout.readline())}"
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            yield Relay(config=config, app=web.Application(), url=url, key=key, session=session), served
    finally:
        with suppress(ProcessLookupError):
            served.kill()
        await served.wait()


@asynccontextmanager
async def running(config: Config, environ: Mapping[str, str] = PROVIDER_KEYS) -> AsyncIterator[Relay]:
    """The proxy serving on a free port, with one key issued to user `ada` of team `engines`."""
    key = keys.issue(config.keys.file, user="ada", team="engines")
    app = build(config, environ=environ)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=config.server.drain_seconds)
    await runner.setup()
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield Relay(config=config, app=app, url=url, key=key, session=session)
    finally:
        await session.close()
        await runner.cleanup()
