"""Cuts lists of objects into the pages of either API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

Object = dict[str, Any]

_ANTHROPIC_LIMIT: Final = 20
_ANTHROPIC_MOST: Final = 1_000
_OPENAI_MOST: Final = 10_000


def anthropic_page(items: Sequence[Object], query: Mapping[str, str]) -> Object:
    """A page of Anthropic's lists, by `before_id`, `after_id` or the cursor `page`.

    Raises ValueError for a limit that is not a number from 1 to 1,000.
    """
    limit = _limit(query, _ANTHROPIC_LIMIT, _ANTHROPIC_MOST)
    if before := query.get("before_id"):
        end = _position(items, before)
        start = max(0, end - limit)
        more = start > 0
    else:
        after = query.get("after_id") or query.get("page", "").removeprefix("page_")
        start = _position(items, after) + 1 if after else 0
        end = start + limit
        more = end < len(items)
    page = items[start:end]
    last = page[-1]["id"] if page else None
    return {
        "data": list(page),
        "has_more": more,
        "first_id": page[0]["id"] if page else None,
        "last_id": last,
        "next_page": f"page_{last}" if more else None,
    }


def openai_page(items: Sequence[Object], query: Mapping[str, str]) -> Object:
    """A page of OpenAI's lists after the object `after`, newest first unless `order` is "asc".

    Raises ValueError for a limit that is not a number from 1 to 10,000.
    """
    limit = _limit(query, _OPENAI_MOST, _OPENAI_MOST)
    ordered = list(items) if query.get("order") == "asc" else list(reversed(items))
    start = _position(ordered, query["after"]) + 1 if query.get("after") else 0
    page = ordered[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "has_more": start + limit < len(ordered),
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def _limit(query: Mapping[str, str], default: int, most: int) -> int:
    limit = int(query.get("limit", default))
    if not 1 <= limit <= most:
        raise ValueError(f"limit must be from 1 to {most}")
    return limit


def _position(items: Sequence[Object], item_id: str) -> int:
    """The index of an object; the end of the list if it has none with this id."""
    return next((index for index, item in enumerate(items) if item["id"] == item_id), len(items))
