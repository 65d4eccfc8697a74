"""The demo's final output: reports, a chart, the files and commands to try next."""

from __future__ import annotations

import os
import shlex
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from relayctl.demo.people import AGENTS
from relayctl.demo.run import Result
from relayctl.demo.services import keys_file
from relayctl.errors import RelayctlError
from relayctl.render.sheet import counted
from relayctl.reports import reports
from relayctl.reports.query import Filters, Source
from relayctl.reports.reports import Leaderboard, UsageReport
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources.opening import open_source

_UNKNOWN: Final = "unknown"
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The reports of one run; all cover the same week."""

    teams: Leaderboard
    person: str
    week: UsageReport
    days: UsageReport


def summarize(result: Result, now: datetime) -> Summary:
    """Builds the reports from PostgreSQL. Raises `RelayctlError` if the logs give different numbers."""
    period = Period(since=result.since, until=now, zone=zone_named("UTC"))
    database = open_source("postgres", result.relay.database_url, str(result.relay.logs))
    logs = open_source("logs", None, str(result.relay.logs))
    days = _by_day(database, period)
    from_logs = _by_day(logs, period)
    if (days.rows, days.totals) != (from_logs.rows, from_logs.totals):
        raise RelayctlError(
            f"PostgreSQL and the segments in {result.relay.logs} differ: this is a bug in Relay"
        )
    people = reports.leaderboard(database, period, dimension="user", metric="cost", limit=len(AGENTS) + 1)
    names = [row.name or "" for row in people.rows]
    person = next((name for name in names if name not in AGENTS), names[0])
    return Summary(
        teams=reports.leaderboard(database, period, dimension="team", metric="cost", limit=20),
        person=person,
        week=_by_day(database, period, user=person),
        days=days,
    )


def _by_day(source: Source, period: Period, *, user: str | None = None) -> UsageReport:
    filters = Filters({"user": (user,)}) if user else Filters()
    return reports.usage_report(source, period, group_by=(), filters=filters)


def answered(statuses: Counter[int]) -> str:
    """The answers by status: `2,000 requests answered: 1,980 with 200, 12 with 429`."""
    parts = ", ".join(f"{count:,} with {status}" for status, count in sorted(statuses.items()))
    return f"{counted(statuses.total(), 'request')} answered: {parts}"


def spend_per_day(days: UsageReport, *, width: int, ascii_only: bool) -> list[str]:
    """A bar chart with a line for each day."""
    rows = [
        (row.bucket, row.measures.cost_usd or Decimal(0), _usd(row.measures.cost_usd)) for row in days.rows
    ]
    return bars(rows, width=width, ascii_only=ascii_only)


def _usd(amount: Decimal | None) -> str:
    return _UNKNOWN if amount is None else f"{amount:,.4f} USD"


def files(result: Result) -> list[str]:
    """The run's files and their content."""
    loaded = result.loaded
    names = [str(result.relay.logs), str(keys_file(result.relay.logs.parent))]
    width = max(map(len, names))
    contents = [
        f"sealed segments: {loaded.listed:,}, records: {loaded.loaded:,}",
        "the hashes of the Relay keys",
    ]
    return [f"  {name:<{width}}  {content}" for name, content in zip(names, contents, strict=True)]


def next_commands(result: Result, person: str, program: str) -> list[str]:
    """Commands that work after the demo has ended, because they read its logs."""
    where = ["--logs", str(result.relay.logs)]
    if os.environ.get("RELAY_DATABASE_URL"):
        where = ["--source", "logs", *where]
    return [
        shlex.join([program, *command, *where])
        for command in (
            ["leaderboard", "--dimension", "team", "--metric", "cost"],
            ["usage", "--user", person, "--group-by", "model"],
            ["usage", "--granularity", "total", "--group-by", "model", "-o", "json"],
        )
    ]


def live_commands(result: Result, program: str) -> list[str]:
    """Commands that work while the demo is serving."""
    body = '{"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": "Hello!"}]}'
    chat = f"{result.relay.base_url}/v1/chat/completions"
    usage = f"{result.relay.base_url}/internal/usage?user_id=you"
    return [
        shlex.join(["curl", "-N", chat, "-H", f"Authorization: Bearer {result.relay_key}", "-d", body]),
        shlex.join([program, "usage", "--user", "you", "--database-url", result.relay.database_url]),
        shlex.join(["curl", usage, "-H", f"Authorization: Bearer {result.relay.master_key}"]),
        shlex.join(["curl", f"{result.relay.base_url}/metrics"]),
    ]


def program_name(argument: str) -> str:
    """How to call this program again: by its name if that is on the PATH, else by its path."""
    path = Path(argument)
    found = shutil.which(path.name)
    if found and Path(found).resolve() == path.resolve():
        return path.name
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    # Without a slash the shell would search the PATH.
    return str(path) if os.sep in str(path) else f"{os.curdir}{os.sep}{path}"


def bars(rows: Sequence[tuple[str, Decimal, str]], *, width: int, ascii_only: bool = False) -> list[str]:
    """A bar chart with one line for each (label, amount, text); the largest amount fills the width.

    Lines are at most `width` columns wide if label and text leave space for a bar.
    """
    label_width = max((len(label) for label, _, _ in rows), default=0)
    text_width = max((len(text) for _, _, text in rows), default=0)
    bar_width = max(1, width - label_width - text_width - 4)
    largest = max((amount for _, amount, _ in rows), default=Decimal(0))
    lines = []
    for label, amount, text in rows:
        share = amount / largest if largest > 0 else Decimal(0)
        bar = "#" * round(share * bar_width) if ascii_only else _bar(share * bar_width)
        lines.append(f"{label:<{label_width}}  {text:>{text_width}}  {bar}".rstrip())
    return lines


def _bar(length: Decimal) -> str:
    """Blocks in steps of an eighth; an amount above 0 has at least one eighth."""
    eighths = round(length * 8) or (1 if length > 0 else 0)
    full, remainder = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[remainder] if remainder else "")
