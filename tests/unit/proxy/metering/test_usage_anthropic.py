"""Anthropic's usage objects and streams, and the counts read from them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.metering.usage_anthropic import from_anthropic, merge_usage
from tests.support.arbitrary import read, shown

Expected = dict[str, Any]

ITERATIONS = {
    "input_tokens": 180,
    "output_tokens": 40,
    "iterations": [
        {"type": "compaction", "input_tokens": 54_000, "output_tokens": 1_196},
        {"type": "message", "input_tokens": 180, "output_tokens": 40},
    ],
}

ANTHROPIC: list[tuple[str, dict[str, Any], Expected | None]] = [
    (
        "the input leaves out what the cache read and wrote",
        {
            "input_tokens": 4,
            "cache_creation_input_tokens": 1163,
            "cache_read_input_tokens": 200,
            "output_tokens": 187,
        },
        {
            "prompt_tokens": 1367,
            "completion_tokens": 187,
            "cache_read_tokens": 200,
            "cache_write_tokens": 1163,
        },
    ),
    (
        "the hour's part of what was written",
        {
            "input_tokens": 1,
            "cache_creation_input_tokens": 556,
            "cache_creation": {"ephemeral_5m_input_tokens": 456, "ephemeral_1h_input_tokens": 100},
            "output_tokens": 2,
        },
        {
            "prompt_tokens": 557,
            "completion_tokens": 2,
            "cache_write_tokens": 556,
            "cache_write_1h_tokens": 100,
        },
    ),
    (
        "a stale split that is short of the sum: the rest is kept five minutes",
        {
            "input_tokens": 1,
            "cache_creation_input_tokens": 900,
            "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 300},
            "output_tokens": 2,
        },
        {
            "prompt_tokens": 901,
            "completion_tokens": 2,
            "cache_write_tokens": 900,
            "cache_write_1h_tokens": 300,
        },
    ),
    (
        "a stale split that is more than the sum",
        {
            "input_tokens": 1,
            "cache_creation_input_tokens": 50,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 300},
            "output_tokens": 2,
        },
        {"prompt_tokens": 51, "completion_tokens": 2, "cache_write_tokens": 50, "cache_write_1h_tokens": 50},
    ),
    (
        "a zero sum beside a stale split is a fact",
        {
            "input_tokens": 7,
            "cache_creation_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 2,
        },
        {"prompt_tokens": 7, "completion_tokens": 2},
    ),
    ("nulls count nothing", {"input_tokens": 7, "cache_read_input_tokens": None, "output_tokens": 2},
     {"prompt_tokens": 7, "completion_tokens": 2}),
    (
        "thinking is inside the output; searches are counted",
        {
            "input_tokens": 10,
            "output_tokens": 50,
            "output_tokens_details": {"thinking_tokens": 30},
            "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
        },
        {"prompt_tokens": 10, "completion_tokens": 50, "reasoning_tokens": 30, "web_searches": 2},
    ),
    ("the standard tier is nothing special",
     {"input_tokens": 1, "output_tokens": 1, "service_tier": "standard", "inference_geo": "global"},
     {"prompt_tokens": 1, "completion_tokens": 1}),
    ("a service tier", {"input_tokens": 1, "output_tokens": 1, "service_tier": "priority"},
     {"prompt_tokens": 1, "completion_tokens": 1, "tier": "priority"}),
    ("a place to compute", {"input_tokens": 1, "output_tokens": 1, "inference_geo": "us"},
     {"prompt_tokens": 1, "completion_tokens": 1, "tier": "us"}),
    ("fast mode, in one place",
     {"input_tokens": 1, "output_tokens": 1, "service_tier": "standard", "inference_geo": "us",
      "speed": "fast"},
     {"prompt_tokens": 1, "completion_tokens": 1, "tier": "us fast"}),
    ("no counts: no usage", {"service_tier": "standard"}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "expected"), [row[1:] for row in ANTHROPIC], ids=[row[0] for row in ANTHROPIC]
)
def test_anthropic_usage(raw: dict[str, Any], expected: Expected | None) -> None:
    assert shown(from_anthropic(read(raw))) == expected


def test_compaction_is_billed_beside_the_top_level_counts() -> None:
    usage = from_anthropic(read(ITERATIONS))
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (54_180, 1_236)
    assert [(part.prompt_tokens, part.completion_tokens) for part in usage.billed] == [
        (54_000, 1_196),
        (180, 40),
    ]
    assert usage.raw == read(ITERATIONS)


def test_server_tool_iterations_are_priced_singly_and_counted_once() -> None:
    turn = {"type": "message", "input_tokens": 150_000, "cache_read_input_tokens": 10, "output_tokens": 5}
    top = {"input_tokens": 300_000, "cache_read_input_tokens": 20, "output_tokens": 10}
    usage = from_anthropic(top | {"iterations": [turn, turn]})
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cache_read_tokens) == (300_020, 10, 20)
    assert [part.prompt_tokens for part in usage.billed] == [150_010, 150_010]


def test_advisor_is_billed_by_its_own_model() -> None:
    advisor = {
        "type": "advisor_message",
        "model": "claude-opus-4-6",
        "input_tokens": 800,
        "output_tokens": 90,
    }
    turn = {"type": "message", "input_tokens": 412, "output_tokens": 89}
    usage = from_anthropic({"input_tokens": 412, "output_tokens": 89, "iterations": [turn, advisor, turn]})
    assert usage is not None
    assert [part.model for part in usage.billed] == [None, "claude-opus-4-6", None]
    assert (usage.prompt_tokens, usage.completion_tokens) == (412 * 2 + 800, 89 * 2 + 90)


def test_larger_top_level_counts_are_used() -> None:
    turn = {"type": "message", "input_tokens": 1, "output_tokens": 1}
    compaction = {"type": "compaction", "input_tokens": 10, "output_tokens": 2}
    usage = from_anthropic({"input_tokens": 500, "output_tokens": 9, "iterations": [turn, compaction]})
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (510, 11)


OVERLAYS: list[tuple[str, list[dict[str, Any]], Expected]] = [
    (
        "the output of start is a seed, the delta's is cumulative: never their sum",
        [{"input_tokens": 52, "output_tokens": 3}, {"output_tokens": 238}],
        {"prompt_tokens": 52, "completion_tokens": 238},
    ),
    (
        "a delta's larger input counts (server tools)",
        [{"input_tokens": 471, "output_tokens": 1}, {"input_tokens": 9_471, "output_tokens": 66}],
        {"prompt_tokens": 9_471, "completion_tokens": 66},
    ),
    (
        "a delta's null leaves start's count",
        [
            {"input_tokens": 5, "cache_read_input_tokens": 1165, "output_tokens": 1},
            {"cache_read_input_tokens": None, "input_tokens": None, "output_tokens": 224},
        ],
        {"prompt_tokens": 1170, "completion_tokens": 224, "cache_read_tokens": 1165},
    ),
    (
        "the split of the start is stale when the delta wrote more",
        [
            {
                "input_tokens": 5,
                "output_tokens": 1,
                "cache_creation_input_tokens": 100,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 100},
            },
            {"cache_creation_input_tokens": 400, "output_tokens": 9},
        ],
        {
            "prompt_tokens": 405,
            "completion_tokens": 9,
            "cache_write_tokens": 400,
            "cache_write_1h_tokens": 100,
        },
    ),
]


@pytest.mark.parametrize(
    ("parts", "expected"), [row[1:] for row in OVERLAYS], ids=[row[0] for row in OVERLAYS]
)
def test_anthropic_stream_usage_is_merged(parts: list[dict[str, Any]], expected: Expected) -> None:
    merged: dict[str, Any] = {}
    for raw in parts:
        merged = merge_usage(merged, raw)
    assert shown(from_anthropic(merged)) == expected
