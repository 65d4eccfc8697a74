"""Settings of `pii` and `policy`: custom patterns that are invalid or slow are refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.file import load
from proxy.config.patterns import check_pattern, check_patterns
from proxy.errors import ConfigError
from proxy.pii.patterns import PATTERNS

REFUSED = [
    ("(", "re2"),
    (r"(a)\1", "re2"),
    (r"(?<=a)b", "re2"),
    ("(?P<name>a)", "named groups"),
    (r"E-\C", r"`\\C`"),
    ("a*", "empty"),
    ("a" * 1001, "1000 characters"),
    ("(?:[a-z]{100}){100}", "re2"),
    ("a{1000}b{1000}c{1000}d{1000}e{1000}", "smaller"),
    # every match scans to the end of the text
    ("a.*b|a", "quicker"),
]


@pytest.mark.parametrize(("pattern", "reason"), REFUSED)
def test_invalid_or_slow_pattern_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["E-[0-9]{6}", "(?i)secret", r"\bproject\s+x\b", "[a-z]{2}[0-9]+", "é+"])
def test_valid_pattern_is_accepted(pattern: str) -> None:
    assert check_pattern(pattern) == pattern


@pytest.mark.parametrize("name", ["employee", "E1", "", "_A", "A" * 41, "A-B"])
def test_invalid_pattern_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="EMPLOYEE_ID"):
        check_patterns({name: "a"})


def test_error_names_the_pattern() -> None:
    with pytest.raises(ValueError, match="at STAFF should be a pattern of re2"):
        check_patterns({"STAFF": "("})
    assert check_patterns({"STAFF": "a"}) == {"STAFF": "a"}
    with pytest.raises(ValueError, match="at most 100"):
        check_patterns({f"A{'B' * (i % 9)}{'_C' * (i // 9)}": "a" for i in range(101)})


# An invalid setting, and words of the error message.
SETTINGS = [
    ("pii: {patterns: {STAFF: '('}}", ["pii.patterns", "STAFF", "re2"]),
    ("pii: {patterns: {staff: a}}", ["pii.patterns", "EMPLOYEE_ID"]),
    ("pii: {entities: [PERSON]}", ["pii.entities.0", "EMAIL_ADDRESS"]),
    ("pii: {phone_regions: [UK]}", ["pii.phone_regions.0", "GB"]),
    ("policy: {blocked_patterns: ['a', '(?=b)']}", ["policy.blocked_patterns.1", "re2"]),
    ("policy: {max_input_bytes: 0}", ["policy.max_input_bytes", "greater than 0"]),
]


@pytest.mark.parametrize(("text", "words"), SETTINGS)
def test_invalid_setting_is_one_sentence_that_names_it(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "relay.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as refused:
        load(path, {})
    assert all(word in str(refused.value) for word in [str(path), *words])
    assert "\n" not in str(refused.value)


def test_valid_settings_are_loaded(tmp_path: Path) -> None:
    path = tmp_path / "relay.yaml"
    path.write_text(
        "{pii: {enabled: true, patterns: {STAFF: 'S-[0-9]+'}}, policy: {max_input_bytes: 9}}", "utf-8"
    )
    config = load(path, {})
    assert (config.pii.enabled, config.pii.patterns) == (True, {"STAFF": "S-[0-9]+"})
    assert sorted(config.pii.entities) == sorted(PATTERNS)
    assert config.policy.max_input_bytes == 9
