"""Generates a data set of personal data in many forms and languages, and of look-alikes.

The same seed gives the same set. All values are invented. The forms are those that people write, including
some that Relay is known to miss, so that the set can show misses.
"""

from __future__ import annotations

import ipaddress
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import phonenumbers

SEED = 20_261_123
PER_FORM = 40

_SENTENCES = (
    "Please contact {} as soon as possible.", "My details: {}", "Contact={};", '{{"value": "{}"}}', "({})",
    "Guten Tag, bitte an {}!", "Écrivez à {} avant lundi.", "Escribe a {}, por favor.",
    "请联系 {}。", "連絡先は{}です", "Свяжитесь: {}!", "اتصل على {} اليوم", "- {}", "{}", "<td>{}</td>",
    "a,{},b",
    "note\\n{}\\nend", "Was it {}? I think so.", "x: '{}', y: 2", "call or write: {} (mornings)",
)  # fmt: skip
_GIVEN = ("ada", "bob", "jörg", "zoë", "li", "maría", "o'brien", "jean-luc", "søren", "иван", "a.b.c", "x_y")
_DOMAINS = ("example.com", "mail.example.co.uk", "bücher.example", "example.museum", "xn--bcher-kva.example",
            "sub-domain.example.org", "例え.example", "example.io")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A text, the value in it, its type (empty for a look-alike) and the form of the value."""

    text: str
    value: str
    entity: str
    form: str


def samples(seed: int = SEED) -> list[Sample]:
    """Return the whole set."""
    rng = random.Random(seed)
    made = []
    for entity, forms in (*FORMS.items(), ("", DECOYS)):
        for form, make in forms.items():
            for _ in range(PER_FORM):
                value = make(rng)
                text = rng.choice(_SENTENCES).format(value)
                made.append(Sample(text=text, value=value, entity=entity, form=form))
    return made


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def _email(rng: random.Random, *, ascii_only: bool) -> str:
    given = [name for name in _GIVEN if name.isascii() == ascii_only and "'" not in name]
    domains = [domain for domain in _DOMAINS if not ascii_only or domain.isascii()]
    return f"{rng.choice(given)}{rng.choice(('', '+tag', _digits(rng, 2)))}@{rng.choice(domains)}"


def _luhn(body: str) -> str:
    total = 0
    for position, letter in enumerate(reversed(body)):
        doubled = int(letter) * (2 - position % 2)
        total += doubled // 10 + doubled % 10
    return body + str(-total % 10)


def _card(rng: random.Random, mark: str) -> str:
    prefix, size = rng.choice(
        (("4", 16), ("51", 16), ("2221", 16), ("6011", 16), ("3528", 16), ("34", 15), ("36", 14))
    )
    number = _luhn(prefix + _digits(rng, size - len(prefix) - 1))
    cuts = (4, 10) if size < 16 else (4, 8, 12)
    positions = (0, *cuts, size)
    return mark.join(number[start:end] for start, end in pairwise(positions))


_ACCOUNTS = {
    "DE": "0" * 18, "GB": "AAAA" + "0" * 14, "FR": "0" * 10 + "X" * 11 + "00", "NL": "AAAA" + "0" * 10,
    "NO": "0" * 11, "MT": "AAAA" + "0" * 5 + "X" * 18,
}  # fmt: skip


def _iban(rng: random.Random, group: int) -> str:
    country = rng.choice(sorted(_ACCOUNTS))
    kinds = {"0": "0123456789", "A": "ABCDEFGH", "X": "ABC0123456789"}
    account = "".join(rng.choice(kinds[kind]) for kind in _ACCOUNTS[country])
    number = int("".join(str(int(letter, 36)) for letter in f"{account}{country}00"))
    text = f"{country}{98 - number % 97:02d}{account}"
    return " ".join(text[at : at + group] for at in range(0, len(text), group))


def _ssn(rng: random.Random, mark: str) -> str:
    area = rng.choice([number for number in range(1, 900) if number != 666])
    return f"{area:03d}{mark}{rng.randint(1, 99):02d}{mark}{rng.randint(1, 9999):04d}"


def _ipv6(rng: random.Random) -> ipaddress.IPv6Address:
    head, middle = 0x2001_0DB8 << 96, rng.choice((0, rng.getrandbits(80)))
    return ipaddress.IPv6Address(head | middle << 16 | rng.getrandbits(16) | 1)


def _phone(rng: random.Random, regions: tuple[str, ...], form: int) -> str:
    """Return a random valid number of a region, formatted by the library."""
    while True:
        region = rng.choice(regions)
        example = phonenumbers.example_number_for_type(region, rng.choice((0, 1)))
        if example is None:
            continue
        text = str(example.national_number)
        drawn = phonenumbers.PhoneNumber(
            country_code=example.country_code, national_number=int(text[:-4] + _digits(rng, 4))
        )
        if phonenumbers.is_valid_number(drawn):
            return phonenumbers.format_number(drawn, form)


def _day(rng: random.Random, mark: str) -> str:
    return mark.join((f"{rng.randint(1, 28):02d}", f"{rng.randint(1, 12):02d}", f"20{_digits(rng, 2)}"))


_WORLD = (
    "US",
    "GB",
    "DE",
    "FR",
    "IL",
    "IN",
    "BR",
    "ES",
    "IT",
    "PL",
    "JP",
    "CN",
    "NG",
    "AU",
    "MX",
    "SE",
    "ZA",
)
_DEFAULT = ("US", "GB", "DE", "FR", "IL", "IN", "BR")
_OTHERS = ("ES", "IT", "PL", "JP", "CN", "SE")
_FORMAT = phonenumbers.PhoneNumberFormat

FORMS: dict[str, dict[str, Callable[[random.Random], str]]] = {
    "EMAIL_ADDRESS": {
        "ASCII": lambda rng: _email(rng, ascii_only=True),
        "letters beyond ASCII": lambda rng: _email(rng, ascii_only=False),
        "with an apostrophe": lambda rng: f"o'brien{_digits(rng, 2)}@example.com",
        "obfuscated (at, dot)": lambda rng: (
            _email(rng, ascii_only=True).replace("@", " at ").replace(".", " dot ")
        ),
    },
    "PHONE_NUMBER": {
        "E.164": lambda rng: _phone(rng, _WORLD, _FORMAT.E164),
        "international": lambda rng: _phone(rng, _WORLD, _FORMAT.INTERNATIONAL),
        "national, default regions": lambda rng: _phone(rng, _DEFAULT, _FORMAT.NATIONAL),
        "national, without marks": lambda rng: "".join(
            filter(str.isdigit, _phone(rng, _DEFAULT, _FORMAT.NATIONAL))
        ),
        "national, other regions": lambda rng: _phone(rng, _OTHERS, _FORMAT.NATIONAL),
    },
    "CREDIT_CARD": {
        "without marks": lambda rng: _card(rng, ""),
        "spaces": lambda rng: _card(rng, " "),
        "hyphens": lambda rng: _card(rng, "-"),
        "dots": lambda rng: _card(rng, "."),
    },
    "US_SSN": {
        "hyphens": lambda rng: _ssn(rng, "-"),
        "spaces": lambda rng: _ssn(rng, " "),
        "without marks": lambda rng: _ssn(rng, ""),
    },
    "IP_ADDRESS": {
        "v4": lambda rng: str(ipaddress.IPv4Address(rng.getrandbits(32))),
        "v6": lambda rng: str(_ipv6(rng)),
        "v6, in full": lambda rng: _ipv6(rng).exploded,
    },
    "IBAN_CODE": {
        "without spaces": lambda rng: _iban(rng, 34),
        "groups of four": lambda rng: _iban(rng, 4),
        "small letters": lambda rng: _iban(rng, 34).lower(),
    },
}

DECOYS: dict[str, Callable[[random.Random], str]] = {
    "time of day": lambda rng: f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}",
    "time stamp": lambda rng: f"2026-{rng.randint(10, 12)}-{rng.randint(10, 28)}T10:30:00.{_digits(rng, 6)}Z",
    "day": lambda rng: _day(rng, rng.choice("./-")),
    "UUID": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "SHA-1": lambda rng: f"{rng.getrandbits(160):040x}",
    "version": lambda rng: f"v{rng.randint(0, 20)}.{rng.randint(0, 20)}.{rng.randint(0, 200)}",
    "version of four numbers": lambda rng: ".".join(str(rng.randint(0, 99)) for _ in range(4)),
    "object identifier": lambda rng: "1.3.6.1.4.1." + ".".join(str(rng.randint(0, 400)) for _ in range(4)),
    "decimal": lambda rng: f"{rng.random() * 100:.10f}",
    "price": lambda rng: f"{rng.randint(1, 999)},{_digits(rng, 3)},{_digits(rng, 3)}.{_digits(rng, 2)}",
    "seconds since 1970": lambda rng: str(rng.randint(1_500_000_000, 1_999_999_999)),
    "id of 8 digits": lambda rng: _digits(rng, 8),
    "id of 10 digits": lambda rng: _digits(rng, 10),
    "id of 16 digits": lambda rng: _digits(rng, 16),
    "id of 18 digits": lambda rng: _digits(rng, 18),
    "name in code": lambda rng: rng.choice(("std::vector", "a::b::c", "Face::bad", "@media", "@user", "x@y")),
    "MAC address": lambda rng: ":".join(f"{rng.getrandbits(8):02x}" for _ in range(6)),
    "ISBN": lambda rng: f"978-{rng.randint(0, 9)}-{_digits(rng, 3)}-{_digits(rng, 5)}-{rng.randint(0, 9)}",
}  # fmt: skip
