"""Compiles re2 patterns, and checks at start that custom ones are small and fast on any text."""

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
# Twice the time of a pattern that matches every byte of the sample. A pattern that scans to the end of the
# text for every match (`a.*b|a`) takes many times as long.
_MAX_SECONDS: Final = 0.06
_SAMPLES: Final = (b"a", b"1", b"A1-", b"@", b":", b"+", b"((", b"the quick 12-34 Brown fox. ", b"\xc3\xa9 ")


class Match(Protocol):
    """A match of re2."""

    def span(self) -> tuple[int, int]:
        """Return its start and end in bytes."""

    def groupdict(self) -> dict[str, bytes | None]:
        """Return the named groups."""


class Pattern(Protocol):
    """A pattern compiled by re2, over UTF-8."""

    programsize: int

    def search(self, text: bytes) -> Match | None:
        """Return the first match."""

    def finditer(self, text: bytes, pos: int = 0, endpos: int | None = None) -> Iterator[Match]:
        """Yield every match from the left."""


def compile_pattern(pattern: str, *, automaton_bytes: int | None = None) -> Pattern:
    """Compile a pattern in multi-line mode. Raises `ValueError` with re2's message for an invalid one."""
    # Loaded only where patterns are used: 3 MiB.
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
    """Return the pattern if it is safe to run on any text. Raises `ValueError` with the reason."""
    if len(pattern) > _MAX_LENGTH:
        raise ValueError(f"should be a pattern of at most {_MAX_LENGTH} characters")
    if _NAMED.search(pattern):
        raise ValueError("should be a pattern without named groups")
    if _SINGLE_BYTE.search(pattern):
        raise ValueError(r"should be a pattern without `\C`, which may fit half a character")
    try:
        found = compile_pattern(pattern)
    except ValueError as error:
        raise ValueError(f"should be a pattern of re2 ({error})") from error
    if found.programsize > _MAX_PROGRAM:
        raise ValueError(
            f"should be a smaller pattern: it takes re2 {found.programsize} steps, {_MAX_PROGRAM} is the most"
        )
    if found.search(b""):
        raise ValueError("should be a pattern that cannot match an empty text")
    if not all(_is_fast(found, (unit * _SAMPLE_BYTES)[:_SAMPLE_BYTES]) for unit in _SAMPLES):
        raise ValueError("should be a quicker pattern: avoid `.*` and other open ends")
    return pattern


def check_patterns(patterns: dict[str, str]) -> dict[str, str]:
    """Return the patterns by entity type if all are valid. Raises `ValueError` with the reason."""
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


def _is_fast(pattern: Pattern, sample: bytes) -> bool:
    """Return whether all matches in a sample are found in time, measured as CPU time of the thread."""
    began = time.thread_time()
    for _ in pattern.finditer(sample):
        if time.thread_time() - began > _MAX_SECONDS:
            return False
    return time.thread_time() - began <= _MAX_SECONDS
