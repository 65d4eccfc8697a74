"""The rows of the proxy's table: each measures Relay and its baseline in turn and gives their ratio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.figures import Figure, Rows
from bench.proxy import litellm, messages, peer, sides
from bench.proxy.peer import Load
from bench.proxy.sides import Side

_MICRO: Final = 1e6
_WHY: Final = "docs/decisions/0011 says what takes the time"
_MODELS: Final = tuple(f"gpt-bench-{number:02}" for number in range(50))


class Rounds:
    """The loads of each side in each round; every figure is the median of the rounds."""

    def __init__(self, found: Mapping[str, list[Load]]) -> None:
        self._found = found

    def per_request(self, side: str) -> float:
        """CPU time in microseconds."""
        return median(load.cpu / load.requests * _MICRO for load in self._found[side])

    def per_event(self, side: str) -> float:
        """CPU time in microseconds."""
        return median(load.cpu / load.events * _MICRO for load in self._found[side])

    def rate(self, side: str) -> float:
        """Requests per second."""
        return median(load.requests / load.seconds for load in self._found[side])

    def latency(self, side: str) -> float:
        """The median latency of a round, in microseconds."""
        return median(median(load.latencies) * _MICRO for load in self._found[side])


class Bench(Rows):
    """The rows, one method each. Raises `RuntimeError` when a side gives a wrong answer or does not serve."""

    def __init__(self, runner: asyncio.Runner, scratch: Path, *, rounds: int, seconds: float) -> None:
        self._runner = runner
        self._scratch = scratch
        self.rounds = rounds
        self._seconds = seconds
        self._numbers = count()
        self._serving = peer.serving()
        self._provider = runner.run(self._serving.__aenter__())

    def close(self) -> None:
        """Ends the provider."""
        self._runner.run(self._serving.__aexit__(None, None, None))

    def json(self) -> list[Figure]:
        """A JSON request through Relay, Relay without its features, a bare pass-through, and nginx."""
        with ExitStack() as stack:
            running = {
                "relay": stack.enter_context(self._relay()),
                "plain": stack.enter_context(self._relay(features=False)),
                "bare": stack.enter_context(sides.bare(self._scratch, self._provider)),
                "nginx": stack.enter_context(sides.nginx(self._scratch, self._provider)),
            }
            found = self._measured(running, clients=64)
        relay_cpu, plain = found.per_request("relay"), found.per_request("plain")
        figures = []
        for side, baseline, goal, stretch in (
            ("bare", "a bare aiohttp", 0.6, 0.35),
            ("nginx", "nginx", 4, 2.5),
        ):
            baseline_cpu = found.per_request(side)
            measured = f"{_cpu(found, 'relay')}; {_cpu(found, side)}"
            name = f"JSON, 64 clients: CPU per request / {baseline}'s"
            figures.append(
                self.figure(name, measured, relay_cpu / baseline_cpu, goal, stretch=stretch, why=_WHY)
            )
        name = "features together: CPU per request less that without them (µs)"
        measured = f"{_cpu(found, 'relay')}; {_cpu(found, 'plain')}"
        return [*figures, self.figure(name, measured, relay_cpu - plain, 12, stretch=8, why=_WHY)]

    def stream(self) -> list[Figure]:
        """Streams at the pace of a model; the client did not ask for the usage that Relay reads."""
        with self._relay() as relay, sides.nginx(self._scratch, self._provider, buffering=False) as nginx:
            found = self._measured({"relay": relay, "nginx": nginx}, clients=64, stream=True)
        relay_cpu, baseline_cpu = found.per_event("relay"), found.per_event("nginx")
        name = f"stream of {messages.EVENTS} events at 10 ms, 64 clients: CPU per event / nginx's"
        return [
            self.figure(
                name,
                f"{relay_cpu:.1f} µs; {baseline_cpu:.1f} µs",
                relay_cpu / baseline_cpu,
                1.6,
                stretch=1.3,
                why=_WHY,
            )
        ]

    def litellm(self) -> list[Figure]:
        """The time that a proxy adds to one request, and how many it answers in a second."""
        with self._relay() as relay, litellm.serving(self._scratch, self._provider) as baseline:
            direct = Side(pid=None, port=self._provider, key="none")
            one = self._measured({"relay": relay, "litellm": baseline, "direct": direct}, clients=1)
            many = self._measured({"relay": relay, "litellm": baseline}, clients=64)
        added = {side: one.latency(side) - one.latency("direct") for side in ("relay", "litellm")}
        name = f"one client: latency added by LiteLLM {litellm.VERSION} / by Relay, p50"
        measured = f"{added['relay']:.0f} µs; {added['litellm']:,.0f} µs"
        latency = self.figure(
            name, measured, added["litellm"] / added["relay"], 20, stretch=35, at_least=True
        )
        name = f"64 clients: requests/s / LiteLLM {litellm.VERSION}'s"
        ratio = many.rate("relay") / many.rate("litellm")
        measured = f"{_cpu(many, 'relay')}; {_cpu(many, 'litellm')}"
        return [latency, self.figure(name, measured, ratio, 60, stretch=150, at_least=True, why=_WHY)]

    def durability(self) -> list[Figure]:
        """Answers that wait until their record is on disk."""
        with self._relay(durability="strict") as strict, self._relay() as batch:
            found = self._measured({"strict": strict, "batch": batch}, clients=64)
        measured = f"{_cpu(found, 'strict')}; {_cpu(found, 'batch')}"
        ratio = found.rate("strict") / found.rate("batch")
        name = "durability strict, 64 clients: requests/s / batch's"
        return [self.figure(name, measured, ratio, 0.7, stretch=0.9, at_least=True)]

    def metrics(self) -> list[Figure]:
        """A scrape after traffic, streams included, of many models."""
        with self._relay(models=_MODELS) as relay:
            for stream in (False, True):
                asked = [
                    messages.request(relay.port, relay.key, model=model, stream=stream) for model in _MODELS
                ]
                self._runner.run(peer.answers(relay.port, asked, clients_open=len(_MODELS), requests=50))
            seconds, size = self._runner.run(peer.scrapes(relay.port, times=20 * self.rounds))
        name = f"/metrics with {len(_MODELS)} models, p50 (ms)"
        measured = f"{median(seconds) * 1000:.1f} ms, at most {max(seconds) * 1000:.1f} ms; {size:,} bytes"
        return [self.figure(name, measured, median(seconds) * 1000, 20)]

    def memory(self) -> list[Figure]:
        """One process as it serves: at its start, after many requests, at its peak under many streams."""
        with self._relay() as relay:
            time.sleep(2)
            idle = relay.memory()
            asked = [messages.request(relay.port, relay.key)]
            self._runner.run(peer.answers(relay.port, asked, clients_open=64, requests=100_000))
            after = relay.memory()
            asked = [messages.request(relay.port, relay.key, stream=True)]
            self._runner.run(peer.answers(relay.port, asked, clients_open=2000, requests=4000))
            peak, later = relay.memory("VmHWM"), relay.memory()
        measured = f"{peak:.1f} MiB at the peak, {later:.1f} MiB after"
        return [
            self.figure("memory of the idle process (MiB)", f"{idle:.1f} MiB", idle, 60),
            self.figure("memory after 100,000 requests (MiB)", f"{after:.1f} MiB", after, 65),
            self.figure("memory with 2,000 concurrent streams (MiB)", measured, peak, 120),
        ]

    def _relay(self, **how: Any) -> AbstractContextManager[Side]:
        directory = self._scratch / f"relay-{next(self._numbers)}"
        directory.mkdir()
        return sides.relay(directory, self._provider, **how)

    def _measured(self, running: Mapping[str, Side], *, clients: int, stream: bool = False) -> Rounds:
        """Loads the sides in turn, every other round in reverse."""
        found: dict[str, list[Load]] = {name: [] for name in running}
        for number in range(self.rounds):
            for name in list(running) if number % 2 == 0 else list(running)[::-1]:
                side = running[name]
                asked = [messages.request(side.port, side.key, stream=stream)]
                loading = peer.load(
                    side.port, asked, clients_open=clients, warm=1, seconds=self._seconds, cpu=side.cpu
                )
                found[name].append(self._runner.run(loading))
        return Rounds(found)


def _cpu(found: Rounds, side: str) -> str:
    return f"{found.per_request(side):.1f} µs, {found.rate(side):,.0f} requests/s"
