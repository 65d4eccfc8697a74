"""A row of numbers as a row of bars, one sign each."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import ceil
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"
_NOTHING: Final = "·"


def spark(values: Sequence[int | Decimal | None]) -> str:
    """The largest value is a whole bar; nothing, or nothing known, is a dot, so that little is more."""
    most = max((value for value in values if value), default=None)
    if not most:
        return _NOTHING * len(values)
    return "".join(_BARS[ceil(value * len(_BARS) / most) - 1] if value else _NOTHING for value in values)
