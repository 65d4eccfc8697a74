"""Checks the line numbers, the hash and the sums of a segment against its open and seal lines."""

from __future__ import annotations

from decimal import InvalidOperation

from etl.segments.blocks import Block
from etl.segments.rejects import replace_nul
from proxy.segments.lines import IntentLine, Line, OpenLine, SealLine, Totals
from proxy.segments.record import RequestLine

_MAX_PROBLEM_CHARACTERS = 2000


class Integrity:
    """The state of the check of one segment; complete when every line has been added, in order."""

    def __init__(self, segment: str) -> None:
        self.first_seq: int | None = None
        self.expected_seq = 1
        self.missing_lines = 0
        self.seal: SealLine | None = None
        self._segment = segment
        self._open: OpenLine | None = None
        self._order_problem: str | None = None
        self._lines_after_seal = 0
        self._totals = Totals()
        # One hash serves for the whole file and for its sealed part; they diverge at the seal line.
        self._sha256 = self._totals.sha256

    @property
    def last_seq(self) -> int | None:
        """The number of the last line, derived from the last readable one; None when no line is readable."""
        return None if self.first_seq is None else self.expected_seq - 1

    @property
    def sha256(self) -> str:
        """The SHA-256 of the whole file."""
        return self._sha256.hexdigest()

    @property
    def previous(self) -> str | None:
        """The SHA-256 of the writer's previous segment, as the open line states it."""
        stated = self._open.previous if self._open else None
        return replace_nul(stated[:64]) if stated else None

    @property
    def is_recovered(self) -> bool:
        """Whether a later process sealed the segment of a dead writer."""
        return self.seal is not None and self.seal.recovered

    def add_line(self, line: Line, data: bytes, line_number: int) -> None:
        """Adds a valid line."""
        self._check_seq(line.seq, line_number)
        self._lines_after_seal += self.seal is not None
        if isinstance(line, RequestLine):
            self._totals.count(line)
        elif isinstance(line, IntentLine):
            self._totals.intents += 1
        elif isinstance(line, SealLine):
            self._sha256 = self._totals.sha256.copy() if self.seal is None else self._sha256
            self.seal = self.seal or line
        elif line_number == 1:
            self._open = line
        self._sha256.update(data)

    def add_invalid_line(self, data: bytes) -> None:
        """Adds a line that could not be read; it counts as one line number."""
        self._sha256.update(data)
        self.expected_seq += 1
        self._lines_after_seal += self.seal is not None

    def add_rest_of_line(self, data: bytes) -> None:
        """Adds more bytes of the line added last."""
        self._sha256.update(data)

    def add_block(self, block: Block, data: bytes) -> None:
        """Adds the lines of a block."""
        self.expected_seq += len(block.records) + len(block.intents)
        self._sha256.update(data)
        self._totals.intents += len(block.intents)
        self._totals.count_all(
            records=len(block.records),
            prompt_tokens=sum([record.prompt_tokens for record in block.records]),
            completion_tokens=sum([record.completion_tokens for record in block.records]),
            cost_usd=block.cost_usd,
        )

    def _check_seq(self, seq: int, line_number: int) -> None:
        if self.first_seq is None:
            # Unreadable lines before this one had numbers too.
            self.first_seq = max(1, seq - self.expected_seq + 1)
        elif seq > self.expected_seq:
            self.missing_lines += seq - self.expected_seq
        elif seq < self.expected_seq:
            self._order_problem = (
                self._order_problem or f"line {line_number} has seq {seq}, expected {self.expected_seq}"
            )
        self.expected_seq = seq + 1

    def problem(self) -> str | None:
        """How the segment contradicts its seal or its name; None when it does not."""
        found = [self._order_problem] if self._order_problem else []
        if self._open is None:
            found.append("the first line is not an open line")
        elif self._open.segment != self._segment:
            found.append(f"the open line names segment {self._open.segment[:200]}")
        if self.seal is None:
            found.append("there is no seal line")
        else:
            found += self._seal_differences(self.seal)
        if self._lines_after_seal:
            found.append(f"{self._lines_after_seal} lines follow the seal")
        return replace_nul("; ".join(found))[:_MAX_PROBLEM_CHARACTERS] or None

    def _seal_differences(self, seal: SealLine) -> list[str]:
        try:
            return self._totals.differences(seal)
        except InvalidOperation:
            return ["the cost_usd of the seal is not a number"]
