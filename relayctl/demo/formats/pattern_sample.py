"""Random texts that match a regular expression of a JSON schema."""

from __future__ import annotations

import re
from random import Random
from string import ascii_lowercase, digits
from typing import Final

_CLASSES: Final = {"d": digits, "w": ascii_lowercase + digits + "_", "s": " "}
_ANY: Final = ascii_lowercase + digits
_PRINTABLE: Final = "".join(map(chr, range(32, 127)))
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r"}
_MAX_REPEATS: Final = 1_000
_MAX_TEXT: Final = 10_000
_ATTEMPTS: Final = 20


def matching(pattern: str, random: Random) -> str:
    """A text that matches the pattern.

    Knows literals, classes, groups, alternatives and repetitions. For a pattern with other constructs,
    such as lookarounds, the text may not match.
    """
    text = ""
    for _ in range(_ATTEMPTS):
        text = _Pattern(pattern, random).alternatives()
        try:
            if re.search(pattern, text):
                return text
        except re.error:  # a construct of ECMAScript that Python does not have
            return text
    return text


class _Pattern:
    """A recursive-descent reader that writes one matching text while it reads."""

    def __init__(self, pattern: str, random: Random) -> None:
        self._rest = pattern
        self._random = random

    def alternatives(self) -> str:
        """Reads up to the end of the pattern or group and returns the text of one alternative."""
        texts = [self._sequence()]
        while self._rest.startswith("|"):
            self._rest = self._rest[1:]
            texts.append(self._sequence())
        return self._random.choice(texts)

    def _sequence(self) -> str:
        text = ""
        while self._rest and self._rest[0] not in "|)":
            before = self._rest
            atom = self._atom()
            consumed = before[: len(before) - len(self._rest)]
            least, most = self._repetition()
            text += self._repeated(consumed, atom, self._random.randint(least, most))
        return text

    def _repeated(self, atom: str, first: str, count: int) -> str:
        """The text of an atom so many times, each chosen anew; `first` is the text already read."""
        count = min(count, 1 + _MAX_TEXT // (len(first) + 1))
        more = (_Pattern(atom, self._random).alternatives() for _ in range(count - 1))
        return "".join((first, *more)) if count else ""

    def _atom(self) -> str:
        char, self._rest = self._rest[0], self._rest[1:]
        if char == "(":
            self._rest = re.sub(r"^\?(:|P?<\w+>)", "", self._rest)
            text = self.alternatives()
            self._rest = self._rest[1:]
            return text
        if char == "[":
            return self._random.choice(self._class() or _ANY)
        if char == "\\":
            return self._random.choice(self._escape() or [""])
        if char == ".":
            return self._random.choice(_ANY)
        return "" if char in "^$" else char

    def _escape(self) -> str:
        """The characters that an escape matches, none for a word boundary."""
        char, self._rest = self._rest[:1], self._rest[1:]
        if char in {"D", "W", "S"}:
            return "".join(one for one in _PRINTABLE if re.match(rf"\{char}", one))
        if char in {"b", "B", "A", "Z"}:
            return ""
        return _CLASSES.get(char) or _CONTROLS.get(char) or char

    def _class(self) -> str:
        """The characters of a class, whose opening bracket has been read."""
        end = re.match(r"\^?\]?(?:\\.|[^\]\\])*", self._rest)
        content = end.group() if end else ""
        self._rest = self._rest[len(content) + 1 :]
        try:
            expression = re.compile(f"[{content}]")
        except re.error:
            return ""
        return "".join(char for char in _PRINTABLE if expression.match(char))

    def _repetition(self) -> tuple[int, int]:
        found = re.match(r"([*+?]|\{(\d+)(,?)(\d*)\})\??", self._rest)
        if not found:
            return 1, 1
        self._rest = self._rest[found.end() :]
        if sign := {"*": (0, 3), "+": (1, 4), "?": (0, 1)}.get(found[1]):
            return sign
        least = min(int(found[2]), _MAX_REPEATS)
        most = int(found[4]) if found[4] else least + (3 if found[3] else 0)
        return least, max(least, min(most, _MAX_REPEATS))
