"""Which part of a candidate is a telephone number, by libphonenumber's plans; bounded in work per request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import PhoneMetadata

from proxy.pii.checks import digits_of

# One call of the library takes 15 µs. Past so many in one request a candidate is believed unchecked:
# a number too many hidden from the model is better than one too few.
CALLS: Final = 400
_MIN_DIGITS: Final = 7
_MAX_DIGITS: Final = 17  # fifteen, and the 00 of an international call
_DATE: Final = re.compile(rb"\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})(?!\d)")
_GROUP_END: Final = re.compile(rb"[0-9](?![0-9])")


class TooMany(Exception):  # noqa: N818 -- a bound that was reached; the caller says what it means
    """A text holds more candidates than Relay looks at."""


@dataclass(kw_only=True)
class Effort:
    """What may still be done for one request: units of looking, calls of the library."""

    units: int
    calls: int = CALLS

    def spend(self, units: int = 1) -> None:
        """Takes what something costs. Raises `TooMany`."""
        self.units -= units
        if self.units < 0:
            raise TooMany


class PhoneBook:
    """The numbering plans that numbers without a country code are read by."""

    def __init__(self, regions: Sequence[str]) -> None:
        plans = {region: PhoneMetadata.metadata_for_region(region) for region in regions}
        self._with_zero = tuple(region for region, plan in plans.items() if plan and _takes_zero(plan))
        self._bare = tuple(region for region, plan in plans.items() if plan and _lacks_zero(plan))
        self._marked = tuple(
            region for region, plan in plans.items() if plan and (_lacks_zero(plan) or _has_brackets(plan))
        )

    def length(self, text: bytes, after: bytes, effort: Effort) -> int:
        """How many bytes from the start of a candidate are a number; 0 for none.

        The candidate may run on into digits of what follows; `after` is what stands behind it.
        """
        if not _MIN_DIGITS <= len(digits_of(text)) <= _MAX_DIGITS or _DATE.match(text):
            return 0
        if effort.calls <= 0:
            return len(text)
        for end in _ends(text, after):
            digits = digits_of(text[:end]).decode("ascii")
            if len(digits) < _MIN_DIGITS:
                break
            if self._valid(text[:end], digits, effort):
                return end
        return 0

    def _valid(self, text: bytes, digits: str, effort: Effort) -> bool:
        if text[:1] == b"+" or digits.startswith("00"):
            effort.calls -= 1
            return is_number("+" + digits.removeprefix("00"), None)
        regions = self._bare if text.isdigit() else self._marked
        for region in self._with_zero if digits.startswith("0") else regions:
            effort.calls -= 1
            if is_number(digits, region):
                return True
        return False


def _ends(text: bytes, after: bytes) -> Iterator[int]:
    """Where groups of digits end that no dot or hyphen joins to the next, the last first."""
    ends = [match.end() for match in _GROUP_END.finditer(text)]
    return (end for end in reversed(ends) if not goes_on((text[end:] + after)[:2]))


def goes_on(beside: bytes) -> bool:
    """Whether a number is part of a longer one: a dot or a hyphen stands beside it, and then a digit."""
    return beside[:1] in (b".", b"-") and beside[1:].isdigit()


def is_number(digits: str, region: str | None) -> bool:
    """Whether the library knows this as a number that can be in use. Keeps nothing: it is personal data."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False


def _takes_zero(plan: PhoneMetadata) -> bool:
    return plan.national_prefix == "0"


def _lacks_zero(plan: PhoneMetadata) -> bool:
    """Whether numbers of this plan may be written without a leading zero."""
    forms = plan.number_format
    return not _takes_zero(plan) or any(form.national_prefix_optional_when_formatting for form in forms)


def _has_brackets(plan: PhoneMetadata) -> bool:
    """Whether numbers of this plan have brackets for a zero: `(11) 2345-6789`."""
    return any("(" in (form.national_prefix_formatting_rule or "") for form in plan.number_format)
