"""Progress lines without a terminal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from relayctl.render.progress import _lines, line

LINES = [
    ((500, 2000, 10.0), "records: 500 of 2,000, 50/s, 0 min left"),
    ((60_000, 600_000, 60.0), "records: 60,000 of 600,000, 1,000/s, 9 min left"),
    # nothing is done yet, so the time left is unknown
    ((0, 2000, 10.0), "records: 0 of 2,000, 0/s"),
]


@pytest.mark.parametrize(("given", "said"), LINES)
def test_progress_line(given: tuple[int, int, float], said: str) -> None:
    assert line("records", *given) == said


def test_one_line_a_minute_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    clock: Iterator[float] = iter([0.0, 30.0, 60.0, 61.0, 119.0, 121.0])
    advance = _lines("records", lambda: next(clock))
    for done in (300, 600, 610, 1190, 1210):
        advance(done, 2000)
    assert capsys.readouterr().err.splitlines() == [
        "records: 600 of 2,000, 10/s, 2 min left",
        "records: 1,210 of 2,000, 10/s, 1 min left",
    ]
