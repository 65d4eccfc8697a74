"""Generates a data set of personal data in many forms and languages, and of look-alikes.

The same seed gives the same set. All values are invented. The forms are those that people write, including
some that Relay is known to miss, so that the set can show misses.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import phonenumbers

from bench.pii_decoys import AMBIGUOUS, AMOUNTS, DATES, IDS, SENTENCES, digits
from bench.pii_phones import COUNTRIES, DEFAULT_REGIONS, forms

SEED = 20_261_123
PER_FORM = 40
DEFAULT, KNOWN, OTHER = "default regions", "60 other countries", "other regions"

_SENTENCES = (
    "Please contact {} as soon as possible.", "My details: {}", "Contact={};", '{{"value": "{}"}}', "({})",
    "Guten Tag, bitte an {}!", "Écrivez à {} avant lundi.", "Escribe a {}, por favor.",
    "请联系 {}。", "連絡先は{}です", "Свяжитесь: {}!", "اتصل على {} اليوم", "- {}", "{}", "<td>{}</td>",
    "a,{},b",
    "note\\n{}\\nend", "Was it {}? I think so.", "x: '{}', y: 2", "call or write: {} (mornings)",
)  # fmt: skip
_PHONE_SENTENCES = (
    "Tel. {}", "my mobile is {}", "Call me at {} please", "Fax: {}", "Handy {}", "phone={}", "Tél : {}",
    "WhatsApp {} only", "Teléfono: {}.", "電話:{}", "Phone number {}, extension unknown",
)  # fmt: skip
_GIVEN = ("ada", "bob", "jörg", "zoë", "li", "maría", "o'brien", "jean-luc", "søren", "иван", "a.b.c", "x_y")
_DOMAINS = ("example.com", "mail.example.co.uk", "bücher.example", "example.museum", "xn--bcher-kva.example",
            "sub-domain.example.org", "例え.example", "example.io")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A text, the value in it, its type (empty for a look-alike), its form and its group of regions."""

    text: str
    value: str
    entity: str
    form: str
    group: str = ""


def samples(seed: int = SEED) -> list[Sample]:
    """Return the whole set."""
    rng = random.Random(seed)
    return [*_values(rng), *phone_samples(rng), *decoys(rng)]


def _values(rng: random.Random) -> Iterator[Sample]:
    for entity, each in FORMS.items():
        for form, make in each.items():
            for _ in range(PER_FORM):
                value = make(rng)
                text = rng.choice(_SENTENCES).format(value)
                yield Sample(text=text, value=value, entity=entity, form=form)


def phone_samples(rng: random.Random) -> Iterator[Sample]:
    """Yield telephone numbers of all regions in all forms."""
    rest = sorted(phonenumbers.SUPPORTED_REGIONS - {*DEFAULT_REGIONS, *COUNTRIES})
    for group, regions, each in (
        (DEFAULT, DEFAULT_REGIONS, 8), (KNOWN, COUNTRIES, 2), (OTHER, rest, 1),
    ):  # fmt: skip
        for form, value, extension in forms(regions, rng, each=each):
            sentence = rng.choice(_PHONE_SENTENCES if rng.random() < 0.25 else _SENTENCES)
            text = sentence.format(value + extension)
            yield Sample(text=text, value=value, entity="PHONE_NUMBER", form=form, group=group)


def decoys(rng: random.Random) -> Iterator[Sample]:
    """Yield texts without personal data."""
    for group, makers in (("", DATES | AMOUNTS | IDS), ("ambiguous", AMBIGUOUS)):
        for form, make in makers.items():
            for _ in range(PER_FORM):
                values = make(rng), make(rng)
                sentence = rng.choice(SENTENCES)
                yield Sample(
                    text=sentence.format(*values), value=values[0], entity="", form=form, group=group
                )


def _email(rng: random.Random, *, ascii_only: bool) -> str:
    given = [name for name in _GIVEN if name.isascii() == ascii_only and "'" not in name]
    domains = [domain for domain in _DOMAINS if not ascii_only or domain.isascii()]
    return f"{rng.choice(given)}{rng.choice(('', '+tag', digits(rng, 2)))}@{rng.choice(domains)}"


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
    number = _luhn(prefix + digits(rng, size - len(prefix) - 1))
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


FORMS: dict[str, dict[str, Callable[[random.Random], str]]] = {
    "EMAIL_ADDRESS": {
        "ASCII": lambda rng: _email(rng, ascii_only=True),
        "letters beyond ASCII": lambda rng: _email(rng, ascii_only=False),
        "with an apostrophe": lambda rng: f"o'brien{digits(rng, 2)}@example.com",
        "obfuscated (at, dot)": lambda rng: (
            _email(rng, ascii_only=True).replace("@", " at ").replace(".", " dot ")
        ),
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
