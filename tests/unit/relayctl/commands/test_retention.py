"""The value of `--keep`: a retention period becomes a cutoff time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from relayctl.commands.etl_prune import Retention

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "keep", "expected"),
    [
        # Months are whole: of the thirteenth month before now everything is kept.
        (NOW, "13mo", datetime(2025, 10, 1, tzinfo=UTC)),
        (NOW, "1mo", datetime(2026, 10, 1, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=UTC), "1mo", datetime(2025, 12, 1, tzinfo=UTC)),
        (datetime(2026, 12, 1, tzinfo=UTC), "12mo", datetime(2025, 12, 1, tzinfo=UTC)),
        # Days and weeks are exact.
        (NOW, "400d", datetime(2025, 10, 19, 14, 30, tzinfo=UTC)),
        (NOW, "2w", datetime(2026, 11, 9, 14, 30, tzinfo=UTC)),
    ],
)
def test_retention_becomes_a_cutoff(now: datetime, keep: str, expected: datetime) -> None:
    assert Retention().convert(keep, None, None)(now) == expected
