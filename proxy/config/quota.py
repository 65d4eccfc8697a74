"""The limits of a key or a team, in the units in which they are counted, and the largest values allowed."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

# Redis computes with doubles: whole numbers up to 2^53 are exact.
MAX_PER_MINUTE: Final = 10**9
MAX_PER_DAY: Final = 10**12
MAX_USD: Final = Decimal(1_000_000)
_PICO: Final = Decimal(10) ** 12


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one subject; None where there is none. Money in pico-USD, days are UTC days."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    tokens_per_day: int | None = None
    pico_usd_per_day: int | None = None

    @property
    def limits_anything(self) -> bool:
        """Whether there is any limit in it."""
        return any(value is not None for value in msgspec.structs.astuple(self))


def as_pico(usd: Decimal | None) -> int:
    """Money as whole pico-USD, which is what a record's twelve digits are; 0 for an unknown cost."""
    return 0 if usd is None else int(min(usd, MAX_USD) * _PICO)
