"""Generates telephone numbers of every region of libphonenumber in the forms that people write.

A number is one of the library's examples with other last digits; only valid numbers are used.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

DEFAULT_REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "BR")
COUNTRIES = (
    "AE", "AR", "AT", "AU", "BE", "BG", "BY", "CA", "CH", "CL", "CN", "CO", "CR", "CZ", "DK", "EE", "EG",
    "ES", "FI", "GR", "HK", "HR", "HU", "ID", "IE", "IS", "IT", "JP", "KE", "KR", "KZ", "LT", "LU", "LV",
    "MA", "MX", "MY", "NG", "NL", "NO", "NZ", "PE", "PH", "PK", "PL", "PT", "RO", "RS", "RU", "SA", "SE",
    "SG", "SI", "SK", "TH", "TR", "TW", "UA", "VN", "ZA",
)  # fmt: skip
_TYPES = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)
_MIN_DIGITS = 7
_TRIES = 200
_EXTENSIONS = ("x123", "x4567", "ext5", "ext. 42", " x123", " ext 17", " Ext. 8", "#12", " #4", ";ext=5",
               " extension 33", ",,12", " (ext. 9)")  # fmt: skip


def numbers(region: str) -> Iterator[PhoneNumber]:
    """Yield the library's examples of a region: fixed line and mobile."""
    for kind in _TYPES:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None and len(str(number.national_number)) >= _MIN_DIGITS:
            yield number


def varied(number: PhoneNumber, rng: random.Random) -> PhoneNumber:
    """Return a valid number with other last digits; the same one when no other is found."""
    text = str(number.national_number)
    for _ in range(_TRIES):
        last = "".join(rng.choices("0123456789", k=3))
        other = PhoneNumber(
            country_code=number.country_code,
            national_number=int(text[:-3] + last),
            italian_leading_zero=number.italian_leading_zero,
        )
        if phonenumbers.is_valid_number(other):
            return other
    return number


def _national(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)


def _international(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def _groups(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def _joined(number: PhoneNumber, mark: str) -> str:
    return mark.join(_groups(_national(number)))


def _bracketed(number: PhoneNumber) -> str:
    first, *rest = _groups(_national(number))
    return f"({first}) {'-'.join(rest)}" if rest else first


def _abroad(number: PhoneNumber, mark: str) -> str:
    return "+" + mark.join(_groups(_international(number)))


def _with_zero(number: PhoneNumber) -> str:
    groups, national = _groups(_international(number)), _groups(_national(number))
    zero = "(0)" if national[0].startswith("0") and not groups[1].startswith("0") else ""
    return f"+{groups[0]} {zero}{' '.join(groups[1:])}"


# International forms are found for every region, national ones by the plans of some.
_FORMS: dict[str, Callable[[PhoneNumber], str]] = {
    "E.164": lambda number: phonenumbers.format_number(number, PhoneNumberFormat.E164),
    "international": _international,
    "international, dots": lambda number: _abroad(number, "."),
    "international, hyphens": lambda number: _abroad(number, "-"),
    "international, (0)": _with_zero,
    "international, 00": lambda number: "00" + " ".join(_groups(_international(number))),
    "national": _national,
    "national, spaces": lambda number: _joined(number, " "),
    "national, no-break spaces": lambda number: _joined(number, "\u00a0"),
    "national, dots": lambda number: _joined(number, "."),
    "national, hyphens": lambda number: _joined(number, "-"),
    "national, slashes": lambda number: _joined(number, "/"),
    "national, brackets": _bracketed,
    "national, without marks": lambda number: _joined(number, ""),
}
_EXTENDED = ("E.164", "international", "national", "national, hyphens", "national, dots")


def forms(regions: Sequence[str], rng: random.Random, *, each: int) -> Iterator[tuple[str, str, str]]:
    """Yield form, number and the text that follows it, `each` times per form and example of a region."""
    for region in regions:
        for number in numbers(region):
            for form, make in _FORMS.items():
                for _ in range(each):
                    yield form, make(varied(number, rng)), ""
            for _ in range(each):
                make = _FORMS[rng.choice(_EXTENDED)]
                yield "with an extension", make(varied(number, rng)), rng.choice(_EXTENSIONS)
