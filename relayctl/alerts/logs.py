"""Evaluates alert rules on the log directory, without Prometheus, by the SQL equivalents of shipped rules.

Reads sealed and open segments, so every request that has ended is included. Lines that DuckDB cannot read are
skipped and counted; reports, in contrast, read such a segment again, strictly.
"""

from __future__ import annotations

import operator
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from etl.archive.store import open_store
from etl.database.queries import named
from proxy.segments.lines import OPEN_SUFFIX, SegmentName
from relayctl.alerts import sql_equivalents
from relayctl.alerts.expression import Condition, conditions
from relayctl.alerts.rules import Rule
from relayctl.alerts.verdict import LOOK_BACK, EvaluationTimes, Verdict, labels, state
from relayctl.errors import SourceError
from relayctl.sources.logs import translated
from relayctl.sources.remote_logs import copied
from relayctl.sources.segments import Findings, found, glob_escaped
from relayctl.sources.statements import Connection, database, naive

LONGEST_RANGE: Final = timedelta(hours=6)
"""The longest range that an SQL equivalent reads before each evaluation."""

_COMPARISONS: Final = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """The verdicts, and notes about what could not be read."""

    verdicts: list[Verdict]
    notes: tuple[str, ...]


def check(logs: str, rules: Sequence[Rule], at: datetime) -> Result:
    """Evaluates each rule at a time; rules that logs cannot answer are `unknown`, with the reason.

    `logs` is a directory or `s3://bucket/prefix`. Raises `SourceError` or `EtlError` when it cannot be read.
    """
    checked = [(rule, sql_equivalents.unsupported_reason(rule)) for rule in rules]
    longest = max((rule.hold for rule, reason in checked if reason is None), default=timedelta(0))
    since = at - longest - LOOK_BACK - LONGEST_RANGE
    findings = Findings()
    with (
        _directory(logs, since) as directory,
        TemporaryDirectory(prefix="relayctl-") as scratch,
        translated(),
        database() as connection,
    ):
        try:
            paths = _segments(directory, since, at, Path(scratch), findings)
        except OSError as error:
            raise SourceError(f"log directory {directory} cannot be read: {error}") from error
        unread = _load(connection, paths, since, at)
        verdicts = [_verdict(connection, rule, at, reason) for rule, reason in checked]
    note = f"{unread} line{'' if unread == 1 else 's'} passed over because no request can be read there"
    return Result(verdicts=verdicts, notes=(*findings.sentences(), *((note,) if unread else ())))


@contextmanager
def _directory(logs: str, since: datetime) -> Iterator[Path]:
    """The log directory, or for a remote one a local copy of what was written since then."""
    if "://" not in logs:
        yield Path(logs)
        return
    with copied(open_store(logs), since=since) as directory:
        yield directory


def _segments(
    directory: Path, since: datetime, until: datetime, scratch: Path, findings: Findings
) -> list[Path]:
    """The segments that may hold requests that ended in the period; open ones are copied to `scratch`."""
    # List open segments first: one that is sealed meanwhile is then found under its sealed name.
    unsealed = list(directory.glob(f"usage-*.jsonl{OPEN_SUFFIX}"))
    sealed = found(directory, findings)
    names = {path.name for path in sealed}
    still_open = [path for path in unsealed if path.name.removesuffix(OPEN_SUFFIX) not in names]
    return [
        *(path for path in sealed if _may_contain(path, since, until)),
        *(_copied(path, scratch) for path in still_open if _may_contain(path, since, until)),
    ]


def _may_contain(path: Path, since: datetime, until: datetime) -> bool:
    name = SegmentName.parse(path.name)
    return name is not None and name.started_at <= until and _last_written(path) >= since


def _copied(path: Path, scratch: Path) -> Path:
    """A copy of an open segment, which may be renamed while it is read; its sealed file if it already was."""
    sealed = path.name.removesuffix(OPEN_SUFFIX)
    try:
        return Path(shutil.copyfile(path, scratch / sealed))
    except FileNotFoundError:
        return path.with_name(sealed)


def _last_written(path: Path) -> datetime:
    """The modification time; now, if the file was sealed or removed since the directory was listed."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.now(UTC)


def _load(connection: Connection, paths: list[Path], since: datetime, at: datetime) -> int:
    """Loads the requests that ended in the period; returns the number of unreadable lines."""
    connection.execute(named("alerts_tables"))
    if not paths:
        return 0
    period = {"since": naive(since), "until": naive(at)}
    connection.execute(named("alerts_read"), {"files": [glob_escaped(path) for path in paths]})
    unread = connection.execute(named("alerts_unread")).fetchall()[0][0]
    connection.execute(named("alerts_ended"), period)
    return int(unread)


def _verdict(connection: Connection, rule: Rule, at: datetime, reason: str | None) -> Verdict:
    if reason is not None:
        return Verdict(
            rule=rule, state="unknown", labels=labels(rule, {}), reason=f"unknown from logs: {reason}"
        )
    compared, times = conditions(rule.expr), EvaluationTimes.of(rule, at)
    values = _values(connection, rule, times)
    active = {moment for moment, measured in values.items() if _all_hold(compared, measured)}
    current, since = state(rule, times, active)
    value = values.get(at, [None])[0]
    return Verdict(
        rule=rule,
        state=current,
        labels=labels(rule, {}),
        value=value,
        threshold=f"{compared[0].operator} {compared[0].right}",
        since=since,
        reason="no data" if value is None else "",
    )


def _values(
    connection: Connection, rule: Rule, times: EvaluationTimes
) -> dict[datetime, list[Decimal | None]]:
    """The values of the SQL equivalent at each evaluation time, in the order of the rule's comparisons."""
    grid = {"at": naive(times.at), "step_us": times.step // timedelta(microseconds=1)}
    connection.execute(named("alerts_steps"), grid | {"count": times.count})
    connection.execute(named("alerts_slots"), grid)
    rows = connection.execute(named(sql_equivalents.SQL_EQUIVALENTS[rule.name])).fetchall()
    return {row[0].replace(tzinfo=UTC): [_number(value) for value in row[1:]] for row in rows}


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(repr(value) if isinstance(value, float) else value)


def _all_hold(compared: Sequence[Condition], measured: Sequence[Decimal | None]) -> bool:
    return all(
        value is not None
        and condition.limit is not None
        and _COMPARISONS[condition.operator](value, condition.limit)
        for condition, value in zip(compared, measured, strict=True)
    )
