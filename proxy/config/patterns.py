"""Compiles patterns by re2, and checks those of one's own at the start: small, and quick on any text."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Final, Protocol

MAX_PATTERNS: Final = 100
_NAMED: Final = re.compile(r"\(\?P?<[A-Za-z_]")
_SINGLE_BYTE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\C")
_NAME: Final = re.compile(r"[A-Z][A-Z_]*")
_MAX_NAME: Final = 40
_MAX_LENGTH: Final = 1_000
_MAX_PROGRAM: Final = 4_000
_SAMPLE_BYTES: Final = 16_384
# Twice what a pattern takes that fits every single byte of the sample; one that looks to the end of the text
# for every match (`a.*b|a`) takes many times as long.
_MAX_SECONDS: Final = 0.06
_SAMPLES: Final = (b"a", b"1", b"A1-", b"@", b":", b"+", b"((", b"the quick 12-34 Brown fox. ", b"\xc3\xa9 ")


class Match(Protocol):
    """What re2 tells of a place that a pattern fits."""

    def span(self) -> tuple[int, int]:
        """Where it begins and ends, in bytes."""

    def groupdict(self) -> dict[str, bytes | None]:
        """The named groups."""


class Pattern(Protocol):
    """A pattern as re2 has compiled it, over UTF-8."""

    programsize: int

    def search(self, text: bytes) -> Match | None:
        """The first place that it fits."""

    def finditer(self, text: bytes, pos: int = 0, endpos: int | None = None) -> Iterator[Match]:
        """Every place that it fits, from the left."""


def compiled(pattern: str, *, automaton_bytes: int | None = None) -> Pattern:
    """The pattern, with `^` and `$` for lines. Raises `ValueError` when re2 refuses it, in re2's words."""
    # 3 MiB for those who have patterns.
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 -- it has no stubs

    options = re2.Options()
    options.log_errors = False
    if automaton_bytes is not None:
        options.max_mem = automaton_bytes
    try:
        found: Pattern = re2.compile(f"(?m){pattern}", options)
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        raise ValueError(
            reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
        ) from error
    return found


def check_pattern(pattern: str) -> str:
    """The pattern, when Relay can run it over any text. Raises `ValueError` with the reason."""
    if len(pattern) > _MAX_LENGTH:
        raise ValueError(f"should be a pattern of at most {_MAX_LENGTH} characters")
    if _NAMED.search(pattern):
        raise ValueError("should be a pattern without named groups")
    if _SINGLE_BYTE.search(pattern):
        raise ValueError(r"should be a pattern without `\C`, which may fit half a character")
    try:
        found = compiled(pattern)
    except ValueError as error:
        raise ValueError(f"should be a pattern of re2 ({error})") from error
    if found.programsize > _MAX_PROGRAM:
        raise ValueError(
            f"should be a smaller pattern: it takes re2 {found.programsize} steps, {_MAX_PROGRAM} is the most"
        )
    if found.search(b""):
        raise ValueError("should be a pattern that cannot match an empty text")
    if not all(_is_quick(found, (unit * _SAMPLE_BYTES)[:_SAMPLE_BYTES]) for unit in _SAMPLES):
        raise ValueError("should be a quicker pattern: avoid `.*` and other open ends")
    return pattern


def check_patterns(patterns: dict[str, str]) -> dict[str, str]:
    """The patterns by entity type, when each may stand. Raises `ValueError` with the reason."""
    if len(patterns) > MAX_PATTERNS:
        raise ValueError(f"should be at most {MAX_PATTERNS} patterns")
    for name, pattern in patterns.items():
        if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
            raise ValueError(f"should have names of capitals and '_' such as EMPLOYEE_ID, not {name!r}")
        try:
            check_pattern(pattern)
        except ValueError as error:
            raise ValueError(f"at {name} {error}") from error
    return patterns


def _is_quick(pattern: Pattern, sample: bytes) -> bool:
    """Whether all matches in a sample are found in time: CPU time, whatever else the machine does."""
    began = time.thread_time()
    for _ in pattern.finditer(sample):
        if time.thread_time() - began > _MAX_SECONDS:
            return False
    return time.thread_time() - began <= _MAX_SECONDS
