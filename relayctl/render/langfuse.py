"""Builds the sheets of the `langfuse` commands."""

from __future__ import annotations

from decimal import Decimal

from etl.langfuse.export import Status
from etl.langfuse.span import from_milliseconds
from etl.langfuse.sums import Comparison
from etl.langfuse.verification import Verification
from relayctl.render.sheet import Column, Row, Sheet, counted
from relayctl.reports.json_documents import time_label

STATUS_SCHEMA = "relay.langfuse-status/v1"
VERIFY_SCHEMA = "relay.langfuse-verify/v1"

_REJECT_COLUMNS = (
    Column(name="request_id", title="request"),
    Column(name="started_at", title="began", kind="time", weight=4),
    Column(name="reason", title="reason"),
)
_VERIFY_COLUMNS = (
    Column(name="day", title="day", kind="time"),
    Column(name="model", title="model"),
    Column(name="requests", title="requests", kind="count"),
    Column(name="langfuse_requests", title="at Langfuse", kind="count"),
    Column(name="total_tokens", title="tokens", kind="count"),
    Column(name="langfuse_total_tokens", title="at Langfuse", kind="count"),
    Column(name="cost_usd", title="cost USD", kind="money"),
    Column(name="langfuse_cost_usd", title="at Langfuse", kind="money"),
    Column(name="prompt_tokens", title="prompt", kind="count"),
    Column(name="langfuse_prompt_tokens", title="at Langfuse", kind="count"),
    Column(name="completion_tokens", title="completion", kind="count"),
    Column(name="langfuse_completion_tokens", title="at Langfuse", kind="count"),
    Column(name="unsent", title="not sent", kind="count", weight=5),
    Column(name="rejected", title="rejected", kind="count", weight=5),
    Column(name="verdict", title="verdict"),
)
_EXTRA = frozenset(
    ("prompt_tokens", "langfuse_prompt_tokens", "completion_tokens", "langfuse_completion_tokens")
)


def status_sheet(status: Status) -> Sheet:
    """A summary of the export, and a row for each request that Langfuse rejected."""
    counts = status.counts
    until = counts.verified_until
    rows = [
        {
            "request_id": one.request_id,
            "started_at": time_label(from_milliseconds(one.started_ms)),
            "reason": one.reason,
        }
        for one in status.rejections
    ]
    numbers = {
        "base_url": status.base_url,
        "sent": counts.accepted + counts.verified,
        "verified": counts.verified,
        "waiting": status.waiting,
        "rejected": counts.rejected,
        "verified_until": time_label(until) if until else None,
    }
    header = [
        f"{counted(counts.accepted + counts.verified, 'request')} sent to {status.base_url}",
        f"{counts.verified:,} of them verified",
        f"{counted(status.waiting, 'request')} waiting to be sent",
        f"Verified up to {time_label(until)}" if until else "Nothing is verified yet",
        f"{counted(counts.rejected, 'request')} rejected:" if rows else "Nothing is rejected",
    ]
    return Sheet(
        columns=_REJECT_COLUMNS,
        rows=rows,
        document={"schema": STATUS_SCHEMA} | numbers | {"rejects": rows},
        header=header,
    )


def verify_sheet(found: Verification) -> Sheet:
    """The sums of the records and of Langfuse, and the requests that are missing or duplicated there."""
    rows = [_compared(one) for one in found.comparisons]
    differing = sum(not one.agrees for one in found.comparisons)
    header = [
        f"{counted(differing, 'row')} of {len(rows):,} differ:"
        if differing
        else f"Langfuse has every request once, as {counted(len(rows), 'row')} of days and models show:"
    ]
    for number, named, what in (
        (found.lost_count, found.lost, "taken and never stored"),
        (found.duplicated_count, found.duplicated, "there more than once"),
    ):
        if number:
            more = f" and {number - len(named):,} more" if number > len(named) else ""
            header.append(f"{counted(number, 'request')} {what}: {', '.join(named)}{more}")
    if found.resent:
        header.append(f"{counted(found.resent, 'request')} sent again")
    document = {
        "schema": VERIFY_SCHEMA,
        "agrees": found.agrees,
        "lost": found.lost_count,
        "lost_request_ids": found.lost,
        "doubled": found.duplicated_count,
        "doubled_request_ids": found.duplicated,
        "resent": found.resent,
        "rows": rows,
    }
    return Sheet(columns=_VERIFY_COLUMNS, rows=rows, document=document, header=header, extra=_EXTRA)


def _compared(one: Comparison) -> Row:
    sums = ("requests", "prompt_tokens", "completion_tokens", "total_tokens")
    return {
        "day": one.day.isoformat(),
        "model": one.model,
        **{name: getattr(one.records, name) for name in sums},
        "cost_usd": one.records.cost_usd,
        **{f"langfuse_{name}": getattr(one.langfuse, name) for name in sums},
        "langfuse_cost_usd": Decimal(str(one.langfuse.cost_usd)),
        "unsent": one.records.unsent,
        "rejected": one.records.rejected,
        "verdict": "same" if one.agrees else "differs",
    }
