"""Parses the comparisons in an alert's expression: both sides and the operator, without full PromQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
      | (?P<text>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `[^`]*`)
      | (?P<open>[(\[{])
      | (?P<close>[)\]}])
      | (?P<word>[A-Za-z_:][A-Za-z0-9_:]*)
      | (?P<comparison>==|!=|<=|>=|<|>)
      | (?P<other>\s+|.)""",
    re.VERBOSE | re.DOTALL,
)
_SET_OPERATORS: Final = ("and", "or", "unless")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One comparison `left operator right`, with white space normalized."""

    left: str
    operator: str
    right: str

    @property
    def limit(self) -> Decimal | None:
        """The right side as a number, None if it is not one."""
        try:
            return Decimal(self.right)
        except InvalidOperation:
            return None

    @property
    def holds_above(self) -> bool:
        """Whether the condition holds for large values."""
        return self.operator.startswith(">")


def normalized(expression: str) -> str:
    """Removes comments and redundant white space, so that equivalent spellings compare equal."""
    plain = "".join(text for kind, text in _tokens(expression) if kind != "comment")
    return re.sub(r"\s*([()\[\]{},=<>!+*/-])\s*", r"\1", " ".join(plain.split()))


def conditions(expression: str) -> tuple[Condition, ...]:
    """The comparisons that must all hold, empty if the expression is anything else.

    `a > 1 and b > 2` gives two; `a > 1 or b > 2` gives none.
    """
    parts: list[list[tuple[str, str]]] = [[]]
    for kind, text in _top_level(expression):
        if kind == "operator":
            if text != "and":
                return ()
            parts.append([])
        else:
            parts[-1].append((kind, text))
    found = [_condition(part) for part in parts]
    return tuple(one for one in found if one) if all(found) else ()


def _condition(tokens: list[tuple[str, str]]) -> Condition | None:
    positions = [index for index, (kind, _) in enumerate(tokens) if kind == "comparison"]
    if len(positions) != 1:
        return None
    left, right = tokens[: positions[0]], tokens[positions[0] + 1 :]
    return Condition(
        left=normalized("".join(text for _, text in left)),
        operator=tokens[positions[0]][1],
        right=normalized("".join(text for _, text in right)),
    )


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(expression):
        yield match.lastgroup or "other", match.group()


def _top_level(expression: str) -> Iterator[tuple[str, str]]:
    """Yields the tokens; text inside brackets is `other`, and `and`, `or`, `unless` are `operator`."""
    depth = 0
    for kind, text in _tokens(expression):
        depth += (kind == "open") - (kind == "close")
        if kind == "comment":
            continue
        if depth == 0 and kind == "word" and text.lower() in _SET_OPERATORS:
            yield "operator", text.lower()
        else:
            yield (kind if depth == 0 else "other"), text
