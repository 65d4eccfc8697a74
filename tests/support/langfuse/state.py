"""The state and the configurable behaviour of the stand-in Langfuse."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from tests.support.langfuse.spans import Stored

PUBLIC_KEY: Final = "pk-lf-of-relay"
SECRET_KEY: Final = "sk-lf-of-relay"
PROJECT: Final = "project-of-relay"


class Fault(Enum):
    """A fault that can affect a request with spans."""

    LIMIT = "429"
    ERROR_AFTER = "500 after storing"
    ERROR_BEFORE = "500 before storing"
    RESET_AFTER = "reset after storing"
    RESET_BEFORE = "reset before storing"
    DROP = "200, and some rows dropped later"
    SLOW = "200 after a while"
    BAD = "400 for more than one span, as if one were bad"
    LARGE = "413 for more than one span, as if they were too large"


@dataclass
class Behaviour:
    """How the server behaves: `lag` seconds until a span can be read, and how likely each fault is.

    Spans of user `poison` are refused with 400, bodies above `max_body` with 413. An `old` server knows
    only the ingestion API. `check_every` checks one of so many bodies against the schema.
    """

    lag: float = 0.0
    likely: dict[Fault, float] = field(default_factory=dict)
    retry_after: int = 0
    max_body: int = 10**9
    slow_reads: float = 0.0
    slow_posts: float = 0.3
    drop: float = 0.1
    old: bool = False
    check_every: int = 1
    seed: int = 0


class Server:
    """The state of the server, as tests use it."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.rows: list[Stored] = []
        self.faults: deque[Fault] = deque()
        self.met: Counter[str] = Counter()
        self.posts = 0
        self.largest = (0, 0)
        self.port = 0
        self._random = random.Random(behaviour.seed)
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables for a client."""
        return {
            "LANGFUSE_PUBLIC_KEY": PUBLIC_KEY,
            "LANGFUSE_SECRET_KEY": SECRET_KEY,
            "LANGFUSE_HOST": self.url,
        }

    def will(self, *faults: Fault) -> None:
        """Sets the faults of the next requests with spans, one each."""
        self.faults.extend(faults)

    def fault(self) -> Fault | None:
        """The fault of the current request with spans."""
        with self._lock:
            if self.faults:
                return self.faults.popleft()
            draw = self._random.random()
            for fault, share in self.behaviour.likely.items():
                if (draw := draw - share) < 0:
                    return fault
            return None

    def store(self, spans: list[Stored], fault: Fault | None, size: int) -> None:
        """Stores each span as a new row, even if it is stored already."""
        with self._lock:
            self.largest = (max(self.largest[0], len(spans)), max(self.largest[1], size))
            stored = spans
            if fault is Fault.DROP:
                stored = [one for one in spans if self._random.random() >= self.behaviour.drop]
            self.rows.extend(stored)

    def readable(self) -> list[Stored]:
        """The rows that are readable after the lag."""
        until = time.monotonic() - self.behaviour.lag
        with self._lock:
            return [row for row in self.rows if row.stored_at <= until]

    def summary(self) -> dict[str, Any]:
        """Row counts and exact sums, for the tests; not part of Langfuse's API."""
        with self._lock:
            times = Counter((row.trace_id, row.span_id, row.start_ns) for row in self.rows)
            cost = sum((row.cost for row in self.rows if row.priced), Decimal(0))
            return {
                "rows": len(self.rows),
                "spans": len(times),
                "most": max(times.values(), default=0),
                "prompt_tokens": sum(row.input_tokens for row in self.rows),
                "completion_tokens": sum(row.output_tokens for row in self.rows),
                "cost_usd": str(cost),
                "posts": self.posts,
                "largest": list(self.largest),
                "faults": dict(self.met),
            }
