"""The admin endpoints include records that only the archive still has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.archive_data import archived, four_segments
from tests.support.running import settings
from tests.support.serving import WORKERS, serving


@pytest.mark.parametrize("sections", [{}, WORKERS], ids=["alone", "workers"])
async def test_internal_usage_is_read_from_logs_and_archive_together(
    tmp_path: Path, sections: dict[str, object]
) -> None:
    config = settings(tmp_path, "http://127.0.0.1:9", **sections)
    paths = four_segments(config.logs.dir)
    to = archived(config.logs.dir, tmp_path / "archive")
    # The logs and the archive both have the second segment; it is counted once.
    paths[0].unlink()
    path, key = "/internal/usage?since=2000-01-01", {"Authorization": "Bearer master-secret"}
    environ = {"PROXY_MASTER_KEY": "master-secret", "RELAY_DATABASE_URL": "", "RELAY_ARCHIVE": str(to)}
    async with serving(config, **environ) as served:
        answer = await served.relay.get(path, key)
    assert (answer.status, answer.json()["totals"]["requests"]) == (200, 12)
