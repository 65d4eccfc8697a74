"""The candidates of personal data by type, as patterns of re2."""

from __future__ import annotations

from typing import Final

# The start of a word, also after the `\n` of JSON within the text.
_START: Final = r"(?:\b|\\[nrt]|_)"
# Between groups of digits, including the no-break space and typographic hyphens.
_SEP: Final = r"[ .\-/\x{A0}\x{2010}-\x{2013}]"
_PAREN_SEP: Final = r"[ .\-/()\x{A0}\x{2010}-\x{2013}]"
_GAP: Final = r"[ \x{A0}\x{2010}-\x{2013}-]?"
# A suffix ends a number: an underscore of Markdown, an extension, `exp` and `cvv` after a card.
_END: Final = r"(?:\b|[_xX]|[eE][xX][tT])"
_CARD_END: Final = r"(?:\b|_|[A-Za-z]{2})"
# Words of telephony that stand before a number, and what may stand between.
_CUE_WORDS: Final = (
    r"\b(?i:t[eé]l|tel[eé]fonos?|telefone?|telefonnummer|telefoonnummer|telefono|telephone|telefax|t[eé]l[eé]phone"
    r"|phones?|mobiles?|mob|mobil|mobilnummer|m[oó]vil|celular|cell|cellulare|portable|handy(?:nummer)?|fax"
    r"|whatsapp|sms|call|dial|ring|hotline)"
    r"|電話(?:番号)?|电话|手机|携帯|전화|[Тт]ел(?:ефон)?|[Мм]об|هاتف|טלפון"  # noqa: RUF001 -- Cyrillic
)
_FILLERS: Final = (
    r"(?:[ _=-]{1,2}(?i:numbers?|no|nr|num|nummer|n[uú]mero|номер|is|was|ist|lautet|est|es|me|us|him|her|them"
    r"|at|on|to|back|under|unter|au|al|please|now|or|the|my|our|work|home|office|mobile|phone|fax|line)){0,3}"
)
_CUE: Final = rf"(?:{_CUE_WORDS}){_FILLERS}[^0-9A-Za-z\x{{00}}\n@<(+]{{0,4}}"
_IBAN_GAP: Final = r"[ \x{A0}-]?"
_HEX: Final = "[0-9A-Fa-f]{1,4}"
# The group before `::`; it excludes `a::b` and `fc::bad` of programming languages.
_FIRST_HEX: Final = "(?:[0-9A-Fa-f]{4}|[0-9A-Fa-f]{0,2}[0-9][0-9A-Fa-f]{0,2})"
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"

# Candidates by entity type, in re2's syntax; `Detector` checks each of them.
# Every alternative is bounded: open ends would make the search quadratic. Of an e-mail address the pattern
# finds the part from `@` on; the part before it is read backwards.
PATTERNS: Final = {
    "EMAIL_ADDRESS": (
        r"@(?:[A-Za-z0-9\x{C0}-\x{52F}-]{1,63}\.){1,8}(?:xn--[A-Za-z0-9-]{2,59}|[A-Za-z]{2,24})",
    ),
    "IBAN_CODE": (
        (
            rf"{_START}[A-Z]{{2}}[0-9]{{2}}(?:{_IBAN_GAP}[A-Z0-9]{{4}}){{2,7}}(?:{_IBAN_GAP}[A-Z0-9]{{1,4}})?"
            r"(?:\b|_|[a-z])"
        ),
        rf"{_START}[a-z]{{2}}[0-9]{{2}}[a-z0-9]{{11,30}}\b",
    ),
    "IP_ADDRESS": (
        rf"{_START}{_HEX}(?::{_HEX}){{7,40}}\b",
        rf"{_START}(?:{_HEX}:){{6}}{_OCTET}(?:\.{_OCTET}){{3}}\b",
        rf"{_START}{_FIRST_HEX}(?::{_HEX}){{0,6}}::[0-9A-Fa-f:.]{{0,40}}",
        r"(?:^|[\s(\[\"'=,;/>])::[0-9A-Fa-f][0-9A-Fa-f:.]{0,40}",
        rf"{_START}{_OCTET}(?:\.[0-9]{{1,9}}){{3,20}}{_END}",
    ),
    "US_SSN": (rf"{_START}[0-8][0-9]{{2}}[ -][0-9]{{2}}[ -][0-9]{{4}}(?:\b|_)",),
    "CREDIT_CARD": (
        (
            rf"{_START}(?:4[0-9]{{3}}|5[0-9]{{3}}|2[2-7][0-9]{{2}}|6[0-9]{{3}}|35[2-8][0-9])"
            rf"(?:(?:{_GAP}[0-9]{{4}}){{3}}|(?:\.[0-9]{{4}}){{3}}){_CARD_END}"
        ),
        (
            rf"{_START}3(?:[47][0-9]{{2}}(?:{_GAP}[0-9]{{6}}{_GAP}[0-9]{{5}}|\.[0-9]{{6}}\.[0-9]{{5}})"
            rf"|[068][0-9]{{2}}(?:{_GAP}[0-9]{{6}}{_GAP}[0-9]{{4}}|\.[0-9]{{6}}\.[0-9]{{4}})){_CARD_END}"
        ),
    ),
    "PHONE_NUMBER": (
        rf"{_CUE}[+(]{{0,2}}[0-9](?:{_PAREN_SEP}{{0,3}}[0-9]){{2}}",  # the rest is matched by `_CUED`
        rf"(?:\+|\(\+|{_START}00)[1-9](?:{_PAREN_SEP}{{0,3}}[0-9]){{6,14}}{_END}",
        rf"(?:\(|{_START})0(?:{_SEP}8|[1-9])(?:{_PAREN_SEP}{{0,3}}[0-9]){{6,12}}{_END}",
        (
            rf"(?:{_START}1{_SEP}?)?(?:\([2-9][0-9]{{2}}\){_SEP}?|{_START}[2-9][0-9]{{2}}{_SEP}?)"
            rf"[2-9][0-9]{{2}}{_SEP}?[0-9]{{4}}{_END}"
        ),
        rf"{_START}[6-9][0-9]{{4}}[ -]?[0-9]{{5}}{_END}",
        rf"(?:\([1-9][0-9]\)|{_START}[1-9][0-9]) ?9?[0-9]{{4}}-[0-9]{{4}}{_END}",
        # Groupings without a leading zero, of countries in `groupings.REGIONS`
        (
            rf"{_START}(?:[1-9][0-9]{_SEP}(?:9?[0-9]{{4}}{_SEP}[0-9]{{4}}|[0-9]{{3}}(?:{_SEP}[0-9]{{2}}){{2}})"
            rf"|[1-9][0-9]{{2}}{_SEP}(?:[0-9]{{3,4}}{_SEP}[0-9]{{4}}|[0-9]{{2,3}}(?:{_SEP}[0-9]{{2}}){{2}})"
            rf"|1{_SEP}?[3-9][0-9]{{2}}{_SEP}[0-9]{{2,4}}{_SEP}[0-9]{{3,4}}"
            rf"|8{_SEP}?\(?[0-9]{{3}}\)?{_SEP}{{1,2}}[0-9]{{3}}{_SEP}[0-9]{{2}}{_SEP}?[0-9]{{2}}){_END}"
        ),
        rf"\([1-9][0-9]{{1,4}}\){_SEP}?[0-9]{{2,4}}(?:{_SEP}[0-9]{{2,4}}){{1,3}}{_END}",
    ),
}
