"""Validates candidates by check sums, ranges and standard libraries; pure."""

from __future__ import annotations

import ipaddress
import re
import string
from typing import Final

_NOT_ALNUM: Final = bytes(byte for byte in range(256) if not chr(byte).isascii() or not chr(byte).isalnum())
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_VALUES: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_CARD_LENGTHS: Final = range(14, 20)

# Length of an IBAN by country (SWIFT's registry).
_LENGTHS: Final = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27
    DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28
    IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22
    MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24
    SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
IBAN_LENGTHS: Final = {word[:2]: int(word[2:]) for word in _LENGTHS.split()}
_LETTER_VALUES: Final = {ord(letter): str(int(letter, 36)) for letter in string.ascii_uppercase}
_SSN: Final = re.compile(rb"([0-8]\d\d)(?P<mark>[ -])(\d\d)(?P=mark)(\d{4})")
_DIGIT: Final = re.compile(rb"[0-9]")
_IPV4_DOTS: Final = 3
_IPV6_COLONS: Final = 8


def digits_of(text: bytes) -> bytes:
    """Return the ASCII letters and digits of a text."""
    return text.translate(None, _NOT_ALNUM)


def is_card(text: bytes) -> bool:
    """Return whether the digits have the length of a card number and a valid Luhn check sum."""
    digits = digits_of(text)
    if len(digits) not in _CARD_LENGTHS or digits.count(digits[:1]) == len(digits):
        return False
    plain, doubled = digits[-1::-2], digits[-2::-2]
    return (sum(plain.translate(_VALUES)) + sum(doubled.translate(_DOUBLED))) % 10 == 0


def is_ssn(text: bytes) -> bool:
    """Return whether a text is `ddd-dd-dddd` in the ranges of the Social Security Administration."""
    shape = _SSN.fullmatch(text)
    return (
        shape is not None and shape[1] not in {b"000", b"666"} and shape[3] != b"00" and shape[4] != b"0000"
    )


def is_ip(text: bytes) -> bool:
    """Return whether a text is an IP address with a digit; `a::b` is a name in some programming languages."""
    colons = text.count(b":")
    if colons > _IPV6_COLONS or (not colons and text.count(b".") != _IPV4_DOTS):
        return False
    if colons and not _DIGIT.search(text):
        return False
    try:
        ipaddress.ip_address(text.decode("ascii"))
    except ValueError:
        return False
    return True


def iban_length(text: bytes) -> int:
    """Return the length in bytes of the IBAN at the start of a text (ISO 13616, mod 97); 0 for none.

    A candidate may include letters that follow the IBAN: `DE89 … 3000 BIC COBADEFF`.
    """
    text = text.upper()
    wanted = IBAN_LENGTHS.get(text[:2].decode("ascii"), 0)
    end = seen = 0
    while seen < wanted and end < len(text):
        seen += text[end : end + 1].isalnum()
        end += 1
    after = text[end : end + 1]
    if not wanted or seen < wanted or after.isdigit() or (after.isalpha() and text[end - 1 : end].isalpha()):
        return 0
    compact = digits_of(text[:end]).decode("ascii")
    number = (compact[4:] + compact[:4]).translate(_LETTER_VALUES)
    return end if int(number) % 97 == 1 else 0
