"""Generates texts without personal data that look like it: dates, prices, versions, ids and the like."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

_MONTHS = (
    "January",
    "Feb",
    "March",
    "Apr",
    "May",
    "Juni",
    "juillet",
    "agosto",
    "Sept.",
    "Oct",
    "Nov",
    "December",
)
# A decoy is in one of these; those with a word of telephony must not turn it into a number.
SENTENCES = (
    "{}", "Value: {}", "It was {} then.", "({})", '{{"value": "{}"}}', "a,{},b", "- {}", "<td>{}</td>",
    "Am {} war es so weit.", "Le {} au matin.", "数值{}。", "See {} and the next one.", "note\\n{}\\nend",
    "Please call back, see {}", "The phone update came: {}", "from {} to {}",
)  # fmt: skip


def digits(rng: random.Random, count: int) -> str:
    """Return random digits."""
    return "".join(rng.choices("0123456789", k=count))


def _ymd(rng: random.Random) -> tuple[str, str, str]:
    return f"{rng.randint(1990, 2039)}", f"{rng.randint(1, 12):02d}", f"{rng.randint(1, 28):02d}"


def _date(rng: random.Random, order: str, mark: str) -> str:
    year, month, day = _ymd(rng)
    parts = {"Y": year, "y": year[2:], "m": month, "d": day, "M": month.lstrip("0"), "D": day.lstrip("0")}
    return mark.join(parts[letter] for letter in order)


def _time(rng: random.Random, mark: str = ":") -> str:
    return mark.join((f"{rng.randint(0, 23):02d}", f"{rng.randint(0, 59):02d}", f"{rng.randint(0, 59):02d}"))


def _thousands(rng: random.Random, mark: str, groups: int) -> str:
    return mark.join((str(rng.randint(1, 999)), *(digits(rng, 3) for _ in range(groups))))


def _dotted(rng: random.Random, count: int, top: int) -> str:
    return ".".join(str(rng.randint(0, top)) for _ in range(count))


def _isbn13(rng: random.Random, mark: str) -> str:
    body = "978" + digits(rng, 9)
    check = -sum(int(digit) * (1, 3)[at % 2] for at, digit in enumerate(body)) % 10
    return mark.join((body[:3], body[3], body[4:7], body[7:], str(check)))


def _check11(body: str) -> str:
    """Return the check digit of an ISBN of 10 digits or an ISSN."""
    weights = range(len(body) + 1, 1, -1)
    rest = -sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def _isbn10(rng: random.Random) -> str:
    body = digits(rng, 9)
    return "-".join((body[0], body[1:4], body[4:], _check11(body)))


def _issn(rng: random.Random) -> str:
    body = digits(rng, 7)
    return f"{body[:4]}-{body[4:]}{_check11(body)}"


def _years(rng: random.Random, mark: str) -> str:
    first = rng.randint(1900, 2020)
    return f"{first}{mark}{first + rng.randint(1, 30)}"


def _small(rng: random.Random, low: int, high: int, count: int, mark: str) -> str:
    return mark.join(str(rng.randint(low, high)) for _ in range(count))


DATES: dict[str, Callable[[random.Random], str]] = {
    "day, ISO 8601": lambda rng: _date(rng, "Ymd", "-"),
    "day, without marks": lambda rng: _date(rng, "Ymd", ""),
    "day": lambda rng: _date(rng, "dmY", rng.choice("./-")),
    "day, American": lambda rng: _date(rng, "mdY", rng.choice("/-")),
    "day, two-digit year": lambda rng: _date(rng, rng.choice(("dmy", "mdy")), rng.choice("./-")),
    "day, without zeros": lambda rng: _date(rng, "DMY", rng.choice("./-")),
    "day, spaces": lambda rng: _date(rng, rng.choice(("dmY", "Ymd")), " "),
    "day, year first": lambda rng: _date(rng, "Ymd", rng.choice("./")),
    "day, written out": lambda rng: f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {rng.randint(1990, 2039)}",
    "two days": lambda rng: " ".join(_date(rng, "dmY", ".") for _ in range(2)),
    "range of days": lambda rng: (
        _date(rng, "dmY", ".") + rng.choice(("-", "\u2013")) + _date(rng, "dmY", ".")
    ),
    "day and time": lambda rng: f"{_date(rng, 'Ymd', '-')} {_time(rng)}",
    "day and time, dots": lambda rng: f"{_date(rng, 'dmY', '.')} {_time(rng, '.')}",
    "day and time, without marks": lambda rng: f"{_date(rng, 'Ymd', '')}{rng.choice('-_T')}{_time(rng, '')}",
    "day and time, packed": lambda rng: _date(rng, "Ymd", "") + _time(rng, ""),
    "time of day": _time,
    "time stamp": lambda rng: f"{_date(rng, 'Ymd', '-')}T{_time(rng)}.{digits(rng, 6)}Z",
    "log line": lambda rng: (
        f"{_date(rng, 'Ymd', '-')} {_time(rng)},{digits(rng, 3)} [{rng.randint(1, 99)}] INFO"
    ),
    "seconds since 1970": lambda rng: str(rng.randint(1_500_000_000, 1_999_999_999)),
    "milliseconds since 1970": lambda rng: str(rng.randint(1_500_000_000_000, 1_999_999_999_999)),
}

AMOUNTS: dict[str, Callable[[random.Random], str]] = {
    "decimal": lambda rng: f"{rng.random() * 100:.10f}",
    "price": lambda rng: f"{rng.randint(1, 999)},{digits(rng, 3)},{digits(rng, 3)}.{digits(rng, 2)}",
    "price, dots": lambda rng: f"{_thousands(rng, '.', 2)},{digits(rng, 2)} EUR",
    "amount, spaces": lambda rng: _thousands(rng, rng.choice((" ", "\u00a0")), rng.choice((2, 3))),
    "amount, dots": lambda rng: _thousands(rng, ".", rng.choice((2, 3))),
    "coordinates": lambda rng: f"{rng.uniform(-90, 90):.6f}, {rng.uniform(-180, 180):.6f}",
    "coordinates, degrees": lambda rng: (
        f"{rng.randint(0, 89)}°{rng.randint(0, 59)}'{rng.uniform(0, 59):.2f}\"N"
    ),
    "range of years": lambda rng: _years(rng, rng.choice(("-", "\u2013", "/", " - "))),
    "range": lambda rng: f"{rng.randint(100, 9999)}-{rng.randint(100, 9999)}",
    "score": lambda rng: (
        f"{rng.randint(0, 130)}-{rng.randint(0, 130)}, {rng.randint(0, 7)}:{rng.randint(0, 7)}"
    ),
    "set scores": lambda rng: " ".join(f"{rng.randint(0, 7)}-{rng.randint(0, 7)}" for _ in range(4)),
    "list of numbers below 100": lambda rng: _small(rng, 10, 99, rng.randint(4, 8), " "),
    "list of numbers below 1000": lambda rng: _small(rng, 100, 999, rng.randint(3, 6), " "),
    "list of numbers below 10000": lambda rng: _small(rng, 1000, 9999, rng.randint(2, 5), " "),
    "table row": lambda rng: "\t".join(str(rng.randint(1, 99_999)) for _ in range(5)),
    "dimensions": lambda rng: f"{_small(rng, 100, 4000, 2, 'x')} px",
}

IDS: dict[str, Callable[[random.Random], str]] = {
    "UUID": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "MD5": lambda rng: f"{rng.getrandbits(128):032x}",
    "SHA-1": lambda rng: f"{rng.getrandbits(160):040x}",
    "SHA-256": lambda rng: f"{rng.getrandbits(256):064X}",
    "short hash": lambda rng: f"{rng.getrandbits(28):07x}..{rng.getrandbits(28):07x}",
    "version": lambda rng: f"v{_dotted(rng, 3, 200)}",
    "version, build": lambda rng: (
        f"{rng.randint(90, 140)}.0.{rng.randint(1000, 9999)}.{rng.randint(256, 999)}"
    ),
    "version, date": lambda rng: f"{_date(rng, 'yM', '.')}.{rng.randint(0, 9)}",
    "object identifier": lambda rng: "1.3.6.1.4.1." + _dotted(rng, 4, 400),
    "section": lambda rng: _dotted(rng, 5, 9),
    "order number": lambda rng: f"ORD-{rng.randint(2015, 2030)}-{digits(rng, 6)}",
    "order number, groups 3-7-7": lambda rng: f"{digits(rng, 3)}-{digits(rng, 7)}-{digits(rng, 7)}",
    "order number, groups 4-4-4": lambda rng: f"{digits(rng, 4)}-{digits(rng, 4)}-{digits(rng, 4)}",
    "order number, groups 2-5": lambda rng: f"{digits(rng, 2)}-{digits(rng, 5)}",
    "invoice": lambda rng: f"INV{rng.randint(2015, 2030)}/{digits(rng, 5)}",
    "number after a hash": lambda rng: f"#{digits(rng, rng.randint(3, 9))}",
    "file name": lambda rng: f"IMG_{_date(rng, 'Ymd', '')}_{digits(rng, 6)}.jpg",
    "path": lambda rng: f"/{_date(rng, 'Ymd', '/')}/{digits(rng, 5)}/",
    "id of 7 digits": lambda rng: digits(rng, 7),
    "id of 8 digits": lambda rng: digits(rng, 8),
    "id of 9 digits": lambda rng: str(rng.randint(1, 9)) + digits(rng, 8),
    "id of 12 digits": lambda rng: str(rng.randint(1, 9)) + digits(rng, 11),
    "id of 18 digits": lambda rng: digits(rng, 18),
    "product code": lambda rng: f"{digits(rng, 3)}.{digits(rng, 3)}.{digits(rng, 2)}",
    "MAC address": lambda rng: ":".join(f"{rng.getrandbits(8):02x}" for _ in range(6)),
    "ISBN": lambda rng: f"{_isbn13(rng, '-')}",
    "ISBN, spaces": lambda rng: _isbn13(rng, " "),
    "ISBN, without marks": lambda rng: _isbn13(rng, ""),
    "ISBN of 10 digits": _isbn10,
    "ISSN": _issn,
    "name in code": lambda rng: rng.choice(("std::vector", "a::b::c", "Face::bad", "@media", "@user", "x@y")),
}

# Their form is that of an IP address, a card or a telephone number: only the context distinguishes them.
AMBIGUOUS: dict[str, Callable[[random.Random], str]] = {
    "version of four numbers": lambda rng: _dotted(rng, 4, 99),
    "id of 10 digits": lambda rng: digits(rng, 10),
    "id of 16 digits": lambda rng: digits(rng, 16),
}
