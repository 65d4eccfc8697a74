"""Lists are cut into the pages of both APIs."""

from __future__ import annotations

from typing import Any

import pytest

from relayctl.demo.formats.models import anthropic_model, anthropic_models, openai_models
from relayctl.demo.formats.pages import anthropic_page, openai_page

ITEMS = [{"id": name} for name in "abcde"]


def ids(page: dict[str, Any]) -> str:
    return "".join(item["id"] for item in page["data"])


@pytest.mark.parametrize(
    ("query", "found", "more"),
    [
        ({}, "abcde", False),
        ({"limit": "2"}, "ab", True),
        ({"limit": "2", "after_id": "b"}, "cd", True),
        ({"limit": "2", "page": "page_d"}, "e", False),
        ({"limit": "2", "before_id": "d"}, "bc", True),
        ({"limit": "2", "before_id": "b"}, "a", False),
        ({"after_id": "e"}, "", False),
        ({"after_id": "unknown"}, "", False),
    ],
)
def test_pages_of_anthropic(query: dict[str, str], found: str, more: bool) -> None:
    page = anthropic_page(ITEMS, query)
    assert (ids(page), page["has_more"]) == (found, more)
    assert (page["first_id"], page["last_id"]) == ((found[0], found[-1]) if found else (None, None))
    assert (page["next_page"] is not None) == more


@pytest.mark.parametrize(
    ("query", "found", "more"),
    [
        ({}, "edcba", False),
        ({"order": "asc"}, "abcde", False),
        ({"order": "asc", "limit": "3"}, "abc", True),
        ({"order": "asc", "limit": "3", "after": "c"}, "de", False),
        ({"limit": "2", "after": "d"}, "cb", True),
        ({"after": "unknown"}, "", False),
    ],
)
def test_pages_of_openai(query: dict[str, str], found: str, more: bool) -> None:
    page = openai_page(ITEMS, query)
    assert (ids(page), page["has_more"]) == (found, more)


@pytest.mark.parametrize("limit", ["0", "-1", "x", "100000"])
def test_bad_limit_is_a_value_error(limit: str) -> None:
    for cut in (anthropic_page, openai_page):
        with pytest.raises(ValueError, match=r"limit|invalid literal"):
            cut(ITEMS, {"limit": limit})


def test_each_api_lists_its_own_models() -> None:
    names = ["gpt-4o", "claude-haiku-4-5"]
    assert ids(openai_models(names)) == "gpt-4o"
    assert ids(anthropic_models(names, {})) == "claude-haiku-4-5"
    assert anthropic_model("claude-haiku-4-5")["display_name"] == "Claude Haiku 4.5"
