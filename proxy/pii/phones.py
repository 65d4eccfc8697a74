"""Finds the telephone number in a candidate by libphonenumber's plans, with bounded work per request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import PhoneMetadata

from proxy.pii.checks import digits_of
from proxy.pii.groupings import is_grouped, is_international, is_national, plans, region
from proxy.pii.look_alikes import DATE, Context, is_amount, is_distinct, is_look_alike

# One check takes up to 40 µs. After this many per request, candidates are accepted without one:
# it is better to hide too many numbers from the model than too few.
MAX_CALLS: Final = 400
_MIN_DIGITS: Final = 7
_MAX_DIGITS: Final = 17  # 15, plus the 00 of an international call
_MAX_CUED_GROUPS: Final = 6
_MIN_GROUPS: Final = 3
_MIN_UNASSIGNED_DIGITS: Final = 10
_NANP: Final = re.compile(
    rb"(?:1[ ./-]?)?(?:\([2-9]\d\d\)[ .-]?[2-9]\d\d[ .-]|[2-9]\d\d([.-])[2-9]\d\d\1)\d{4}"
)
_GROUPS: Final = re.compile(r"[0-9]+")
_GROUP_END: Final = re.compile(rb"[0-9](?![0-9])")


class WorkLimitExceeded(Exception):  # noqa: N818 -- the caller turns it into a refusal
    """A text has more candidates than Relay checks."""


@dataclass(kw_only=True)
class WorkLimit:
    """The work left for one request: units for candidates, and checks against the plans."""

    units: int
    calls: int = MAX_CALLS

    def spend(self, units: int = 1) -> None:
        """Spend units. Raises `WorkLimitExceeded`."""
        self.units -= units
        if self.units < 0:
            raise WorkLimitExceeded


class NumberingPlans:
    """The numbering plans of numbers without a country code."""

    def __init__(self, regions: Sequence[str]) -> None:
        several = ((region(name), PhoneMetadata.metadata_for_region(name)) for name in regions)
        known = [(found, plan) for found, plan in several if found and plan]
        self._with_zero = tuple(found for found, plan in known if _takes_zero(plan))
        self._bare = tuple(found for found, plan in known if _lacks_zero(plan))
        self._marked = tuple(found for found, plan in known if _lacks_zero(plan) or _has_brackets(plan))
        self._nanp = any(plan.country_code == 1 for _, plan in known)

    def warm_up(self) -> None:
        """Load the plans of all countries; it takes 0.2 s."""
        plans()
        is_national("")

    def length(self, text: bytes, context: Context, limit: WorkLimit) -> int:
        """Return the length in bytes of the number at the start of a candidate; 0 for none.

        The candidate may include digits that do not belong to the number.
        """
        if not _MIN_DIGITS <= len(digits_of(text)) <= _MAX_DIGITS or DATE.match(text):
            return 0
        if limit.calls <= 0:
            return len(text)
        ends = [end for end in _ends(text, context.after) if len(digits_of(text[:end])) >= _MIN_DIGITS]
        for accepts in (self._valid, self._unassigned):
            for end in ends:
                if accepts(text[:end], context, limit, whole=end == len(text)):
                    return end
        return 0

    def _valid(self, text: bytes, context: Context, limit: WorkLimit, *, whole: bool) -> bool:
        limit.calls -= 1
        digits = digits_of(text).decode("ascii")
        if text[:1] == b"+" or digits.startswith("00"):
            return is_international(digits.removeprefix("00"))
        groups = _GROUPS.findall(text.decode("utf-8", "replace"))
        if is_look_alike(text, groups, context):
            return False
        if self._is_default(digits, bare=len(groups) == 1):
            return True
        if context.cue:
            return is_grouped(groups) or is_national(digits)
        if digits.startswith("0"):
            return len(groups) > 1 and (is_grouped(groups) or is_national(digits))
        listed = whole and context.after[:1] == b" " and context.after[1:2].isdigit()
        return (b"(" in text or (is_distinct(groups) and not listed)) and is_grouped(groups)

    def _is_default(self, digits: str, *, bare: bool) -> bool:
        """Return whether digits are a valid number of one of the configured regions."""
        regions = self._bare if bare else self._marked
        return any(each.fits(digits) for each in (self._with_zero if digits.startswith("0") else regions))

    def _unassigned(self, text: bytes, context: Context, _: WorkLimit, *, whole: bool) -> bool:
        """Return whether a text is written as a telephone number, though the number is not assigned."""
        groups = _GROUPS.findall(text.decode("utf-8", "replace"))
        if text[:1] == b"+" or groups[0] == "001":
            digits = "".join(groups)
            enough = len(digits) >= _MIN_UNASSIGNED_DIGITS + (len(groups) < _MIN_GROUPS)
            return enough and is_possible("+" + digits.removeprefix("00"))
        if self._nanp and _NANP.fullmatch(text):
            return True
        if not context.cue or not whole or not 1 < len(groups) <= _MAX_CUED_GROUPS or is_amount(text, groups):
            return False
        return not is_look_alike(text, groups, context) and all(len(group) > 1 for group in groups[1:])


def _ends(text: bytes, after: bytes) -> Iterator[int]:
    """Yield the ends of digit groups that no dot or hyphen joins to the next one, last first."""
    ends = [match.end() for match in _GROUP_END.finditer(text)]
    return (end for end in reversed(ends) if not continues_number((text[end:] + after)[:2]))


def continues_number(beside: bytes) -> bool:
    """Return whether a number continues: it is followed by a dot or hyphen and a digit."""
    return beside[:1] in (b".", b"-") and beside[1:].isdigit()


def is_possible(digits: str) -> bool:
    """Return whether an international number has a length of its country."""
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(digits, None))
    except phonenumbers.NumberParseException:
        return False


def _takes_zero(plan: PhoneMetadata) -> bool:
    return plan.national_prefix == "0"


def _lacks_zero(plan: PhoneMetadata) -> bool:
    """Return whether numbers of this plan may be written without a leading zero."""
    forms = plan.number_format
    return not _takes_zero(plan) or any(form.national_prefix_optional_when_formatting for form in forms)


def _has_brackets(plan: PhoneMetadata) -> bool:
    """Return whether numbers of this plan have brackets instead of a zero: `(11) 2345-6789`."""
    return any("(" in (form.national_prefix_formatting_rule or "") for form in plan.number_format)
