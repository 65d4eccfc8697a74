"""Finds the telephone number in a candidate by libphonenumber's plans, with bounded work per request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import PhoneMetadata

from proxy.pii.checks import digits_of

# One call of the library takes 15 µs. After this many per request, candidates are accepted without a check:
# it is better to hide too many numbers from the model than too few.
MAX_CALLS: Final = 400
_MIN_DIGITS: Final = 7
_MAX_DIGITS: Final = 17  # 15, plus the 00 of an international call
_DATE: Final = re.compile(rb"\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})(?!\d)")
_GROUP_END: Final = re.compile(rb"[0-9](?![0-9])")


class WorkLimitExceeded(Exception):  # noqa: N818 -- the caller turns it into a refusal
    """A text has more candidates than Relay checks."""


@dataclass(kw_only=True)
class WorkLimit:
    """The work left for one request: units for candidates, and calls of the library."""

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
        plans = {region: PhoneMetadata.metadata_for_region(region) for region in regions}
        self._with_zero = tuple(region for region, plan in plans.items() if plan and _takes_zero(plan))
        self._bare = tuple(region for region, plan in plans.items() if plan and _lacks_zero(plan))
        self._marked = tuple(
            region for region, plan in plans.items() if plan and (_lacks_zero(plan) or _has_brackets(plan))
        )

    def length(self, text: bytes, after: bytes, limit: WorkLimit) -> int:
        """Return the length in bytes of the number at the start of a candidate; 0 for none.

        The candidate may include digits that do not belong to the number; `after` is the text behind it.
        """
        if not _MIN_DIGITS <= len(digits_of(text)) <= _MAX_DIGITS or _DATE.match(text):
            return 0
        if limit.calls <= 0:
            return len(text)
        for end in _ends(text, after):
            digits = digits_of(text[:end]).decode("ascii")
            if len(digits) < _MIN_DIGITS:
                break
            if self._valid(text[:end], digits, limit):
                return end
        return 0

    def _valid(self, text: bytes, digits: str, limit: WorkLimit) -> bool:
        if text[:1] == b"+" or digits.startswith("00"):
            limit.calls -= 1
            return is_number("+" + digits.removeprefix("00"), None)
        regions = self._bare if text.isdigit() else self._marked
        for region in self._with_zero if digits.startswith("0") else regions:
            limit.calls -= 1
            if is_number(digits, region):
                return True
        return False


def _ends(text: bytes, after: bytes) -> Iterator[int]:
    """Yield the ends of digit groups that no dot or hyphen joins to the next one, last first."""
    ends = [match.end() for match in _GROUP_END.finditer(text)]
    return (end for end in reversed(ends) if not continues_number((text[end:] + after)[:2]))


def continues_number(beside: bytes) -> bool:
    """Return whether a number continues: it is followed by a dot or hyphen and a digit."""
    return beside[:1] in (b".", b"-") and beside[1:].isdigit()


def is_number(digits: str, region: str | None) -> bool:
    """Return whether the library considers a number valid. Not cached: it is personal data."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
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
