"""The quota of a key or a team in the units of the counters, and the largest values allowed."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

# Lua in Redis computes with doubles: integers up to 2^53 are exact.
MAX_PER_MINUTE: Final = 10**9
MAX_PER_DAY: Final = 10**12
MAX_USD: Final = Decimal(1_000_000)
_PICO: Final = Decimal(10) ** 12


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one subject; None = no limit. Money is in pico-USD, days are UTC days."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    tokens_per_day: int | None = None
    pico_usd_per_day: int | None = None

    @property
    def has_limits(self) -> bool:
        """Whether any limit is set."""
        return any(value is not None for value in msgspec.structs.astuple(self))


def to_pico_usd(usd: Decimal | None) -> int:
    """Convert USD to whole pico-USD (a record's cost has twelve decimal places); 0 for an unknown cost."""
    return 0 if usd is None else int(min(usd, MAX_USD) * _PICO)
