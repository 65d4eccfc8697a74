"""How national telephone numbers of many countries are grouped, from libphonenumber's formats."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Final, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberFormat, PhoneMetadata

# National numbers of these are found when they are grouped as in the country.
REGIONS: Final = (
    "AE", "AR", "AT", "AU", "BE", "BG", "BR", "BY", "CA", "CH", "CL", "CN", "CO", "CR", "CZ", "DE", "DK",
    "EE", "EG", "ES", "FI", "FR", "GB", "GR", "HK", "HR", "HU", "ID", "IE", "IL", "IN", "IS", "IT", "JP",
    "KE", "KR", "KZ", "LT", "LU", "LV", "MA", "MX", "MY", "NG", "NL", "NO", "NZ", "PE", "PH", "PK", "PL",
    "PT", "RO", "RS", "RU", "SA", "SE", "SG", "SI", "SK", "TH", "TR", "TW", "UA", "US", "VN", "ZA",
)  # fmt: skip
_TYPES: Final = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager",
    "uan", "voicemail",
)  # fmt: skip
_MAX_COUNTRY_CODE: Final = 3
_MIN_DIGITS: Final = 7
_MAX_GROUPS: Final = 5
_GROUP: Final = re.compile(r"\(([^()]*)\)")
_REFERENCE: Final = re.compile(r"\\(\d)")
_WIDTH: Final = re.compile(r"(?:\[[^\]]*\]|\\d|\d)(?:\{(\d+)(?:,(\d+))?\})?")

Shape = tuple[int, ...]


class _Plan(NamedTuple):
    """A national prefix, the first digits of a format, and the valid numbers of a region."""

    prefix: str
    leading: re.Pattern[str] | None
    number: re.Pattern[str]

    def fits(self, digits: str) -> bool:
        if not digits.startswith(self.prefix):
            return False
        start = len(self.prefix)
        if self.leading is not None and not self.leading.match(digits, start):
            return False
        return self.number.fullmatch(digits, start) is not None


@cache
def plans() -> dict[Shape, tuple[_Plan, ...]]:
    """Return the plans by the lengths of the groups that a number is written in."""
    found: defaultdict[Shape, dict[_Plan, None]] = defaultdict(dict)
    for name in REGIONS:
        metadata = PhoneMetadata.metadata_for_region(name)
        if metadata is None or metadata.general_desc is None:
            continue
        number = _numbers(metadata)
        lengths = set(metadata.general_desc.possible_length)
        for form in metadata.number_format:
            leading = re.compile(form.leading_digits_pattern[-1]) if form.leading_digits_pattern else None
            for shape, prefix in _shapes(form, metadata.national_prefix or "", lengths):
                found[shape][_Plan(sys.intern(prefix), leading, number)] = None
    return {shape: tuple(several) for shape, several in found.items()}


class Region(NamedTuple):
    """The numbers of a region, and the national prefix before them."""

    prefix: re.Pattern[str] | None
    transform: str | None
    number: re.Pattern[str]

    def fits(self, digits: str) -> bool:
        """Return whether digits are a valid number, with or without the national prefix."""
        if self.number.fullmatch(digits):
            return True
        match = self.prefix.match(digits) if self.prefix else None
        if match is None or not match.end():
            return False
        if self.transform is None or match.lastindex is None or match[match.lastindex] is None:
            return self.number.fullmatch(digits, match.end()) is not None
        return self.number.fullmatch(match.expand(self.transform) + digits[match.end() :]) is not None


@cache
def region(name: str) -> Region | None:
    """Return the numbers of a region; None for one that libphonenumber does not know."""
    metadata = PhoneMetadata.metadata_for_region(name)
    return _region(metadata) if metadata else None


@cache
def _regions(country_code: int) -> tuple[Region, ...]:
    """Return the regions of a country code, the main one first."""
    names = COUNTRY_CODE_TO_REGION_CODE.get(country_code, ())
    if names == ("001",):
        metadata = PhoneMetadata.metadata_for_nongeo_region(country_code)
        return (_region(metadata),) if metadata else ()
    return tuple(found for found in map(region, names) if found)


def _region(metadata: PhoneMetadata) -> Region:
    prefix = metadata.national_prefix_for_parsing
    return Region(
        prefix=_compiled(prefix) if prefix else None,
        transform=metadata.national_prefix_transform_rule,
        number=_numbers(metadata),
    )


def is_international(digits: str) -> bool:
    """Return whether digits are a country code and a valid number."""
    for size in range(1, _MAX_COUNTRY_CODE + 1):
        if regions := _regions(int(digits[:size])):
            return any(found.fits(digits[size:]) for found in regions)
    return False


def is_grouped(groups: Sequence[str]) -> bool:
    """Return whether a country groups one of its valid numbers in this way."""
    digits = "".join(groups)
    return any(plan.fits(digits) for plan in plans().get(tuple(map(len, groups)), ()))


def is_national(digits: str) -> bool:
    """Return whether digits are a valid number of some country, with or without its prefix."""
    return any(found.fits(digits) for found in map(region, REGIONS) if found)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _numbers(metadata: PhoneMetadata) -> re.Pattern[str]:
    kinds = (getattr(metadata, kind) for kind in _TYPES)
    patterns = dict.fromkeys(
        kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern
    )
    return _compiled("|".join(patterns))


def _shapes(form: NumberFormat, prefix: str, lengths: set[int]) -> Iterator[tuple[Shape, str]]:
    """Yield the lengths of the written groups and the prefix among their digits."""
    widths = [_widths(group) for group in _GROUP.findall(form.pattern or "")]
    rule = form.national_prefix_formatting_rule
    plain = form.format or ""
    templates = [plain]
    if rule:
        written = plain.replace(r"\1", rule, 1)
        templates = [written, plain] if form.national_prefix_optional_when_formatting else [written]
    for template in templates:
        tokens = [token for token in re.split(r"[^\\\d]+", template) if token]
        literal = "".join(_REFERENCE.sub("", token) for token in tokens)
        order = [int(number) for number in _REFERENCE.findall(template)]
        # Formats that change the digits, as of Argentina's mobile numbers, are left out.
        if (
            literal not in {"", prefix}
            or order != list(range(1, len(widths) + 1))
            or len(tokens) > _MAX_GROUPS
        ):
            continue
        for sizes in product(*widths):
            if sum(sizes) in lengths and sum(sizes) >= _MIN_DIGITS:
                yield tuple(_length(token, sizes) for token in tokens), literal


def _length(token: str, sizes: tuple[int, ...]) -> int:
    literal = len(_REFERENCE.sub("", token))
    return literal + sum(sizes[int(number) - 1] for number in _REFERENCE.findall(token))


def _widths(group: str) -> range:
    low = high = 0
    for match in _WIDTH.finditer(group):
        least = int(match[1] or 1)
        low, high = low + least, high + int(match[2] or least)
    return range(low, high + 1)
