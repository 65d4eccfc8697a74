"""A small bar chart as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

_EIGHTHS = " ▏▎▍▌▋▊▉"


def bars(rows: Sequence[tuple[str, Decimal, str]], *, width: int, ascii_only: bool = False) -> list[str]:
    """One line for each (label, amount, text), with a bar as long as the amount; the largest fills the room.

    The lines are at most `width` columns wide as long as label and text leave room for a bar.
    """
    label_width = max((len(label) for label, _, _ in rows), default=0)
    text_width = max((len(text) for _, _, text in rows), default=0)
    room = max(1, width - label_width - text_width - 4)
    most = max((amount for _, amount, _ in rows), default=Decimal(0))
    lines = []
    for label, amount, text in rows:
        share = amount / most if most > 0 else Decimal(0)
        bar = "#" * round(share * room) if ascii_only else _bar(share * room)
        lines.append(f"{label:<{label_width}}  {text:>{text_width}}  {bar}".rstrip())
    return lines


def _bar(length: Decimal) -> str:
    """Blocks in steps of an eighth; what is more than nothing shows at least one."""
    eighths = round(length * 8) or (1 if length > 0 else 0)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")
