"""Distinguishes telephone numbers from dates, amounts, ids, lists of numbers, ISBNs and ranges of years."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from proxy.pii.checks import digits_of
from proxy.pii.groupings import is_grouped

_MIN_BARE_DIGITS: Final = 9
_MIN_DISTINCT_DIGITS: Final = 9
_MIN_DISTINCT_GROUPS: Final = 3
_ALL_DIGITS: Final = "01234567890"
_ZEROS: Final = "00000"
_ARXIV: Final = re.compile(rb"\d{4}\.\d{4,5}")
_EVEN: Final = re.compile(r"\d{4} \d{4} \d{4}")
_THOUSAND: Final = 3  # digits of a group
_ISSN: Final = re.compile(rb"\d{4}-\d{4}")
_ISBN: Final = re.compile(rb"\d{1,5}([ -])\d{1,7}\1\d{1,7}\1\d")
_ISBN_START: Final = re.compile(rb"97[89][ -](?:\d{1,5}[ -]){0,3}")
# A date is followed by the end, or by another mark than its own.
DATE: Final = re.compile(
    rb"(?:\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})|\d{4}([./-])\d{1,2}\2\d{1,2}"
    rb"|[0-3]\d ?[01]\d ?(?:19|20)\d\d|(?:19|20)\d\d ?[01]\d ?[0-3]\d)(?!\d|\1\d|\2\d)"
)
_YEARS: Final = re.compile(rb"(?:.*[^0-9])?(?:19|20)\d\d[^0-9]{1,3}(?:19|20)\d\d")


class Context(NamedTuple):
    """The ten bytes before a candidate, the seven after it, and whether a word of telephony precedes it."""

    before: bytes = b""
    after: bytes = b""
    cue: bool = False


def is_look_alike(text: bytes, groups: Sequence[str], context: Context) -> bool:
    """Return whether groups of digits are rather something else than a national telephone number."""
    if _YEARS.fullmatch(text) or [len(group) for group in groups[1:]].count(1) > 1:
        return True
    if context.cue:
        return _is_decimal(text, groups, context)
    if len(groups) == 1:
        return _is_id(groups[0], context)
    return _is_book(text, context) or _is_part(text, context) or _is_list(text, groups, context)


def _is_id(digits: str, context: Context) -> bool:
    """Return whether digits without marks are rather an id."""
    if digits[0] == "0" and len(digits) < _MIN_BARE_DIGITS:
        return True
    return context.before[-1:] in (b"#", b"_") or context.after[:1] == b"_" or digits in _ALL_DIGITS


def _is_decimal(text: bytes, groups: Sequence[str], context: Context) -> bool:
    """Return whether groups are a number with decimals."""
    if is_amount(text, groups) and context.after[:1] == b"," and context.after[1:2].isdigit():
        return True
    return text.count(b".") == 1 and groups[0][0] != "0" and text.replace(b".", b"").isdigit()


def _is_book(text: bytes, context: Context) -> bool:
    """Return whether a text is, or ends, an ISBN or an ISSN."""
    if context.after[:2] == b"-X" or _ISBN_START.search(context.before):
        return True
    if not _ISSN.fullmatch(text) and not _ISBN.fullmatch(text):
        return False
    digits = digits_of(text)
    return sum(int(chr(digit)) * weight for weight, digit in enumerate(reversed(digits), 1)) % 11 == 0


def _is_part(text: bytes, context: Context) -> bool:
    """Return whether a text is a part of a path, a time or a UUID, a number of arXiv, or a decimal."""
    if context.before[-1:] in (b"/", b":") and context.before[-2:-1].isdigit():
        return True
    joined = context.before[-1:] == b"-" and context.after[:1] == b"-"
    if joined and context.before[-2:-1].isalnum() and context.after[1:2].isalnum():
        return True
    if text.count(b".") == 1 and text[:1] not in b"0(" and text.replace(b".", b"").isdigit():
        return True
    return _ARXIV.fullmatch(text) is not None or (b"." in text and b"/" in text)


def _is_list(text: bytes, groups: Sequence[str], context: Context) -> bool:
    """Return whether groups are an amount, bytes of memory, an id, or a part of a list of numbers."""
    zero = groups[0][0] == "0"
    few = len(groups) >= _MIN_DISTINCT_GROUPS and sum(map(len, groups)) < _MIN_DISTINCT_DIGITS
    if zero and few and b"." in text:
        return True
    if zero and (few or _EVEN.fullmatch(" ".join(groups))) and not is_grouped(groups):
        return True
    if "".join(groups).endswith(_ZEROS):
        return True
    if is_amount(text, groups) or (not zero and any(len(group) == 1 for group in groups[1:])):
        return True
    previous = context.before.rstrip(b" \xc2\xa0")
    follows = previous != context.before and previous[-1:].isdigit()
    spaced = not text.translate(None, b"0123456789 \xc2\xa0")
    return follows and spaced and (not zero or is_amount(text, ["1", *groups]))


def is_distinct(groups: Sequence[str]) -> bool:
    """Return whether groups are rarely anything but a telephone number."""
    return (
        len(groups) >= _MIN_DISTINCT_GROUPS
        and sum(map(len, groups)) >= _MIN_DISTINCT_DIGITS
        and len(max(groups, key=len)) >= _MIN_DISTINCT_GROUPS
    )


def is_amount(text: bytes, groups: Sequence[str]) -> bool:
    """Return whether groups may be an amount with marks for the thousands."""
    first, *others = map(len, groups)
    thousands = first <= _THOUSAND and all(length == _THOUSAND for length in others)
    return thousands and groups[0][0] != "0" and b"-" not in text and b"/" not in text
