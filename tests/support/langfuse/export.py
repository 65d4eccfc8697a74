"""What the tests of the Langfuse export share: records, settings, and what must be there at the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from etl.langfuse.connection import Credentials
from etl.langfuse.session import Settings
from proxy.segments.record import UsageRecord
from tests.support.etl.segments import EPOCH, SegmentWriter, record
from tests.support.langfuse.state import Server

LAG = 0.4


def spread(count: int, *, start: int = 1, **changes: Any) -> list[UsageRecord]:
    """Records of a few days, a minute apart."""
    return [
        record(number, created_at=EPOCH + timedelta(minutes=number, microseconds=number), **changes)
        for number in range(start, start + count)
    ]


def write(directory: Path, records: Sequence[UsageRecord], *, segment: int = 400) -> None:
    """Sealed segments of these records."""
    directory.mkdir(exist_ok=True)
    writer = SegmentWriter(directory)
    for begin in range(0, len(records), segment):
        writer.segment(*records[begin : begin + segment])


def settings(server: Server, folder: Path, **changes: Any) -> Settings:
    """Of an export from `folder`/logs, with a ledger beside it unless there is a database."""
    plain: dict[str, Any] = {
        "credentials": Credentials.from_environ(server.environ),
        "database_url": None,
        "logs": folder / "logs",
        "ledger": folder / "ledger.sqlite",
        "timeout": 2,
        "lag": LAG,
    }
    return Settings(**plain | changes)


def expected(records: Sequence[UsageRecord]) -> dict[str, Any]:
    """What the server must hold: each record once, and their exact sums."""
    return {
        "rows": len(records),
        "spans": len(records),
        "most": min(1, len(records)),
        "prompt_tokens": sum(one.prompt_tokens for one in records),
        "completion_tokens": sum(one.completion_tokens for one in records),
        "cost_usd": sum((one.cost_usd or Decimal(0) for one in records), Decimal(0)),
    }


def held(summary: dict[str, Any]) -> dict[str, Any]:
    """What it holds, as far as `expected` speaks of it."""
    names = ("rows", "spans", "most", "prompt_tokens", "completion_tokens")
    return {name: summary[name] for name in names} | {"cost_usd": Decimal(summary["cost_usd"])}
