"""Finds personal data in UTF-8 text: one re2 pattern for the candidates, then a check by type."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from proxy.config.patterns import Match, compile_pattern
from proxy.pii.checks import digits_of, iban_length, is_card, is_ip, is_ssn
from proxy.pii.phones import NumberingPlans, WorkLimit, continues_number

# The start of a word, also after the `\n` of JSON within the text.
_START: Final = r"(?:\b|\\[nrt])"
# Between groups of digits, including the no-break space and typographic hyphens.
_SEP: Final = r"[ .\-/\x{A0}\x{2010}-\x{2013}]"
_PAREN_SEP: Final = r"[ .\-/()\x{A0}\x{2010}-\x{2013}]"
_GAP: Final = r"[ \x{A0}-]?"
_HEX: Final = "[0-9A-Fa-f]{1,4}"
# The group before `::`; it excludes `a::b` and `fc::bad` of programming languages.
_FIRST_HEX: Final = "(?:[0-9A-Fa-f]{4}|[0-9A-Fa-f]{0,2}[0-9][0-9A-Fa-f]{0,2})"
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"

# Candidates by entity type, in re2's syntax; `Detector` checks each of them.
# Every alternative is bounded: open ends would make the search quadratic. Of an e-mail address the pattern
# finds the part from `@` on; the part before it is read backwards.
PATTERNS: Final = {
    "EMAIL_ADDRESS": (r"@(?:[A-Za-z0-9\x{C0}-\x{52F}-]{1,63}\.){1,8}[A-Za-z]{2,24}",),
    "IBAN_CODE": (
        rf"{_START}[A-Z]{{2}}[0-9]{{2}}(?: ?[A-Z0-9]{{4}}){{2,7}}(?: ?[A-Z0-9]{{1,4}})?\b",
        rf"{_START}[a-z]{{2}}[0-9]{{2}}[a-z0-9]{{11,30}}\b",
    ),
    "IP_ADDRESS": (
        rf"{_START}{_HEX}(?::{_HEX}){{7,40}}\b",
        rf"{_START}(?:{_HEX}:){{6}}{_OCTET}(?:\.{_OCTET}){{3}}\b",
        rf"{_START}{_FIRST_HEX}(?::{_HEX}){{0,6}}::[0-9A-Fa-f:.]{{0,40}}",
        r"(?:^|[\s(\[\"'=,;/>])::[0-9A-Fa-f][0-9A-Fa-f:.]{0,40}",
        rf"{_START}{_OCTET}(?:\.[0-9]{{1,9}}){{3,20}}\b",
    ),
    "US_SSN": (rf"{_START}[0-8][0-9]{{2}}[ -][0-9]{{2}}[ -][0-9]{{4}}\b",),
    "CREDIT_CARD": (
        (
            rf"{_START}(?:4[0-9]{{3}}|5[0-9]{{3}}|2[2-7][0-9]{{2}}|6[0-9]{{3}}|35[2-8][0-9])"
            rf"(?:(?:{_GAP}[0-9]{{4}}){{3}}|(?:\.[0-9]{{4}}){{3}})\b"
        ),
        rf"{_START}3[47][0-9]{{2}}{_GAP}[0-9]{{6}}{_GAP}[0-9]{{5}}\b",
        rf"{_START}3[068][0-9]{{2}}{_GAP}[0-9]{{6}}{_GAP}[0-9]{{4}}\b",
    ),
    "PHONE_NUMBER": (
        rf"(?:\+|{_START}00)[1-9](?:{_PAREN_SEP}{{0,3}}[0-9]){{6,14}}\b",
        rf"(?:\(|{_START})0[1-9](?:{_PAREN_SEP}{{0,3}}[0-9]){{6,12}}\b",
        (
            rf"(?:{_START}1{_SEP})?(?:\([2-9][0-9]{{2}}\) ?|{_START}[2-9][0-9]{{2}}{_SEP}?)"
            rf"[2-9][0-9]{{2}}{_SEP}?[0-9]{{4}}\b"
        ),
        rf"{_START}[6-9][0-9]{{4}}[ -]?[0-9]{{5}}\b",
        rf"(?:\([1-9][0-9]\)|{_START}[1-9][0-9]) ?9?[0-9]{{4}}-[0-9]{{4}}\b",
    ),
}

PLACEHOLDER: Final = ""
_MEGABYTE: Final = 1_000_000
_WARM_UP_BYTES: Final = 500_000
# One unit is about 2 µs, the cost of a candidate; a number costs 2 units, an IBAN or an IPv6 address 3. This
# bound keeps a megabyte below 50 ms.
WORK_PER_MEGABYTE: Final = 16_000
# Memory of re2's automaton, which grows with the text. With the default of 8 MiB numeric text resets it so
# often that a search takes many times as long.
_AUTOMATON_BYTES: Final = 24 << 20

# Bytes allowed before the `@`, including the UTF-8 of non-ASCII Latin, Greek and Cyrillic letters.
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
                hit = self._check(data, start, end, floor, limit)
                if hit:
                    yield hit
                    position = floor = hit[1]
                else:
                    position = _second_group(data, start, end)
                if position < end:
                    break
            else:
                return

    def _check(self, data: bytes, start: int, end: int, floor: int, limit: WorkLimit) -> Hit | None:
        """Return the hit in a candidate; an e-mail address extends back to `floor` at most."""
        first = data[start]
        if first == ord("<"):
            return start, end, PLACEHOLDER
        if first == ord("@"):
            begin = _local_start(data, max(floor, start - _LOCAL_LENGTH), start)
            return (begin, end, "EMAIL_ADDRESS") if begin < start else None
        start += 2 if first == ord("\\") else 0
        text = data[start:end]
        if b":" in text:
            limit.spend(2)
            return _check_ipv6(data, start, end)
        if text[:1].isalpha():
            limit.spend(2)
            length = iban_length(text)
            return (start, start + length, "IBAN_CODE") if length else None
        return self._check_number(data, start, end, limit)

    def _check_number(self, data: bytes, start: int, end: int, limit: WorkLimit) -> Hit | None:
        limit.spend()
        if data[start] == ord("(") and data.find(b")", start, end) < 0:
            start += 1  # belongs to the sentence
        text = data[start:end]
        before, after = data[max(start - 2, 0) : start], data[end : end + 2]
        if text.count(b".") >= _IP_DOTS and not text.strip(_DIGITS + b"."):
            whole = before[-1:] != b"." and not (after[:1] == b"." and after[1:].isdigit())
            if whole and "IP_ADDRESS" in self._entities and is_ip(text):
                return start, end, "IP_ADDRESS"
            if sum(len(group) == 1 for group in text.split(b".")) > 1:
                return None  # an object identifier or a section number
        if after[:1] == b"@" or continues_number(before[::-1]):
            return None
        entity, length = self._classify(text, after, limit)
        return (start, start + length, entity) if length else None

    def _classify(self, text: bytes, after: bytes, limit: WorkLimit) -> tuple[str, int]:
        """Return the type of a number and its length within the candidate; 0 for none."""
        joined = continues_number(after)
        if len(text) == _SSN_LENGTH and "US_SSN" in self._entities and is_ssn(text) and not joined:
            return "US_SSN", len(text)
        if len(text) >= _CARD_DIGITS and text[0] not in b"+0(" and len(digits_of(text)) >= _CARD_DIGITS:
            return "CREDIT_CARD", len(text) if is_card(text) and not joined else 0
        if "PHONE_NUMBER" not in self._entities:
            return "", 0
        return "PHONE_NUMBER", self._phones.length(text, after, limit)


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
    """Return where to continue after a rejected candidate: behind its first group."""
    group = _FIRST_GROUP.match(data, start, end)
    return group.end() if group else end
