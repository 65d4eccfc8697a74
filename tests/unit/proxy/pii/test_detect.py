"""What is taken for personal data, type by type, and what is left alone."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.pii.checks import IBAN_LENGTHS, iban_length, is_card, is_ip, is_ssn
from proxy.pii.detect import Detector
from proxy.pii.phones import CALLS, Effort, PhoneBook, TooMany
from tests.support.personal_data import ENTITIES, REGIONS, found

FOUND = [
    # plain, with a tag, a sub-domain, in brackets
    ("write to ada@example.com.", [("EMAIL_ADDRESS", "ada@example.com")]),
    ("<ada.l+tag@mail.example.co.uk>", [("EMAIL_ADDRESS", "ada.l+tag@mail.example.co.uk")]),
    # letters beyond ASCII, and a script that has no spaces around it
    ("jörg@bücher.de", [("EMAIL_ADDRESS", "jörg@bücher.de")]),
    ("联系ada@example.com谢谢", [("EMAIL_ADDRESS", "ada@example.com")]),
    # a list's hyphen and the line end of a JSON text inside the text are no part of it
    ("-ada@example.com", [("EMAIL_ADDRESS", "ada@example.com")]),
    (r'{"a": "x\nada@example.com"}', [("EMAIL_ADDRESS", "ada@example.com")]),
    # international, with brackets, dots, hyphens, a call's 00
    ("+1 (415) 555-2671", [("PHONE_NUMBER", "+1 (415) 555-2671")]),
    ("tel:+4930123456789", [("PHONE_NUMBER", "+4930123456789")]),
    ("0049 30 12345678", [("PHONE_NUMBER", "0049 30 12345678")]),
    ("+44 (0)20 7946 0958", [("PHONE_NUMBER", "+44 (0)20 7946 0958")]),
    # as at home, in the regions of the default
    ("call 415.555.2671 now", [("PHONE_NUMBER", "415.555.2671")]),
    ("(415) 555-2671", [("PHONE_NUMBER", "(415) 555-2671")]),
    ("0171/1234567", [("PHONE_NUMBER", "0171/1234567")]),
    ("01 23 45 67 89", [("PHONE_NUMBER", "01 23 45 67 89")]),
    ("(01 23 45 67 89)", [("PHONE_NUMBER", "01 23 45 67 89")]),
    ("98765 43210", [("PHONE_NUMBER", "98765 43210")]),
    ("(11) 98765-4321", [("PHONE_NUMBER", "(11) 98765-4321")]),
    # what follows the number is not the number's
    ("+1 415 555 2671 20 people", [("PHONE_NUMBER", "+1 415 555 2671")]),
    ("03.04.2024 030 123456 2024-01-15", [("PHONE_NUMBER", "030 123456")]),
    # the brands' lengths and groups
    ("4111 1111 1111 1111", [("CREDIT_CARD", "4111 1111 1111 1111")]),
    ("5500-0000-0000-0004", [("CREDIT_CARD", "5500-0000-0000-0004")]),
    ("378282246310005", [("CREDIT_CARD", "378282246310005")]),
    ("SSN 123-45-6789.", [("US_SSN", "123-45-6789")]),
    # addresses of both kinds, a port and a range beside them
    ("at 192.0.2.7:8080", [("IP_ADDRESS", "192.0.2.7")]),
    ("10.0.0.1-10.0.0.5", [("IP_ADDRESS", "10.0.0.1"), ("IP_ADDRESS", "10.0.0.5")]),
    ("2001:db8::ff00:42:8329", [("IP_ADDRESS", "2001:db8::ff00:42:8329")]),
    ("from ::1, ok", [("IP_ADDRESS", "::1")]),
    ("::ffff:192.0.2.7", [("IP_ADDRESS", "::ffff:192.0.2.7")]),
    ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", [("IP_ADDRESS", "2001:0db8:85a3:0000:0000:8a2e:0370:7334")]),
    # capitals behind an IBAN are no part of it
    ("DE89 3704 0044 0532 0130 00 BIC COBADEFF", [("IBAN_CODE", "DE89 3704 0044 0532 0130 00")]),
    ("de89370400440532013000", [("IBAN_CODE", "de89370400440532013000")]),
    ("GB82WEST12345698765432", [("IBAN_CODE", "GB82WEST12345698765432")]),
]  # fmt: skip

LEFT_ALONE = [
    # a time, a time stamp, a day, a number with decimals, a price
    "11:34:35", "2026-11-23T13:17:17.123456Z", "03.04.2024", "(08.11.2073)", "3.1415926535", "1,234,567.89",
    # a check sum that does not fit
    "4111 1111 1111 1112", "DE89370400440532013001",
    # ranges never given out
    "666-12-3456", "000-12-3456", "900-12-3456", "123-00-4567", "123-45-0000",
    # an octet too large, an object identifier, names in code
    "256.1.1.1", "1.3.6.1.4.1.311.21", "std::vector<a::b>", "Face::bad",
    # ids and digests
    "550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e", "1700000000",
    # not addresses of mail
    "@example.com", "a@b", "user@localhost", "@@@@", "@media (min-width: 3em)",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_personal_data_is_found_with_its_type_and_its_borders(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert found(text) == expected


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_only_looks_like_personal_data_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_only_the_types_that_are_asked_for_are_found() -> None:
    text = b"ada@example.com 192.0.2.7 4111111111111111 123-45-6789 +14155552671 GB82WEST12345698765432"
    for entity in ENTITIES:
        hits = list(Detector((entity,), {}, REGIONS).find(text))
        assert [kind for _, _, kind in hits] == [entity]


def test_patterns_of_ones_own_come_before_the_others_and_keep_to_their_text() -> None:
    assert found("E-123456 and ada@example.com", EMPLOYEE_ID="E-[0-9]{6}") == [
        ("EMPLOYEE_ID", "E-123456"),
        ("EMAIL_ADDRESS", "ada@example.com"),
    ]
    assert found("ada@example.com", STAFF="ada@example[.]com") == [("STAFF", "ada@example.com")]
    assert found("a\0b; ada@example.com", ANY="a[^c;]+b") == [("EMAIL_ADDRESS", "ada@example.com")]


@given(st.ip_addresses())
def test_every_address_that_ipaddress_writes_is_found(address: object) -> None:
    text = str(address)
    if any(letter in "0123456789" for letter in text):
        assert found(f"from {text} on") == [("IP_ADDRESS", text)]


@given(st.text("0123456789", min_size=13, max_size=18))
def test_the_last_digit_of_a_card_is_the_only_one_that_fits(digits: str) -> None:
    fitting = [last for last in "0123456789" if is_card((digits + last).encode())]
    assert len(fitting) == 1 or digits.count(digits[0]) == len(digits)


@given(st.sampled_from(sorted(IBAN_LENGTHS)), st.data())
def test_an_iban_has_the_length_of_its_country_and_one_pair_of_check_digits(
    country: str, data: st.DataObject
) -> None:
    size = IBAN_LENGTHS[country] - 4
    account = data.draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=size, max_size=size))
    number = int("".join(str(int(letter, 36)) for letter in f"{account}{country}00"))
    right = 98 - number % 97
    for check in range(2, 99):
        text = f"{country}{check:02d}{account}".encode()
        assert iban_length(text) == (len(text) if check == right else 0)
        assert iban_length(text[:-1]) == 0


@pytest.mark.parametrize("text", ["1.2.3", "1.2.3.4.5", "a::b", ":::", "1:2", "1.2.3.999"])
def test_what_ipaddress_refuses_is_no_address(text: str) -> None:
    assert not is_ip(text.encode())


@pytest.mark.parametrize("text", ["123-45 6789", "1234567890", "123-45-67890"])
def test_an_ssn_has_one_shape(text: str) -> None:
    assert not is_ssn(text.encode())


@settings(max_examples=50)
@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.sampled_from(["E164", "INTERNATIONAL"]))
def test_the_example_that_the_library_gives_of_every_region_is_found(region: str, form: str) -> None:
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    number = number or phonenumbers.example_number(region)
    assert number is not None
    text = phonenumbers.format_number(number, getattr(phonenumbers.PhoneNumberFormat, form))
    if len(str(number.national_number)) >= 6:
        assert found(f"({text})") == [("PHONE_NUMBER", text)]


def test_past_its_bound_the_library_is_not_asked_and_a_candidate_is_believed() -> None:
    book = PhoneBook(REGIONS)
    unknown = b"+1 000 000 0000"
    assert book.length(unknown, b"", Effort(units=10)) == 0
    assert book.length(unknown, b"", Effort(units=10, calls=0)) == len(unknown)
    effort = Effort(units=10)
    book.length(unknown, b"", effort)
    assert effort.calls < CALLS


def test_too_many_candidates_end_the_search() -> None:
    detector = Detector(ENTITIES, {}, REGIONS)
    with pytest.raises(TooMany):
        list(detector.find(b"a@b.co " * 20_000))
