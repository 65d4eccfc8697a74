"""Builds the sheets of the `etl` commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from etl.content.prune import OldContent
from etl.database.prune import OldPartition
from etl.load.status import Status
from etl.rollup.verification import Difference
from etl.segments.rejects import Reject
from relayctl.render.sheet import Column, Sheet, counted
from relayctl.reports.json_documents import time_label

STATUS_SCHEMA = "relay.etl-status/v1"
REJECTS_SCHEMA = "relay.etl-rejects/v1"
DIFFERENCES_SCHEMA = "relay.etl-differences/v1"
PRUNE_SCHEMA = "relay.etl-prune/v1"

_GAP_COLUMNS = (
    Column(name="kind", title="missing"),
    Column(name="missing", title="count", kind="count"),
    Column(name="segment", title="segment", weight=5),
    Column(name="since", title="since", kind="time", weight=4),
    Column(name="detail", title="what", weight=6),
)
_REJECT_COLUMNS = (
    Column(name="segment", title="segment"),
    Column(name="line_number", title="line", kind="count"),
    Column(name="byte_offset", title="byte", kind="count", weight=3),
    Column(name="reason", title="reason"),
    Column(name="line", title="text", weight=2),
)
_DIFFERENCE_COLUMNS = (
    Column(name="rollup", title="rollup"),
    Column(name="since", title="since", kind="time"),
    Column(name="user_id", title="user"),
    Column(name="team_id", title="team"),
    Column(name="model", title="model"),
    Column(name="measure", title="measure"),
    Column(name="stored", title="stored"),
    Column(name="recomputed", title="from records"),
)
_NO_VIEW = "usage_daily was never refreshed"
_PRUNE_COLUMNS = (
    Column(name="partition", title="partition"),
    Column(name="since", title="since", kind="time", weight=4),
    Column(name="until", title="until", kind="time", weight=4),
    Column(name="records", title="records", kind="count"),
    Column(name="bytes", title="bytes", kind="count"),
    Column(name="unarchived", title="segments not archived", kind="count"),
    Column(name="state", title="state"),
)


def status_sheet(status: Status) -> Sheet:
    """A summary of the ETL's state, and a row for each gap."""
    rows = [asdict(gap) | {"since": time_label(gap.since)} for gap in status.gaps]
    numbers = {
        name: time_label(value) if isinstance(value, datetime) else value
        for name, value in asdict(status).items()
        if name != "gaps"
    }
    return Sheet(
        columns=_GAP_COLUMNS,
        rows=rows,
        document={"schema": STATUS_SCHEMA} | numbers | {"gaps": rows},
        header=_lines(status),
    )


def rejects_sheet(rejects: Sequence[Reject]) -> Sheet:
    """A row for each line that could not be loaded."""
    rows = [asdict(reject) for reject in rejects]
    return Sheet(columns=_REJECT_COLUMNS, rows=rows, document={"schema": REJECTS_SCHEMA, "rejects": rows})


def differences_sheet(differences: Sequence[Difference]) -> Sheet:
    """A row for each measure of a rollup that differs from the records."""
    rows = [asdict(one) | {"since": time_label(one.since)} for one in differences]
    return Sheet(
        columns=_DIFFERENCE_COLUMNS,
        rows=rows,
        document={"schema": DIFFERENCES_SCHEMA, "differences": rows},
        header=[f"{counted(len(rows), 'difference')}:" if rows else "The rollups are what the records make"],
    )


def prune_sheet(months: Sequence[OldPartition], content: OldContent | None, *, dry_run: bool) -> Sheet:
    """A row for each old month, and a line about old content segments, with the action taken."""
    dropped = "would be dropped" if dry_run else "dropped"
    rows = [
        asdict(one)
        | {
            "since": _label(one.since),
            "until": _label(one.until),
            "state": dropped if one.dropped else "kept",
        }
        for one in months
    ]
    document: dict[str, object] = {"schema": PRUNE_SCHEMA, "partitions": rows}
    header = []
    if content is not None:
        since, until = _label(content.since), _label(content.until)
        document["content"] = asdict(content) | {"since": since, "until": until, "dry_run": dry_run}
        sealed = f", sealed from {since} to {until}," if content.segments else ""
        what = f"{counted(content.segments, 'content segment')}, {counted(content.bytes, 'byte')}"
        header.append(f"{what}{sealed} {'would be removed' if dry_run else 'removed'}")
    return Sheet(columns=_PRUNE_COLUMNS, rows=rows, document=document, header=header)


def _lines(status: Status) -> list[str]:
    loaded = f"Everything sealed before {time_label(status.as_of)} is loaded" if status.as_of else None
    waiting = "No log directory: what waits is not known"
    if status.waiting is not None:
        waiting = f"{counted(status.waiting, 'sealed segment')} not loaded yet"
    if status.oldest_waiting:
        waiting += f", the oldest since {time_label(status.oldest_waiting)}"
    view = f"usage_daily is from {time_label(status.refreshed_at)}" if status.refreshed_at else _NO_VIEW
    if status.unrefreshed:
        view += f", without {counted(status.unrefreshed, 'load')} since"
    lines = (
        f"{counted(status.segments, 'segment')}, {counted(status.lines, 'line')}: {status.loaded:,} loaded, "
        f"{status.duplicate:,} duplicate, {status.rejected:,} rejected"
    )
    return [
        loaded or ("No run has loaded everything yet" if status.segments else "Nothing is loaded yet"),
        lines,
        waiting,
        view,
        *(
            [f"{counted(status.rejects, 'line')} rejected: see relayctl etl rejects"]
            if status.rejects
            else []
        ),
        f"{counted(len(status.gaps), 'gap')}:" if status.gaps else "No gaps",
    ]


def _label(moment: datetime | None) -> str | None:
    return time_label(moment) if moment else None
