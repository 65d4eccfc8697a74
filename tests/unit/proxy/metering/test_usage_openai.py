"""Usage objects of OpenAI and its dialects, and the counts read from them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from proxy.metering.usage_openai import from_openai
from tests.support.arbitrary import read, shown

Expected = dict[str, Any]

OPENAI: list[tuple[str, str | dict[str, Any], Expected | None]] = [
    (
        "OpenAI chat: cached and reasoning tokens stand inside their wholes",
        {
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 192, "accepted_prediction_tokens": 0},
        },
        {"prompt_tokens": 2006, "completion_tokens": 300, "cache_read_tokens": 1920, "reasoning_tokens": 192},
    ),
    (
        "OpenAI chat: cache writes are billed",
        {
            "prompt_tokens": 1500,
            "completion_tokens": 10,
            "total_tokens": 1510,
            "prompt_tokens_details": {"cached_tokens": 200, "cache_write_tokens": 1200},
        },
        {
            "prompt_tokens": 1500,
            "completion_tokens": 10,
            "cache_read_tokens": 200,
            "cache_write_tokens": 1200,
        },
    ),
    (
        "OpenAI chat: audio in and out",
        {
            "prompt_tokens": 100,
            "completion_tokens": 80,
            "total_tokens": 180,
            "prompt_tokens_details": {"audio_tokens": 60, "cached_tokens": 0},
            "completion_tokens_details": {"audio_tokens": 70, "reasoning_tokens": 0},
        },
        {
            "prompt_tokens": 100,
            "completion_tokens": 80,
            "prompt_audio_tokens": 60,
            "completion_audio_tokens": 70,
        },
    ),
    (
        "OpenAI Responses: other names, same rules",
        {
            "input_tokens": 328,
            "input_tokens_details": {"cached_tokens": 128, "cache_write_tokens": 100},
            "output_tokens": 52,
            "output_tokens_details": {"reasoning_tokens": 40},
            "total_tokens": 380,
        },
        {
            "prompt_tokens": 328,
            "completion_tokens": 52,
            "cache_read_tokens": 128,
            "cache_write_tokens": 100,
            "reasoning_tokens": 40,
        },
    ),
    ("OpenAI embeddings: no completion", {"prompt_tokens": 9, "total_tokens": 9}, {"prompt_tokens": 9}),
    ("Voyage: the total is all there is", {"total_tokens": 14}, {"prompt_tokens": 14}),
    (
        "Azure: details that are null",
        {
            "prompt_tokens": 24,
            "completion_tokens": 9,
            "total_tokens": 33,
            "prompt_tokens_details": None,
            "completion_tokens_details": None,
        },
        {"prompt_tokens": 24, "completion_tokens": 9},
    ),
    (
        "Gemini: the gap to the total is thinking, billed as output",
        {"prompt_tokens": 15, "completion_tokens": 120, "total_tokens": 735},
        {"prompt_tokens": 15, "completion_tokens": 720, "reasoning_tokens": 600},
    ),
    (
        "Gemini: cut off while thinking, no completion at all",
        {"prompt_tokens": 15, "total_tokens": 415},
        {"prompt_tokens": 15, "completion_tokens": 400, "reasoning_tokens": 400},
    ),
    (
        "xAI: reasoning outside the completion, reported in the details and in the total",
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "prompt_tokens_details": {"cached_tokens": 6, "text_tokens": 32},
            "completion_tokens_details": {"reasoning_tokens": 94},
            "num_sources_used": 0,
        },
        {"prompt_tokens": 32, "completion_tokens": 103, "cache_read_tokens": 6, "reasoning_tokens": 94},
    ),
    (
        "OpenRouter: details by another tokenizer than the completion, which the total says is all",
        {
            "prompt_tokens": 32,
            "completion_tokens": 57,
            "total_tokens": 89,
            "completion_tokens_details": {"reasoning_tokens": 64},
        },
        {"prompt_tokens": 32, "completion_tokens": 57, "reasoning_tokens": 57},
    ),
    (
        "Mistral: num_cached_tokens, and nulls beside it",
        {
            "prompt_audio_seconds": None,
            "prompt_tokens": 1100,
            "total_tokens": 1192,
            "completion_tokens": 92,
            "num_cached_tokens": 1024,
            "prompt_tokens_details": None,
        },
        {"prompt_tokens": 1100, "completion_tokens": 92, "cache_read_tokens": 1024},
    ),
    (
        "Mistral: details by another name",
        {"prompt_tokens": 1100, "completion_tokens": 2, "prompt_token_details": {"cached_tokens": 1024}},
        {"prompt_tokens": 1100, "completion_tokens": 2, "cache_read_tokens": 1024},
    ),
    (
        "Perplexity, Responses: Anthropic's name in OpenAI's details",
        {"input_tokens": 90, "output_tokens": 2, "input_tokens_details": {"cache_read_input_tokens": 64}},
        {"prompt_tokens": 90, "completion_tokens": 2, "cache_read_tokens": 64},
    ),
    (
        "Groq: times beside the counts",
        {
            "queue_time": 0.02,
            "prompt_tokens": 45,
            "prompt_time": 0.0012,
            "completion_tokens": 200,
            "total_tokens": 245,
        },
        {"prompt_tokens": 45, "completion_tokens": 200},
    ),
    (
        "DeepSeek: hits and misses make the prompt",
        {
            "prompt_tokens": 1030,
            "completion_tokens": 40,
            "total_tokens": 1070,
            "prompt_cache_hit_tokens": 1024,
            "prompt_cache_miss_tokens": 6,
            "completion_tokens_details": {"reasoning_tokens": 33},
        },
        {"prompt_tokens": 1030, "completion_tokens": 40, "cache_read_tokens": 1024, "reasoning_tokens": 33},
    ),
    (
        "OpenRouter: its own cost, to the last digit",
        ('{"prompt_tokens":81,"completion_tokens":21,"total_tokens":102,"cost":0.000067500000000001,'
        '"is_byok":false,"cost_details":{"upstream_inference_cost":null}}'),
        {"prompt_tokens": 81, "completion_tokens": 21, "reported_cost": Decimal("0.000067500000000001")},
    ),
    (
        "OpenRouter, own key: cost is 0 and the true one is the upstream's",
        ('{"prompt_tokens":8,"completion_tokens":2,"cost":0,"is_byok":true,'
        '"cost_details":{"upstream_inference_cost":0.00012}}'),
        {"prompt_tokens": 8, "completion_tokens": 2, "reported_cost": Decimal("0.00012")},
    ),
    (
        "OpenRouter, own key: its fee is beside the upstream's price",
        ('{"prompt_tokens":8,"completion_tokens":2,"cost":0.00001,"is_byok":true,'
        '"cost_details":{"upstream_inference_cost":0.00012}}'),
        {"prompt_tokens": 8, "completion_tokens": 2, "reported_cost": Decimal("0.00013")},
    ),
    (
        "OpenRouter, own key: no fee is reported",
        '{"prompt_tokens":8,"completion_tokens":2,"is_byok":true,"cost_details":{"upstream_inference_cost":1}}',
        {"prompt_tokens": 8, "completion_tokens": 2, "reported_cost": Decimal(1)},
    ),
    (
        "OpenRouter, own key, upstream's price unknown: not free",
        '{"prompt_tokens":8,"completion_tokens":2,"cost":0,"is_byok":true,"cost_details":{}}',
        {"prompt_tokens": 8, "completion_tokens": 2},
    ),
    (
        "Perplexity: the cost is an object",
        '{"prompt_tokens":5,"completion_tokens":1,"cost":{"request_cost":0.005,"total_cost":0.006}}',
        {"prompt_tokens": 5, "completion_tokens": 1, "reported_cost": Decimal("0.006")},
    ),
    (
        "xAI: what it charges, in ten-thousand-millionths of a dollar",
        {"prompt_tokens": 5, "completion_tokens": 1, "num_sources_used": 0, "cost_in_usd_ticks": 37_756_000},
        {"prompt_tokens": 5, "completion_tokens": 1, "reported_cost": Decimal("0.0037756")},
    ),
    (
        "xAI: a price that is none",
        {"prompt_tokens": 5, "completion_tokens": 1, "cost_in_usd_ticks": -1},
        {"prompt_tokens": 5, "completion_tokens": 1},
    ),
    (
        "a cost below zero is nobody's price",
        '{"prompt_tokens":5,"completion_tokens":1,"cost":-1}',
        {"prompt_tokens": 5, "completion_tokens": 1},
    ),
    (
        "Together: cached_tokens at the top",
        {"prompt_tokens": 300, "completion_tokens": 5, "total_tokens": 305, "cached_tokens": 256},
        {"prompt_tokens": 300, "completion_tokens": 5, "cache_read_tokens": 256},
    ),
    (
        "vLLM: continuous usage on a chunk before the end",
        {"prompt_tokens": 12, "total_tokens": 15, "completion_tokens": 3},
        {"prompt_tokens": 12, "completion_tokens": 3},
    ),
    (
        "a provider's zero is a fact: the hits below it are not asked",
        {
            "prompt_tokens": 10,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 0},
            "cached_tokens": 9,
        },
        {"prompt_tokens": 10, "completion_tokens": 1},
    ),
    ("all zero is usage too", {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, {}),
    ("whole numbers may come as decimals", '{"prompt_tokens":3.0,"completion_tokens":1e1}',
     {"prompt_tokens": 3, "completion_tokens": 10}),
    ("no counts: no usage", {"cost": 0.1}, None),
    ("counts that are none", {"prompt_tokens": "12", "completion_tokens": True, "total_tokens": -1}, None),
    ("half a token is no count", '{"prompt_tokens":1.5}', None),
    ("more tokens than any model ever read", {"prompt_tokens": 10**15, "completion_tokens": 1},
     {"completion_tokens": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), [row[1:] for row in OPENAI], ids=[row[0] for row in OPENAI])
def test_openai_usage_and_its_dialects(raw: str | dict[str, Any], expected: Expected | None) -> None:
    assert shown(from_openai(read(raw))) == expected
