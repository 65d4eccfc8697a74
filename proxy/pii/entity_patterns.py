"""What personal data looks like, type by type, in re2's syntax: candidates, which `pii_detect` checks."""

from __future__ import annotations

from typing import Final

# A word begins here, be it behind the `\n` of a JSON text inside a text.
_START: Final = r"(?:\b|\\[nrt])"
# Between the groups of a number: also the space and the hyphens that typesetters use.
_SEP: Final = r"[ .\-/\x{A0}\x{2010}-\x{2013}]"
_PAREN_SEP: Final = r"[ .\-/()\x{A0}\x{2010}-\x{2013}]"
_GAP: Final = r"[ \x{A0}-]?"
_HEX: Final = "[0-9A-Fa-f]{1,4}"
# Before a `::`, what is no `a::b` or `fc::bad` of a programming language.
_FIRST_HEX: Final = "(?:[0-9A-Fa-f]{4}|[0-9A-Fa-f]{0,2}[0-9][0-9A-Fa-f]{0,2})"
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"

# Every alternative ends soon: else finding all matches would be quadratic, for each search would look at the
# same text again. Of an address the pattern finds what begins with `@`; the part before it is read backwards.
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
