"""Finds personal data in UTF-8 text: one re2 pattern for the candidates, then a check by type."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from proxy.config.patterns import Match, compile_pattern
from proxy.pii.checks import digits_of, iban_length, is_card, is_ip, is_ssn
from proxy.pii.entity_patterns import PATTERNS
from proxy.pii.phones import Effort, PhoneBook, goes_on

TOKEN: Final = ""
_MEGABYTE: Final = 1_000_000
_WARM_BYTES: Final = 500_000
# A candidate costs about 2 µs, whether it stands or not; a number 4, an IBAN or an address of IPv6 6. So
# many units of 2 µs keep a megabyte below 50 ms.
PER_MEGABYTE: Final = 16_000
# For re2's automaton, which grows with the text. With the default of 8 MiB numeric text makes it start over
# so often that it takes many times as long.
_AUTOMATON_BYTES: Final = 24 << 20

# What may stand before the `@`; in UTF-8 also Latin letters beyond ASCII, Greek and Cyrillic.
_LOCAL: Final = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-"
    + bytes(range(0x80, 0xC0))
    + bytes(range(0xC3, 0xD4))
)
_LOCAL_LENGTH: Final = 64
_DIGITS: Final = b"0123456789"
_CARD_DIGITS: Final = 14
_SSN_LENGTH: Final = 11
_IP_DOTS: Final = 3
_FIRST_GROUP: Final = re.compile(rb"[^0-9A-Za-z]*[0-9A-Za-z]+")

Hit = tuple[int, int, str]


class Detector:
    """Finds the given entity types, and patterns of one's own by their names, before those."""

    def __init__(self, entities: Sequence[str], patterns: Mapping[str, str], regions: Sequence[str]) -> None:
        token = rf"<(?:{'|'.join(sorted({*PATTERNS, *patterns}))})_[0-9]{{1,9}}>"
        builtin = [each for entity, several in PATTERNS.items() if entity in entities for each in several]
        self._pattern = compile_pattern("|".join([token, *builtin]), automaton_bytes=_AUTOMATON_BYTES)
        own = "|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns.items())
        self._own = compile_pattern(f"{token}|{own}", automaton_bytes=_AUTOMATON_BYTES) if own else None
        self._entities = frozenset(entities)
        self._phones = PhoneBook(regions)

    def warm(self) -> None:
        """Lets re2 make its automaton for numeric text, which takes a tenth of a second, before a request."""
        numbers = random.Random(1)  # noqa: S311 -- no secret: any numeric text will do
        sample = bytes(numbers.choices(b"0123456789 .-()+:/", k=_WARM_BYTES))
        for _ in self._pattern.finditer(sample):
            pass

    def find(self, data: bytes) -> Iterator[Hit]:
        """Start, end and type of every hit, in order; the type is `TOKEN` for what looks like a placeholder.

        No hit goes over a NUL byte. Raises `TooMany` past `PER_MEGABYTE` units of work.
        """
        effort = Effort(units=PER_MEGABYTE * -(-len(data) // _MEGABYTE))
        position = 0
        for start, end, name in self._find_own(data, effort):
            yield from self._find_builtin(data, position, start, effort)
            yield start, end, name
            position = end
        yield from self._find_builtin(data, position, len(data), effort)

    def _find_own(self, data: bytes, effort: Effort) -> Iterator[Hit]:
        """Hits of one's own patterns, which may have open ends: so each text is searched by itself."""
        if self._own is None or self._own.search(data) is None:
            return
        start = 0
        while start < len(data):
            stop = data.find(0, start)
            stop = len(data) if stop < 0 else stop
            for match in self._own.finditer(data, start, stop):
                effort.spend(2)
                yield *match.span(), _name(match)
            start = stop + 1

    def _find_builtin(self, data: bytes, position: int, stop: int, effort: Effort) -> Iterator[Hit]:
        floor = position
        while position < stop:
            for match in self._pattern.finditer(data, position, stop):
                effort.spend()
                start, end = match.span()
                hit = self._judge(data, start, end, floor, effort)
                if hit:
                    yield hit
                    position = floor = hit[1]
                else:
                    position = _second_group(data, start, end)
                if position < end:
                    break
            else:
                return

    def _judge(self, data: bytes, start: int, end: int, floor: int, effort: Effort) -> Hit | None:
        """The hit in a candidate, when it holds one; an address reaches back to `floor` at most."""
        first = data[start]
        if first == ord("<"):
            return start, end, TOKEN
        if first == ord("@"):
            begin = _local_start(data, max(floor, start - _LOCAL_LENGTH), start)
            return (begin, end, "EMAIL_ADDRESS") if begin < start else None
        start += 2 if first == ord("\\") else 0
        text = data[start:end]
        if b":" in text:
            effort.spend(2)
            return _judge_ipv6(data, start, end)
        if text[:1].isalpha():
            effort.spend(2)
            length = iban_length(text)
            return (start, start + length, "IBAN_CODE") if length else None
        return self._judge_number(data, start, end, effort)

    def _judge_number(self, data: bytes, start: int, end: int, effort: Effort) -> Hit | None:
        effort.spend()
        if data[start] == ord("(") and data.find(b")", start, end) < 0:
            start += 1  # of the sentence
        text = data[start:end]
        before, after = data[max(start - 2, 0) : start], data[end : end + 2]
        if text.count(b".") >= _IP_DOTS and not text.strip(_DIGITS + b"."):
            whole = before[-1:] != b"." and not (after[:1] == b"." and after[1:].isdigit())
            if whole and "IP_ADDRESS" in self._entities and is_ip(text):
                return start, end, "IP_ADDRESS"
            if sum(len(group) == 1 for group in text.split(b".")) > 1:
                return None  # of an object's identifier or a section's number, not of a telephone
        if after[:1] == b"@" or goes_on(before[::-1]):
            return None
        entity, length = self._kind(text, after, effort)
        return (start, start + length, entity) if length else None

    def _kind(self, text: bytes, after: bytes, effort: Effort) -> tuple[str, int]:
        """What a number is, and how much of the candidate it takes; 0 for none."""
        joined = goes_on(after)
        if len(text) == _SSN_LENGTH and "US_SSN" in self._entities and is_ssn(text) and not joined:
            return "US_SSN", len(text)
        if len(text) >= _CARD_DIGITS and text[0] not in b"+0(" and len(digits_of(text)) >= _CARD_DIGITS:
            return "CREDIT_CARD", len(text) if is_card(text) and not joined else 0
        if "PHONE_NUMBER" not in self._entities:
            return "", 0
        return "PHONE_NUMBER", self._phones.length(text, after, effort)


def _name(match: Match) -> str:
    """Which pattern of one's own matched; `TOKEN` when none did."""
    return next((name for name, value in match.groupdict().items() if value is not None), TOKEN)


def _local_start(data: bytes, floor: int, at: int) -> int:
    """Where the part of an address before its `@` begins; `at` when there is none."""
    before = data[floor:at]
    start = floor + len(before.rstrip(_LOCAL))
    while start < at and (0x80 <= data[start] < 0xC0 or data[start] in b".-%"):
        start += 1  # the rest of a character that is none of these letters, or a mark of the sentence
    if data[start - 1 : start] == b"\\" and start and data[start] in b"nrt":
        start += 1  # the end of a line in a JSON text inside the text
    return start


def _judge_ipv6(data: bytes, start: int, end: int) -> Hit | None:
    if data[start] not in b"0123456789abcdefABCDEF:":
        start += 1
    text = data[start:end].rstrip(b".")
    text = text if text.endswith(b"::") else text.rstrip(b":")
    end = start + len(text)
    glued = data[end : end + 1].isalnum() or data[max(start - 1, 0) : start] in {b":", b"."}
    return (start, end, "IP_ADDRESS") if not glued and is_ip(text) else None


def _second_group(data: bytes, start: int, end: int) -> int:
    """Where to look on in a candidate that is none: behind its first letters or digits."""
    group = _FIRST_GROUP.match(data, start, end)
    return group.end() if group else end
