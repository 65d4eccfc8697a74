"""The state of a request from its arrival to its record, and request ids."""

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
    """Return `req_` and a ULID (48 bits of Unix milliseconds, 80 random bits); ids sort by time."""
    random = int.from_bytes(os.urandom(10))
    return _time_part(time.time_ns() // 1_000_000) + "".join(
        [_PAIRS[random >> shift & 1023] for shift in _TEN_BITS]
    )


@lru_cache(maxsize=1)
def _time_part(milliseconds: int) -> str:
    """Return the beginning of the ids of one millisecond."""
    return "req_" + "".join([_PAIRS[milliseconds >> shift & 1023] for shift in range(40, -1, -10)])


class Request(msgspec.Struct, kw_only=True):
    """The state of one request. `resolved_model` is the model after aliases are resolved."""

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
