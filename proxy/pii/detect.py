"""Finds personal data in UTF-8 text: one re2 pattern for the candidates, then a check by type."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from proxy.config.patterns import Match, compile_pattern
from proxy.pii.checks import digits_of, iban_length, is_card, is_ip, is_ssn
from proxy.pii.look_alikes import Context
from proxy.pii.patterns import PATTERNS
from proxy.pii.phones import NumberingPlans, WorkLimit, continues_number

PLACEHOLDER: Final = ""
_MEGABYTE: Final = 1_000_000
_WARM_UP_BYTES: Final = 500_000
# One unit is about 2 µs, the cost of a candidate; a number costs 2 units, an IBAN or an IPv6 address 3. This
# bound keeps a megabyte below 50 ms.
WORK_PER_MEGABYTE: Final = 16_000
# Memory of re2's automaton, which grows with the text. With the default of 8 MiB numeric text resets it so
# often that a search takes many times as long.
_AUTOMATON_BYTES: Final = 48 << 20

# Bytes allowed before the `@`, including the UTF-8 of non-ASCII Latin, Greek and Cyrillic letters.
_LOCAL: Final = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-"
    + bytes(range(0x80, 0xC0))
    + bytes(range(0xC3, 0xD4))
)
_LOCAL_LENGTH: Final = 64
_DIGITS: Final = b"0123456789"
_LETTERS: Final = string.ascii_letters.encode() + b"_"
_NOT_NUMBER: Final = bytes({*range(256)} - {*b"0123456789(+"})
_CARD_DIGITS: Final = 14
_SSN_LENGTH: Final = 11
_BEFORE: Final = 10
_AFTER: Final = 7
_LISTED: Final = re.compile(rb"[0-9]{4} $")
_SECURITY_CODE: Final = re.compile(rb"-[0-9]{3,4}(?![0-9]|[.-][0-9])")
_FIRST_LETTER: Final = ord("A")
_NOT_ASCII: Final = 0x80
_SKIPPED: Final = {ord("\\"): 2, ord("_"): 1}  # before a candidate: the length of what does not belong to it
_IP_DOTS: Final = 3
# The letters that a word of telephony starts with, unlike an IBAN and an IPv6 address.
_CUE_START: Final = re.compile(rb"(?![A-Za-z]{2}[0-9])[A-Fa-f]{0,2}[G-Zg-z\x80-\xff]")
_CUED: Final = re.compile(
    rb"[(+]{0,2}[0-9](?:(?:[ ./()-]|\xc2\xa0|\xe2\x80[\x90-\x93]){0,3}[0-9]){6,18}"
    rb"(?:(?![0-9A-Za-z])|(?=[xX][0-9]|[eE][xX][tT]))"
)
_FIRST_GROUP: Final = re.compile(rb"[^0-9A-Za-z]*[0-9A-Za-z]+")

Hit = tuple[int, int, str]


class Detector:
    """Finds custom patterns by their names and, in the remaining text, the given entity types."""

    def __init__(self, entities: Sequence[str], patterns: Mapping[str, str], regions: Sequence[str]) -> None:
        placeholder = rf"<(?:{'|'.join(sorted({*PATTERNS, *patterns}))})_[0-9]{{1,9}}>"
        builtin = [each for entity, several in PATTERNS.items() if entity in entities for each in several]
        self._pattern = compile_pattern("|".join([placeholder, *builtin]), automaton_bytes=_AUTOMATON_BYTES)
        custom = "|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns.items())
        self._custom = (
            compile_pattern(f"{placeholder}|{custom}", automaton_bytes=_AUTOMATON_BYTES) if custom else None
        )
        self._entities = frozenset(entities)
        self._phones = NumberingPlans(regions)

    def warm_up(self) -> None:
        """Let re2 build its automaton for numeric text before the first request; it takes 0.1 s."""
        self._phones.warm_up()
        numbers = random.Random(1)  # noqa: S311 -- sample text, not a secret
        sample = bytes(numbers.choices(b"0123456789 .-()+:/", k=_WARM_UP_BYTES))
        for _ in self._pattern.finditer(sample):
            pass

    def find(self, data: bytes) -> Iterator[Hit]:
        """Yield start, end and type of every hit, in order; `PLACEHOLDER` for text that looks like one.

        No hit spans a NUL byte. Raises `WorkLimitExceeded` after `WORK_PER_MEGABYTE` units of work.
        """
        limit = WorkLimit(units=WORK_PER_MEGABYTE * -(-len(data) // _MEGABYTE))
        position = 0
        for start, end, name in self._find_custom(data, limit):
            yield from self._find_builtin(data, position, start, limit)
            yield start, end, name
            position = end
        yield from self._find_builtin(data, position, len(data), limit)

    def _find_custom(self, data: bytes, limit: WorkLimit) -> Iterator[Hit]:
        """Yield hits of custom patterns, which may be unbounded: each text is searched separately."""
        if self._custom is None or self._custom.search(data) is None:
            return
        start = 0
        while start < len(data):
            stop = data.find(0, start)
            stop = len(data) if stop < 0 else stop
            for match in self._custom.finditer(data, start, stop):
                limit.spend(2)
                yield *match.span(), _name(match)
            start = stop + 1

    def _find_builtin(self, data: bytes, position: int, stop: int, limit: WorkLimit) -> Iterator[Hit]:
        floor = position
        while position < stop:
            for match in self._pattern.finditer(data, position, stop):
                limit.spend()
                start, end = match.span()
                hit = self._check(data, start, end, (floor, stop), limit)
                if hit:
                    yield hit
                    position = floor = hit[1]
                else:
                    position = _second_group(data, start, end)
                if position != end:
                    break
            else:
                return

    def _check(
        self, data: bytes, start: int, end: int, bounds: tuple[int, int], limit: WorkLimit
    ) -> Hit | None:
        """Return the hit in a candidate; addresses and numbers may extend to the bounds."""
        first = data[start]
        if first == ord("<"):
            return start, end, PLACEHOLDER
        if first == ord("@"):
            begin = _local_start(data, max(bounds[0], start - _LOCAL_LENGTH), start)
            return (begin, end, "EMAIL_ADDRESS") if begin < start else None
        if first in _SKIPPED:
            start += _SKIPPED[first]
            first = data[start]
        text = data[start:end]
        if first >= _FIRST_LETTER and _CUE_START.match(text):
            number = _CUED.match(data, end - len(text.lstrip(_NOT_NUMBER)), bounds[1])
            return self._check_number(data, *number.span(), limit, cue=True) if number else None
        if b":" in text:
            limit.spend(2)
            return _check_ipv6(data, start, end)
        if first >= _FIRST_LETTER:
            limit.spend(2)
            length = iban_length(text)
            return (start, start + length, "IBAN_CODE") if length else None
        return self._check_number(data, start, end, limit)

    def _check_number(
        self, data: bytes, start: int, end: int, limit: WorkLimit, *, cue: bool = False
    ) -> Hit | None:
        limit.spend()
        if data[end - 1] >= _FIRST_LETTER:
            extension = data[end - 2 : end - 1].isdigit() and data[end - 1] in b"xX"
            if extension and not data[end : end + 1].isdigit():
                return None
            end = start + len(data[start:end].rstrip(_LETTERS))
        text = data[start:end]
        if text[:1] == b"(" and text.count(b"(") > text.count(b")"):
            start += 1  # belongs to the sentence
            text = text[1:]
        before, after = data[max(start - _BEFORE, 0) : start], data[end : end + _AFTER]
        if text.count(b".") >= _IP_DOTS and not text.strip(_DIGITS + b"."):
            whole = before[-1:] != b"." and not (after[:1] == b"." and after[1:2].isdigit())
            if whole and "IP_ADDRESS" in self._entities and is_ip(text):
                return start, end, "IP_ADDRESS"
            if sum(len(group) == 1 for group in text.split(b".")) > 1:
                return None  # an object identifier or a section number
        if after[:1] == b"@" or continues_number(before[:-3:-1]):
            return None
        entity, length = self._classify(text, Context(before, after, cue), limit)
        return (start, start + length, entity) if length else None

    def _classify(self, text: bytes, context: Context, limit: WorkLimit) -> tuple[str, int]:
        """Return the type of a number and its length within the candidate; 0 for none."""
        if len(text) == _SSN_LENGTH and "US_SSN" in self._entities and is_ssn(text):
            if continues_number(context.after[:2]):
                return "", 0
            return "US_SSN", len(text)
        if len(text) >= _CARD_DIGITS and text[0] not in b"+0(" and len(digits_of(text)) >= _CARD_DIGITS:
            return "CREDIT_CARD", len(text) if _is_whole_card(text, context) else 0
        if "PHONE_NUMBER" not in self._entities:
            return "", 0
        return "PHONE_NUMBER", self._phones.length(text, context, limit)


def _is_whole_card(text: bytes, context: Context) -> bool:
    """Return whether a card number is not the end of a list or the beginning of a longer number."""
    # After a word of telephony any digit may come first; a card is found again without the word.
    if not is_card(text) or context.cue or (b" " in text and _LISTED.search(context.before)):
        return False
    return not continues_number(context.after[:2]) or _SECURITY_CODE.match(context.after) is not None


def _name(match: Match) -> str:
    """Return the name of the custom pattern that matched; `PLACEHOLDER` for none."""
    return next((name for name, value in match.groupdict().items() if value is not None), PLACEHOLDER)


def _local_start(data: bytes, floor: int, at: int) -> int:
    """Return the start of an e-mail address before its `@`; `at` when there is none."""
    before = data[floor:at]
    start = floor + len(before.rstrip(_LOCAL))
    while start < at and (0x80 <= data[start] < 0xC0 or data[start] in b".-%"):
        start += 1  # the rest of another character, or punctuation
    if data[start - 1 : start] == b"\\" and start and data[start] in b"nrt":
        start += 1  # an escaped line end of JSON within the text
    return start


def _check_ipv6(data: bytes, start: int, end: int) -> Hit | None:
    if data[start] not in b"0123456789abcdefABCDEF:":
        start += 1
    text = data[start:end].rstrip(b".")
    text = text if text.endswith(b"::") else text.rstrip(b":")
    end = start + len(text)
    is_inside_word = data[end : end + 1].isalnum() or data[max(start - 1, 0) : start] in {b":", b"."}
    return (start, end, "IP_ADDRESS") if not is_inside_word and is_ip(text) else None


def _second_group(data: bytes, start: int, end: int) -> int:
    """Return where to continue after a rejected candidate: behind its first group or word of telephony."""
    if data[start] >= _NOT_ASCII:
        return end - len(data[start:end].lstrip(_NOT_NUMBER))
    group = _FIRST_GROUP.match(data, start, end)
    return group.end() if group else end
