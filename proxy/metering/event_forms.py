"""The form of a stream's events: what stays the same while texts, and numbers that count, come and go.

Most events of a stream differ from the one before in nothing but a word. Seeing that takes a tenth of the
time that reading them as JSON takes, and tells as much: how long the word is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Self

_MOST_HOLES: Final = 6
_MOST_BYTES: Final = 65_536

# A JSON string's inside whose bytes and characters can be counted without reading it, less what \\u begins.
_TEXT: Final = re.compile(rb'[^"\\\x00-\x1f]*(?:\\["\\/bfnrt][^"\\\x00-\x1f]*)*')
_NUMBER: Final = re.compile(rb"0|[1-9][0-9]{0,14}")
_ESCAPE: Final = re.compile(rb"\\.")
# Inside a JSON string a quote has a backslash before it, so this never matches in one.
_HOLE: Final = re.compile(
    rb'"(?:content|text|delta|thinking|reasoning|reasoning_content|refusal|arguments|partial_json|obfuscation)"'
    rb': ?"(?P<text>' + _TEXT.pattern + rb')"'
    rb'|"sequence_number": ?(?P<number>' + _NUMBER.pattern + rb")(?=[,}])"
)


class Form:
    """An event with holes in it; of those that texts fill all are counted, unless told otherwise."""

    def __init__(self, head: bytes, holes: Sequence[tuple[re.Pattern[bytes], bytes]]) -> None:
        self._head = head
        self._holes = tuple(holes)
        self.count([kind is _TEXT for kind, _ in self._holes])

    @classmethod
    def of(cls, raw: bytes) -> Self | None:
        """The form of an event; None when it has no text in it, or too many, or is too long."""
        if len(raw) > _MOST_BYTES:
            return None
        borders, kinds, any_text = [0], [], False
        for hole in _HOLE.finditer(raw):
            name = str(hole.lastgroup)
            borders += hole.span(name)
            kinds.append(_TEXT if name == "text" else _NUMBER)
            any_text = any_text or (name == "text" and hole.start(name) < hole.end(name))
        if not any_text or len(kinds) > _MOST_HOLES:
            return None
        borders.append(len(raw))
        kept = [raw[start:end] for start, end in zip(borders[::2], borders[1::2], strict=True)]
        return cls(kept[0], list(zip(kinds, kept[1:], strict=True)))

    def filled(self, sizes: Sequence[int]) -> bytes:
        """An event of this form with texts of these sizes, one for each hole."""
        fillings = (
            b"x" * size if kind is _TEXT else b"1" for size, (kind, _) in zip(sizes, self._holes, strict=True)
        )
        rest = (filling + after for filling, (_, after) in zip(fillings, self._holes, strict=True))
        return self._head + b"".join(rest)

    def count(self, counted: Sequence[bool]) -> None:
        """Says of each hole whether what fills it is counted."""
        self._steps = tuple(
            (kind.match, after, len(after), told)
            for (kind, after), told in zip(self._holes, counted, strict=True)
        )
        one_text = len(self._holes) == 1 and self._holes[0][0] is _TEXT and counted[0]
        self._tail = self._holes[0][1] if one_text else None

    @property
    def holes(self) -> int:
        """How many there are."""
        return len(self._holes)

    def text_bytes(self, raw: bytes) -> int | None:
        """The UTF-8 bytes of the text in an event's counted holes; None when it is not of this form."""
        if not raw.startswith(self._head):
            return None
        if self._tail is not None and raw.endswith(self._tail) and raw.isascii():
            # As nearly always: one plain word, which takes no pattern to be seen.
            word = raw[len(self._head) : len(raw) - len(self._tail)].decode("ascii")
            if word.isprintable() and '"' not in word and "\\" not in word and word:
                return len(word)
        at, total = len(self._head), 0
        for match, after, size, counted in self._steps:
            filling = match(raw, at)
            if filling is None or not raw.startswith(after, end := filling.end()):
                return None
            if counted:
                total += end - at
                if raw.find(b"\\", at, end) >= 0:
                    total -= len(_ESCAPE.findall(raw, at, end))
            at = end + size
        return total if at == len(raw) and (raw.isascii() or _is_utf8(raw)) else None


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
