"""What is known of one request while it lasts, from its id to the answer's first content."""

from __future__ import annotations

import os
import time
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec

from proxy.config.upstreams import Upstream
from proxy.request.call import Call
from proxy.request.keys import Key
from proxy.request.placeholders import Placeholders
from proxy.segments.record import Attempt

_BASE32: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(first + second for first in _BASE32 for second in _BASE32)
_TEN_BITS: Final = tuple(range(70, -1, -10))


def new_request_id() -> str:
    """`req_` and a ULID: 48 bits of Unix milliseconds, then 80 random ones; so ids sort by their time."""
    random = int.from_bytes(os.urandom(10))
    return _began(time.time_ns() // 1_000_000) + "".join(
        [_PAIRS[random >> shift & 1023] for shift in _TEN_BITS]
    )


@lru_cache(maxsize=1)
def _began(milliseconds: int) -> str:
    """How the ids of a millisecond begin."""
    return "req_" + "".join([_PAIRS[milliseconds >> shift & 1023] for shift in range(40, -1, -10)])


class Request(msgspec.Struct, kw_only=True):
    """One request while it lasts: what is known of it so far.

    `resolved_model` is the model as the upstream is asked for it, where an alias stands for another.
    """

    request_id: str
    created_at: datetime
    endpoint: str
    key: Key
    call: Call | None = None
    resolved_model: str | None = None
    upstream: Upstream | None = None
    attempts: list[Attempt] = []
    provider_request_id: str | None = None
    ttft_ms: Decimal | None = None
    streamed: bool = False
    pii_entities: dict[str, int] = {}
    placeholders: Placeholders | None = None
