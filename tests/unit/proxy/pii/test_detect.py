"""Detection of personal data by type, and look-alikes that are not detected."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from proxy.pii.checks import IBAN_LENGTHS, iban_length, is_card, is_ip, is_ssn
from proxy.pii.detect import Detector
from proxy.pii.look_alikes import Context
from proxy.pii.phones import MAX_CALLS, NumberingPlans, WorkLimit, WorkLimitExceeded
from proxy.pii.restore import Restorer
from proxy.request.placeholders import Placeholders
from tests.support.personal_data import ENTITIES, REGIONS, found, scrubber

SCRUBBER = scrubber()

FOUND = [
    # plain, with a tag, a sub-domain, in brackets
    ("write to ada@example.com.", [("EMAIL_ADDRESS", "ada@example.com")]),
    ("<ada.l+tag@mail.example.co.uk>", [("EMAIL_ADDRESS", "ada.l+tag@mail.example.co.uk")]),
    # non-ASCII letters, and a script without spaces
    ("jörg@bücher.de", [("EMAIL_ADDRESS", "jörg@bücher.de")]),
    ("联系ada@example.com谢谢", [("EMAIL_ADDRESS", "ada@example.com")]),
    # without the hyphen of a list or an escaped line end before it
    ("-ada@example.com", [("EMAIL_ADDRESS", "ada@example.com")]),
    (r'{"a": "x\nada@example.com"}', [("EMAIL_ADDRESS", "ada@example.com")]),
    # international, with brackets, dots, hyphens, a call's 00
    ("+1 (415) 555-2671", [("PHONE_NUMBER", "+1 (415) 555-2671")]),
    ("tel:+4930123456789", [("PHONE_NUMBER", "+4930123456789")]),
    ("0049 30 12345678", [("PHONE_NUMBER", "0049 30 12345678")]),
    ("+44 (0)20 7946 0958", [("PHONE_NUMBER", "+44 (0)20 7946 0958")]),
    # national numbers of the default regions
    ("call 415.555.2671 now", [("PHONE_NUMBER", "415.555.2671")]),
    ("(415) 555-2671", [("PHONE_NUMBER", "(415) 555-2671")]),
    ("0171/1234567", [("PHONE_NUMBER", "0171/1234567")]),
    ("01 23 45 67 89", [("PHONE_NUMBER", "01 23 45 67 89")]),
    ("(01 23 45 67 89)", [("PHONE_NUMBER", "01 23 45 67 89")]),
    ("98765 43210", [("PHONE_NUMBER", "98765 43210")]),
    ("(11) 98765-4321", [("PHONE_NUMBER", "(11) 98765-4321")]),
    # without the digits that follow
    ("+1 415 555 2671 20 people", [("PHONE_NUMBER", "+1 415 555 2671")]),
    ("03.04.2024 030 123456 2024-01-15", [("PHONE_NUMBER", "030 123456")]),
    # what begins like a date
    ("01.42.68.53.00", [("PHONE_NUMBER", "01.42.68.53.00")]),
    ("06-12-34-56-78", [("PHONE_NUMBER", "06-12-34-56-78")]),
    ("06/12/34/56/78", [("PHONE_NUMBER", "06/12/34/56/78")]),
    # without an extension, glued or not, or an underscore of Markdown
    ("(415)555-2671x123", [("PHONE_NUMBER", "(415)555-2671")]),
    ("415.555.2671ext5", [("PHONE_NUMBER", "415.555.2671")]),
    ("+1-415-555-2671x12345", [("PHONE_NUMBER", "+1-415-555-2671")]),
    ("01.42.68.53.00x12", [("PHONE_NUMBER", "01.42.68.53.00")]),
    ("030 123456 ext. 42", [("PHONE_NUMBER", "030 123456")]),
    ("tel:+1-415-555-2671;ext=5", [("PHONE_NUMBER", "+1-415-555-2671")]),
    ("_415-555-2671_", [("PHONE_NUMBER", "415-555-2671")]),
    # area codes that are not assigned
    ("001-581-896-0013x3890", [("PHONE_NUMBER", "001-581-896-0013")]),
    ("(274)413-1234", [("PHONE_NUMBER", "(274)413-1234")]),
    # groupings of other countries: Spain, Poland, China, Russia, Belgium
    ("912 34 56 78", [("PHONE_NUMBER", "912 34 56 78")]),
    ("22-123-45-67", [("PHONE_NUMBER", "22-123-45-67")]),
    ("138 1234 5678", [("PHONE_NUMBER", "138 1234 5678")]),
    ("8 (912) 345-67-89", [("PHONE_NUMBER", "8 (912) 345-67-89")]),
    ("0486/84/76/66", [("PHONE_NUMBER", "0486/84/76/66")]),
    # groupings that only a word before them makes a number
    ("Tlf. 32 12 32 40, phone: 32 12 32 40", [("PHONE_NUMBER", "32 12 32 40")]),
    ("Call me at 512 345 678", [("PHONE_NUMBER", "512 345 678")]),
    ("電話:03-1234-5678", [("PHONE_NUMBER", "03-1234-5678")]),
    ("phone=13812345678", [("PHONE_NUMBER", "13812345678")]),
    # other types after a word of telephony
    ("fax 192.0.2.7", [("IP_ADDRESS", "192.0.2.7")]),
    ("cell: fe80::1", [("IP_ADDRESS", "fe80::1")]),
    ("phone=4111 1111 1111 1111", [("CREDIT_CARD", "4111 1111 1111 1111")]),
    ("電話:4111 1111 1111 1111", [("CREDIT_CARD", "4111 1111 1111 1111")]),
    ("Тел. DE89 3704 0044 0532 0130 00", [("IBAN_CODE", "DE89 3704 0044 0532 0130 00")]),
    ("call DE89 3704 0044 0532 0130 00", [("IBAN_CODE", "DE89 3704 0044 0532 0130 00")]),
    # a suffix ends a value of another type
    ("4111111111111111exp12/26", [("CREDIT_CARD", "4111111111111111")]),
    ("4111-1111-1111-1111-123", [("CREDIT_CARD", "4111-1111-1111-1111")]),
    ("3782.822463.10005", [("CREDIT_CARD", "3782.822463.10005")]),
    ("_123-45-6789_", [("US_SSN", "123-45-6789")]),
    ("_192.0.2.7_", [("IP_ADDRESS", "192.0.2.7")]),
    ("DE89370400440532013000COBADEFF", [("IBAN_CODE", "DE89370400440532013000")]),
    ("DE89-3704-0044-0532-0130-00und", [("IBAN_CODE", "DE89-3704-0044-0532-0130-00")]),
    ("ada@example.xn--p1ai", [("EMAIL_ADDRESS", "ada@example.xn--p1ai")]),
    # lengths and groups of several brands
    ("4111 1111 1111 1111", [("CREDIT_CARD", "4111 1111 1111 1111")]),
    ("5500-0000-0000-0004", [("CREDIT_CARD", "5500-0000-0000-0004")]),
    ("378282246310005", [("CREDIT_CARD", "378282246310005")]),
    ("SSN 123-45-6789.", [("US_SSN", "123-45-6789")]),
    # IPv4 and IPv6, with a port and in a range
    ("at 192.0.2.7:8080", [("IP_ADDRESS", "192.0.2.7")]),
    ("10.0.0.1-10.0.0.5", [("IP_ADDRESS", "10.0.0.1"), ("IP_ADDRESS", "10.0.0.5")]),
    ("2001:db8::ff00:42:8329", [("IP_ADDRESS", "2001:db8::ff00:42:8329")]),
    ("from ::1, ok", [("IP_ADDRESS", "::1")]),
    ("::ffff:192.0.2.7", [("IP_ADDRESS", "::ffff:192.0.2.7")]),
    ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", [("IP_ADDRESS", "2001:0db8:85a3:0000:0000:8a2e:0370:7334")]),
    # without the capitals that follow
    ("DE89 3704 0044 0532 0130 00 BIC COBADEFF", [("IBAN_CODE", "DE89 3704 0044 0532 0130 00")]),
    ("de89370400440532013000", [("IBAN_CODE", "de89370400440532013000")]),
    ("GB82WEST12345698765432", [("IBAN_CODE", "GB82WEST12345698765432")]),
]  # fmt: skip

NOT_FOUND = [
    # a time, a time stamp, a day, a number with decimals, a price
    "11:34:35", "2026-11-23T13:17:17.123456Z", "03.04.2024", "(08.11.2073)", "3.1415926535", "1,234,567.89",
    # a wrong check sum
    "4111 1111 1111 1112", "DE89370400440532013001",
    # unassigned ranges
    "666-12-3456", "000-12-3456", "900-12-3456", "123-00-4567", "123-45-0000",
    # an octet too large, an object identifier, names in code
    "256.1.1.1", "1.3.6.1.4.1.311.21", "std::vector<a::b>", "Face::bad",
    # ids and digests
    "550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e", "1700000000",
    # dates and times in other orders, also after a word of telephony
    "2024/01/15", "15 01 2024", "2024-01-15 10:30", "22.02.2008 05.01.2026", "20240115_103015",
    "call on 12.03.2024", "Call on 2024-01-15 12:00",
    # amounts, lists of numbers, scores, coordinates, ranges of years
    "568 015 396 925", "55.999.872.601", "phone bill: 1.234.567,89", "12 34 56 78", "100 200 300 400",
    "0-2 6-5 0-0 5-0", "14.864644, -46.978226", "1999-2004", "phone: 1998/2008",
    # books, paths, versions, order numbers
    "978 3 161 48410 0", "0-306-40615-2", "0-934-87297-X", "0317-8471", "/2024/03/15/12345/", "91.0.4300.981",
    "114-3941689-8772232", "#0123456789", "ORD-2024-123456",
    "1895.22/1013", "0123456789", "id_0171234567_x", "01 00 00 00", "0100 0000", "00:01132.000",
    "arXiv:0904.3251",
    # not e-mail addresses
    "@example.com", "a@b", "user@localhost", "@@@@", "@media (min-width: 3em)",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_personal_data_is_found_with_type_and_limits(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize("text", NOT_FOUND)
def test_look_alikes_are_not_found(text: str) -> None:
    assert found(text) == []


def test_only_configured_types_are_found() -> None:
    text = b"ada@example.com 192.0.2.7 4111111111111111 123-45-6789 +14155552671 GB82WEST12345698765432"
    for entity in ENTITIES:
        hits = list(Detector((entity,), {}, REGIONS).find(text))
        assert [kind for _, _, kind in hits] == [entity]


def test_custom_patterns_take_precedence_and_stay_within_a_text() -> None:
    assert found("E-123456 and ada@example.com", EMPLOYEE_ID="E-[0-9]{6}") == [
        ("EMPLOYEE_ID", "E-123456"),
        ("EMAIL_ADDRESS", "ada@example.com"),
    ]
    assert found("ada@example.com", STAFF="ada@example[.]com") == [("STAFF", "ada@example.com")]
    assert found("a\0b; ada@example.com", ANY="a[^c;]+b") == [("EMAIL_ADDRESS", "ada@example.com")]


@given(st.ip_addresses())
def test_every_ip_address_is_found(address: object) -> None:
    text = str(address)
    if any(letter in "0123456789" for letter in text):
        assert found(f"from {text} on") == [("IP_ADDRESS", text)]


@given(st.text("0123456789", min_size=13, max_size=18))
def test_card_number_has_one_valid_check_digit(digits: str) -> None:
    fitting = [last for last in "0123456789" if is_card((digits + last).encode())]
    assert len(fitting) == 1 or digits.count(digits[0]) == len(digits)


@given(st.sampled_from(sorted(IBAN_LENGTHS)), st.data())
def test_iban_has_one_length_and_one_pair_of_check_digits(country: str, data: st.DataObject) -> None:
    size = IBAN_LENGTHS[country] - 4
    account = data.draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=size, max_size=size))
    number = int("".join(str(int(letter, 36)) for letter in f"{account}{country}00"))
    right = 98 - number % 97
    for check in range(2, 99):
        text = f"{country}{check:02d}{account}".encode()
        assert iban_length(text) == (len(text) if check == right else 0)
        assert iban_length(text[:-1]) == 0


@pytest.mark.parametrize("text", ["1.2.3", "1.2.3.4.5", "a::b", ":::", "1:2", "1.2.3.999"])
def test_invalid_ip_address_is_rejected(text: str) -> None:
    assert not is_ip(text.encode())


@pytest.mark.parametrize("text", ["123-45 6789", "1234567890", "123-45-67890"])
def test_ssn_with_other_separators_is_rejected(text: str) -> None:
    assert not is_ssn(text.encode())


_MARKS = [None, " ", ".", "-", "/", "\u00a0"]


@st.composite
def default_numbers(draw: st.DrawFn) -> str:
    """Draw a valid number of a default region, as the library formats it or with other marks."""
    kind = draw(st.sampled_from(["FIXED_LINE", "MOBILE", "TOLL_FREE"]))
    region = draw(st.sampled_from(REGIONS))
    example = phonenumbers.example_number_for_type(region, getattr(phonenumbers.PhoneNumberType, kind))
    assert example is not None
    assert example.national_number is not None
    last = draw(st.integers(0, 9999))
    number = phonenumbers.PhoneNumber(
        country_code=example.country_code, national_number=example.national_number // 10_000 * 10_000 + last
    )
    assume(phonenumbers.is_valid_number(number))
    form = draw(st.sampled_from(["E164", "INTERNATIONAL", "NATIONAL"]))
    text = phonenumbers.format_number(number, getattr(phonenumbers.PhoneNumberFormat, form))
    # `1 800 123 456`, a free number of Israel, may be an amount.
    mark = draw(st.sampled_from(_MARKS if kind != "TOLL_FREE" else [None, "-"]))
    return text if mark is None else "+" * (text[0] == "+") + mark.join(re.findall(r"\d+", text))


@settings(max_examples=300)
@given(default_numbers(), st.sampled_from(["{}", "({})", "a {}, b", '"{}"', "{}x123", "{} ext 5", "是{}。"]))
def test_formatted_numbers_of_default_regions_are_found_and_restored(number: str, sentence: str) -> None:
    text = sentence.format(number)
    assert found(text) == [("PHONE_NUMBER", number)]
    placeholders = Placeholders()
    scrubbed = SCRUBBER.scrub_text(text, placeholders)
    assert number not in scrubbed
    assert Restorer(placeholders.values).text(scrubbed) == text


@settings(max_examples=50)
@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.sampled_from(["E164", "INTERNATIONAL"]))
def test_example_numbers_of_all_regions_are_found(region: str, form: str) -> None:
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    number = number or phonenumbers.example_number(region)
    assert number is not None
    text = phonenumbers.format_number(number, getattr(phonenumbers.PhoneNumberFormat, form))
    if len(str(number.national_number)) >= 6:
        assert found(f"({text})") == [("PHONE_NUMBER", text)]


def test_candidates_are_accepted_when_the_call_limit_is_reached() -> None:
    plans = NumberingPlans(REGIONS)
    unknown = b"+999 000 0000"
    assert plans.length(unknown, Context(), WorkLimit(units=10)) == 0
    assert plans.length(unknown, Context(), WorkLimit(units=10, calls=0)) == len(unknown)
    limit = WorkLimit(units=10)
    plans.length(unknown, Context(), limit)
    assert limit.calls < MAX_CALLS


def test_too_many_candidates_end_the_search() -> None:
    detector = Detector(ENTITIES, {}, REGIONS)
    with pytest.raises(WorkLimitExceeded):
        list(detector.find(b"a@b.co " * 20_000))
