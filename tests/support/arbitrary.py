"""Arbitrary JSON for property tests, and usage objects as Relay reads and shows them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from proxy.json_decoding import decode
from proxy.metering.usage import TokenUsage

# No verdict of a property test may depend on how busy the machine is.
UNTIMED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

# Keys and values that the readers look at, in every wrong place, beside arbitrary ones.
NAMES = st.sampled_from([
    "usage", "x_groq", "choices", "delta", "message", "response", "type", "error", "model", "service_tier",
    "status", "content", "text", "input", "output", "cost", "is_byok", "cost_details", "iterations", "code",
    "upstream_inference_cost", "total_cost", "prompt_tokens", "completion_tokens", "total_tokens",
    "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens",
    "audio_tokens", "prompt_tokens_details", "completion_tokens_details", "input_tokens_details",
    "output_tokens_details",
    "cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation", "ephemeral_1h_input_tokens",
    "ephemeral_5m_input_tokens", "server_tool_use", "web_search_requests", "inference_geo", "speed",
    "prompt_cache_hit_tokens", "num_cached_tokens", "thinking_tokens", "tool_calls", "function", "arguments",
])  # fmt: skip
NUMBERS = st.integers(-2, 200) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text('aé\x00"\\\n \U0001f600', max_size=5)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS | NAMES
JSON = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(NAMES | TEXTS, below, max_size=8),
    max_leaves=30,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=12)


def read(value: str | dict[str, Any]) -> dict[str, Any]:
    """JSON as Relay reads it, with exact decimals."""
    decoded = decode((value if isinstance(value, str) else json.dumps(value)).encode())
    assert isinstance(decoded, dict)
    return decoded


def shown(usage: TokenUsage | None) -> dict[str, Any] | None:
    """The counts that are not zero, without the raw object."""
    if usage is None:
        return None
    fields = msgspec.structs.asdict(usage)
    return {name: value for name, value in fields.items() if name != "raw" and value not in {0, None, ()}}
