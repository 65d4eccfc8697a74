"""The read API of the stand-in Langfuse: observations in pages, and sums by model."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from tests.support.langfuse.spans import Stored

_MAX_PAGE: Final = 1000
_MS: Final = 1_000_000

Answer = tuple[int, dict[str, Any]]


def _ns(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000) * _MS


def _iso(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // _MS / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def observations(rows: list[Stored], asked: dict[str, str]) -> Answer:
    """`GET /api/public/v2/observations`: the newest first, with a cursor while there are more."""
    limit = int(asked.get("limit", 50))
    if limit > _MAX_PAGE or "fromStartTime" not in asked:
        return 400, {"message": "limit is at most 1000, and this stand-in wants a time range"}
    since, until = _ns(asked["fromStartTime"]), _ns(asked["toStartTime"])
    wanted = sorted(
        (row for row in rows if since <= row.start_ns < until and row.name == asked.get("name", row.name)),
        key=lambda row: (row.start_ns, row.span_id),
        reverse=True,
    )
    start = int(base64.b64decode(asked["cursor"])) if "cursor" in asked else 0
    more = len(wanted) > start + limit
    data = [
        {
            "id": row.span_id,
            "traceId": row.trace_id,
            "projectId": "p",
            "type": row.type,
            "startTime": _iso(row.start_ns),
        }
        for row in wanted[start : start + limit]
    ]
    meta = {"cursor": base64.b64encode(str(start + limit).encode()).decode()} if more else {}
    return 200, {"data": data, "meta": meta}


_MEASURES: Final[dict[str, Callable[[list[Stored]], object]]] = {
    "count": lambda rows: str(len(rows)),
    "inputTokens": lambda rows: str(sum(row.input_tokens for row in rows)),
    "outputTokens": lambda rows: str(sum(row.output_tokens for row in rows)),
    "totalTokens": lambda rows: str(sum(row.usage["total"] for row in rows)),
    "totalCost": lambda rows: float(sum(row.cost for row in rows)),
}


def _passes(row: Stored, one: dict[str, Any]) -> bool:
    if (one["column"], one["operator"], one["type"]) == ("name", "=", "string"):
        return bool(row.name == one["value"])
    if (one["column"], one["operator"], one["type"]) == ("tags", "none of", "arrayOptions"):
        return not set(row.tags) & set(one["value"])
    raise ValueError(f"unknown filter: {one}")


def metrics(rows: list[Stored], asked: dict[str, str]) -> Answer:
    """`GET /api/public/v2/metrics`: sums by `providedModelName`, at most `row_limit` groups."""
    query = json.loads(asked["query"])
    if query["view"] != "observations" or query["dimensions"] != [{"field": "providedModelName"}]:
        return 400, {"message": "this stand-in groups observations by model only"}
    since, until = _ns(query["fromTimestamp"]), _ns(query["toTimestamp"])
    groups: dict[str, list[Stored]] = defaultdict(list)
    for row in rows:
        if since <= row.start_ns < until and all(_passes(row, one) for one in query["filters"]):
            groups[row.model].append(row)
    limit = query.get("config", {}).get("row_limit", 100)
    data = [
        {"providedModelName": model or None}
        | {
            f"{one['aggregation']}_{one['measure']}": _MEASURES[one["measure"]](found)
            for one in query["metrics"]
        }
        for model, found in list(groups.items())[:limit]
    ]
    return 200, {"data": data}
