"""Which upstreams rest: one that failed several times in a row is asked last for a while, not first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from cachetools import LRUCache

from proxy.config.upstreams import Upstream

FAILURES: Final = 3
_REMEMBERED: Final = 1024


class _Standing(msgspec.Struct):
    failures: int = 0
    rests_until: float = 0.0


class CircuitBreaker:
    """The failures of each upstream with each model, in this process; `clock` is monotonic, in seconds.

    A model of its own has a standing of its own: a provider refuses and breaks down by model.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._standings: LRUCache[tuple[str, str | None], _Standing] = LRUCache(_REMEMBERED)

    def order(self, upstreams: Sequence[Upstream], model: str | None) -> Sequence[Upstream]:
        """The same upstreams, those that rest at the end: when all rest, all are still asked."""
        if len(upstreams) == 1 or not self._standings:
            return upstreams
        return sorted(upstreams, key=lambda upstream: self._rests(upstream, model))

    def worked(self, upstream: Upstream, model: str | None) -> None:
        """It answered."""
        if self._standings:
            self._standings.pop((upstream.name, model), None)

    def failed(self, upstream: Upstream, model: str | None, *, wait: float | None = None) -> None:
        """It could not be reached, was too slow or answered 429 or 5xx. `wait`: the seconds it asked for."""
        standing = self._standings.setdefault((upstream.name, model), _Standing())
        standing.failures += 1
        if wait is not None or standing.failures >= FAILURES:
            rest = upstream.rest_seconds if wait is None else min(wait, upstream.rest_seconds)
            standing.rests_until = self._clock() + rest

    def _rests(self, upstream: Upstream, model: str | None) -> bool:
        standing = self._standings.get((upstream.name, model))
        return standing is not None and self._clock() < standing.rests_until
