"""Circuit breaker: an upstream that fails repeatedly with a model is tried last during a cool-down."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from cachetools import LRUCache

from proxy.config.upstreams import Upstream

FAILURES: Final = 3
"""The consecutive failures that open a circuit."""

_MAX_CIRCUITS: Final = 1024


class _Circuit(msgspec.Struct):
    """The state of one upstream with one model: open until `open_until`, otherwise closed."""

    failures: int = 0
    open_until: float = 0.0


class CircuitBreaker:
    """The circuits of this process, one per upstream and model, because providers fail and refuse by model.

    `clock` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._circuits: LRUCache[tuple[str, str | None], _Circuit] = LRUCache(_MAX_CIRCUITS)

    def order(self, upstreams: Sequence[Upstream], model: str | None) -> Sequence[Upstream]:
        """Return the upstreams with open circuits moved to the end; they are still tried if all are open."""
        if len(upstreams) == 1 or not self._circuits:
            return upstreams
        return sorted(upstreams, key=lambda upstream: self._is_open(upstream, model))

    def record_success(self, upstream: Upstream, model: str | None) -> None:
        """Close the circuit after an answer."""
        if self._circuits:
            self._circuits.pop((upstream.name, model), None)

    def record_failure(self, upstream: Upstream, model: str | None, *, wait: float | None = None) -> None:
        """Count a failure: no connection, a timeout, or an answer of 429 or 5xx.

        The circuit opens after `FAILURES` in a row, or at once when the upstream asks to wait; `wait` is that
        time in seconds, at most `rest_seconds`.
        """
        circuit = self._circuits.setdefault((upstream.name, model), _Circuit())
        circuit.failures += 1
        if wait is not None or circuit.failures >= FAILURES:
            cool_down = upstream.rest_seconds if wait is None else min(wait, upstream.rest_seconds)
            circuit.open_until = self._clock() + cool_down

    def _is_open(self, upstream: Upstream, model: str | None) -> bool:
        circuit = self._circuits.get((upstream.name, model))
        return circuit is not None and self._clock() < circuit.open_until
