"""Models in the lists of upstreams."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.upstreams import Upstream
from proxy.models.model import listed_models

UPSTREAM = Upstream(
    name="google", api="openai", base_url="https://g.example/v1", models=("gemini-*", "acme/*")
)
LISTED = [
    ({"id": "gemini-2.5-pro", "created": 5}, [("gemini-2.5-pro", 5)]),
    ({"id": "models/gemini-2.5-pro"}, [("gemini-2.5-pro", 0)]),
    ({"id": "acme/gemini", "created_at": "2025-01-01T00:00:00+01:00"}, [("acme/gemini", 1735686000)]),
    ({"id": "gemini-a", "created": True, "created_at": "soon"}, [("gemini-a", 1)]),
    ({"id": "gemini-a", "created": -1, "created_at": "2025-01-01"}, [("gemini-a", 0)]),
    ({"id": "gemini-a", "created": 10**30}, [("gemini-a", 0)]),
    ({"id": "gemini-\n"}, []),
    ({"id": "gemini-" + "a" * 300}, []),
    ({"id": "models/"}, []),
    ({"id": None}, []),
    ({"name": "gemini-a"}, []),
    ("gemini-a", []),
    ({"id": "gpt-4o"}, []),
]


@pytest.mark.parametrize(("entry", "expected"), LISTED)
def test_only_valid_models_that_the_globs_match_are_listed(
    entry: Any, expected: list[tuple[str, int]]
) -> None:
    assert [(model.id, model.created) for model in listed_models(UPSTREAM, {"data": [entry]})] == expected


@pytest.mark.parametrize("answer", [None, [], {}, {"data": None}, {"data": {"id": "x"}}, "text"])
def test_answer_without_a_list_is_an_error(answer: object) -> None:
    with pytest.raises(ValueError, match="not a list of models"):
        list(listed_models(UPSTREAM, answer))
