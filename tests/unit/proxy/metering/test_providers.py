"""What providers send, row by row: an answer as it comes, and the tokens and the cost of its record.

The rows are those of the page of facts that Relay was built from, in its order: where the usage is, where
Anthropic's goes wrong, hard situations. What a row says of one usage object alone is in `test_proxy_usage_*`.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from proxy.config.prices import PriceOverride
from proxy.config.upstreams import Upstream
from proxy.errors import api_of
from proxy.metering.prices import PriceTable
from proxy.metering.record_builder import Outcome, make_record
from proxy.segments.record import UsageRecord
from tests.support.replay import events, named_events
from tests.unit.proxy.metering.test_record_builder import CHAT, a_request, answered

MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
PRICES = PriceTable((PriceOverride(model="llama3.2", input_mtok=Decimal(0), output_mtok=Decimal(0)),))

Counts = tuple[int, int, int, int, int]
"""Prompt, completion; of the prompt read from and written to the cache; of the completion reasoning."""

Row = tuple[str, str | None, str, str, bytes, Counts, str | None]


def body(usage: object, **more: Any) -> bytes:
    return json.dumps({"choices": [{"message": {"content": "hi"}}], "usage": usage} | more).encode()


def used(prompt: int, completion: int, total: int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt, "completion_tokens": completion,
        "total_tokens": prompt + completion if total is None else total,
    } | more  # fmt: skip


def chunk(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}}]} | more


CACHED: dict[str, Any] = {"prompt_tokens_details": {"cached_tokens": 600}}
REASONED: dict[str, Any] = {"completion_tokens_details": {"reasoning_tokens": 60}}
RESPONSE = {
    "input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100,
    "input_tokens_details": {"cached_tokens": 600}, "output_tokens_details": {"reasoning_tokens": 60},
}  # fmt: skip

# (case, price table, model asked for, route, answer) -> (counts, cost in USD or None for unknown)
WHERE: list[Row] = [
    ("OpenAI chat, JSON: the parts stand inside their wholes", "openai", "gpt-4o", CHAT,
     body(used(1000, 100, **CACHED, **REASONED)), (1000, 100, 600, 0, 60), "0.00275"),
    ("OpenAI chat, stream: an extra chunk, obfuscation beside it", "openai", "gpt-4o", CHAT,
     events(chunk(obfuscation="aX3"), {"choices": [], "usage": used(1000, 100), "obfuscation": ""}),
     (1000, 100, 0, 0, 0), "0.0035"),
    ("OpenAI chat: cache writes cost 1.25 times the input on gpt-5.6", "openai", "gpt-5.6", CHAT,
     body(used(1000, 0, prompt_tokens_details={"cache_write_tokens": 1000})), (1000, 0, 0, 1000, 0), "0.005"),
    ("OpenAI chat: the tier in the body decides the price", "openai", "gpt-5", CHAT,
     body(used(1000, 100), service_tier="priority"), (1000, 100, 0, 0, 0), "0.0045"),
    ("OpenAI Responses, JSON", "openai", "gpt-4o", RESPONSES,
     json.dumps({"status": "completed", "usage": RESPONSE}).encode(), (1000, 100, 600, 0, 60), "0.00275"),
    ("OpenAI Responses, stream: in the event that ends it, incomplete too, without [DONE]",
     "openai", "gpt-4o", RESPONSES,
     named_events({"type": "response.created", "response": {"usage": None}},
                  {"type": "response.incomplete", "response": {"status": "incomplete", "usage": RESPONSE}}),
     (1000, 100, 600, 0, 60), "0.00275"),
    ("OpenAI Responses, stream that failed", "openai", "gpt-4o", RESPONSES,
     named_events({"type": "response.failed", "response": {"error": {"code": "x"}, "usage": RESPONSE}}),
     (1000, 100, 600, 0, 60), "0.00275"),
    ("OpenAI embeddings: no completion", "openai", "text-embedding-3-small", "/v1/embeddings",
     b'{"data":[],"usage":{"prompt_tokens":1000,"total_tokens":1000}}', (1000, 0, 0, 0, 0), "0.00002"),
    ("Voyage embeddings: the total alone", "voyage", "voyage-3", "/v1/embeddings",
     b'{"data":[],"usage":{"total_tokens":1000}}', (1000, 0, 0, 0, 0), "0.00006"),
    ("Azure, stream: begins with empty choices; a deployment's name, its model in the answer",
     "azure", "our-deployment", CHAT,
     events({"choices": [], "prompt_filter_results": []}, chunk(model="gpt-4o-2024-08-06"),
            {"choices": [], "usage": used(1000, 100)}), (1000, 100, 0, 0, 0), "0.0035"),
    ("Anthropic, JSON: the input leaves the cache out", "anthropic", "claude-sonnet-4-5", MESSAGES,
     json.dumps({"usage": {
         "input_tokens": 100, "cache_read_input_tokens": 600, "cache_creation_input_tokens": 300,
         "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
         "output_tokens": 100}}).encode(), (1000, 100, 600, 300, 0), "0.00333"),
    ("Gemini: the gap to the total is thinking", "google", "gemini-2.5-flash", CHAT,
     body(used(1000, 100, total=1500)), (1000, 500, 0, 0, 400), "0.00155"),
    ("Gemini, stream: cumulative on every chunk", "google", "gemini-2.5-flash", CHAT,
     events(chunk(usage=used(1000, 10, total=1200)), chunk(usage=used(1000, 100, total=1500))),
     (1000, 500, 0, 0, 400), "0.00155"),
    ("Mistral, stream: on the last chunk with choices", "mistral", "mistral-large-latest", CHAT,
     events(chunk(), chunk("", usage=used(1000, 100, num_cached_tokens=600))),
     (1000, 100, 600, 0, 0), "0.0026"),
    ("Groq, stream: in x_groq and beside it", "groq", "llama-3.3-70b-versatile", CHAT,
     events(chunk(), chunk("", x_groq={"usage": used(1000, 100)}, usage=used(1000, 100))),
     (1000, 100, 0, 0, 0), "0.000669"),
    ("Groq, stream: older ones in x_groq alone", "groq", "llama-3.3-70b-versatile", CHAT,
     events(chunk(), chunk("", x_groq={"usage": used(1000, 100)})), (1000, 100, 0, 0, 0), "0.000669"),
    ("DeepSeek, JSON: blank lines before it, hits and misses", "deepseek", "deepseek-chat", CHAT,
     b"\n\n\n" + body(used(1000, 100, prompt_cache_hit_tokens=600, prompt_cache_miss_tokens=400)),
     (1000, 100, 600, 0, 0), "0.00026"),
    ("DeepSeek, stream: comments between, on the last chunk with choices", "deepseek", "deepseek-chat", CHAT,
     b": keep-alive\n\n" + events(chunk(), done=False) + b": keep-alive\n\n"
     + events(chunk("", usage=used(1000, 100))), (1000, 100, 0, 0, 0), "0.00038"),
    ("OpenRouter: its own cost, plugin fees included", "openrouter", "openai/gpt-4o", CHAT,
     body(used(1000, 100, cost=0.0235)), (1000, 100, 0, 0, 0), "0.0235"),
    ("OpenRouter, own key: the cost is the upstream's", "openrouter", "openai/gpt-4o", CHAT,
     body(used(1000, 100, cost=0, is_byok=True, cost_details={"upstream_inference_cost": 0.0031})),
     (1000, 100, 0, 0, 0), "0.0031"),
    ("OpenRouter, stream: an error in the chunk with usage", "openrouter", "openai/gpt-4o", CHAT,
     b": OPENROUTER PROCESSING\n\n"
     + events(chunk(), chunk("", usage=used(1000, 1, cost=0.002), error={"code": 502, "message": "x"})),
     (1000, 1, 0, 0, 0), "0.002"),
    ("xAI: what it charges, the fees of its tools included", "x-ai", "grok-4", CHAT,
     body(used(1000, 100, total=1400, cost_in_usd_ticks=112_000_000)), (1000, 400, 0, 0, 300), "0.0112"),
    ("xAI, stream: cumulative on every chunk", "x-ai", "grok-4", CHAT,
     events(chunk(usage=used(1000, 1, total=1301)),
            chunk(usage=used(1000, 100, total=1400, cost_in_usd_ticks=62_000_000))),
     (1000, 400, 0, 0, 300), "0.0062"),
    ("xAI: by its prices where it does not say", "x-ai", "grok-4", CHAT,
     body(used(1000, 100, total=1400)), (1000, 400, 0, 0, 300), "0.009"),
    ("Together: cached_tokens at the top, on a chunk without choices",
     "together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", CHAT,
     events(chunk(), {"choices": [], "usage": used(1000, 100, cached_tokens=600)}),
     (1000, 100, 600, 0, 0), "0.000968"),
    ("Hugging Face, Zai, Snowflake, Crusoe, Cerebras: on a chunk with choices", None, "unknown", CHAT,
     events(chunk(), chunk("", usage=used(1000, 100))), (1000, 100, 0, 0, 0), None),
    ("vLLM, SGLang: cumulative on every chunk", None, "unknown", CHAT,
     events(chunk(usage=used(1000, 1)), chunk(usage=used(1000, 2)), {"choices": [], "usage": used(1000, 2)}),
     (1000, 2, 0, 0, 0), None),
    ("Ollama: costs nothing because the configuration says so", None, "llama3.2", CHAT,
     events(chunk(), {"choices": [], "usage": used(1000, 100)}), (1000, 100, 0, 0, 0), "0"),
    ("any, n > 1: usage comes once", "openai", "gpt-4o", CHAT,
     json.dumps({"choices": [{"index": 0}, {"index": 1}], "usage": used(1000, 100)}).encode(),
     (1000, 100, 0, 0, 0), "0.0035"),
    ("any: a zero is a fact", "openai", "gpt-4o", CHAT,
     body(used(1000, 0, prompt_tokens_details={"cached_tokens": 0}, cached_tokens=600)),
     (1000, 0, 0, 0, 0), "0.0025"),
]  # fmt: skip


def start(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"model": "claude-sonnet-4-5", "usage": usage}}


def delta(**usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {}, "usage": usage}


def turn(kind: str, tokens: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "input_tokens": tokens, "output_tokens": 0} | more


SPLIT = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 100}
TEXT = {"type": "content_block_delta", "delta": {"text": "12345678"}}

WRONG: list[tuple[str, list[dict[str, Any]], Counts, str | None]] = [
    ("the start's output is a seed", [start(input_tokens=1000, output_tokens=7), delta(output_tokens=100)],
     (1000, 100, 0, 0, 0), "0.0045"),
    ("a delta with a larger input, of server tools",
     [start(input_tokens=100, output_tokens=1), delta(input_tokens=1000, output_tokens=100)],
     (1000, 100, 0, 0, 0), "0.0045"),
    ("a delta whose nulls take nothing back",
     [start(input_tokens=100, cache_read_input_tokens=900, output_tokens=1),
      delta(input_tokens=None, cache_read_input_tokens=None, output_tokens=100)],
     (1000, 100, 900, 0, 0), "0.00207"),
    ("a split in the start only, and stale: the rest is kept five minutes",
     [start(input_tokens=0, cache_creation_input_tokens=100, cache_creation=SPLIT, output_tokens=1),
      delta(cache_creation_input_tokens=400, output_tokens=0)],
     (400, 0, 0, 400, 0), "0.001725"),
    ("a compaction is billed beside the counts that are shown",
     [start(input_tokens=180, output_tokens=1),
      delta(output_tokens=0, iterations=[turn("compaction", 55_000), turn("message", 180)])],
     (55_180, 0, 0, 0, 0), "0.16554"),
    ("a long context's price goes by the turn, not by their sum",
     [start(input_tokens=300_000, output_tokens=1),
      delta(output_tokens=0, iterations=[turn("message", 150_000), turn("message", 150_000)])],
     (300_000, 0, 0, 0, 0), "0.9"),
    ("a tier without a price is not priced as the ordinary one",
     [start(input_tokens=1000, output_tokens=1, service_tier="priority"), delta(output_tokens=100)],
     (1000, 100, 0, 0, 0), None),
    ("nor a place to compute", [start(input_tokens=1000, output_tokens=1, inference_geo="us"),
                                delta(output_tokens=100)], (1000, 100, 0, 0, 0), None),
    ("a search of the server's is paid",
     [start(input_tokens=1000, output_tokens=1),
      delta(output_tokens=100, server_tool_use={"web_search_requests": 2})], (1000, 100, 0, 0, 0), "0.0245"),
    ("and also where nothing else is sent with it",
     [start(input_tokens=1000, output_tokens=1), delta(output_tokens=100),
      delta(server_tool_use={"web_search_requests": 2})], (1000, 100, 0, 0, 0), "0.0245"),
    ("a search beside a compaction is paid once",
     [start(input_tokens=180, output_tokens=1),
      delta(output_tokens=0, iterations=[turn("compaction", 55_000)],
            server_tool_use={"web_search_requests": 1})], (55_180, 0, 0, 0, 0), "0.17554"),
    ("a search that its turn also reports is billed once",
     [start(input_tokens=180, output_tokens=1),
      delta(output_tokens=0, server_tool_use={"web_search_requests": 1},
            iterations=[turn("message", 180, server_tool_use={"web_search_requests": 1})])],
     (180, 0, 0, 0, 0), "0.01054"),
]  # fmt: skip

# (situation, status, route, answer as far as it came) -> (source, prompt, completion, type of error)
HARD: list[tuple[str, int, str, bytes, tuple[str, int, int, str | None]]] = [
    ("the client left, the upstream was read to its usage", 499, CHAT,
     events(chunk(), {"choices": [], "usage": used(1000, 100)}), ("provider", 1000, 100, None)),
    ("past the deadline: counted at four bytes a token", 499, CHAT, events(chunk("12345678"), done=False),
     ("estimated", 2, 2, None)),
    ("past the deadline: Anthropic's input is exact", 499, MESSAGES,
     named_events(start(input_tokens=1000, output_tokens=1), TEXT), ("estimated", 1000, 2, None)),
    ("the upstream died: usage on every chunk is exact so far", 502, CHAT,
     events(chunk(usage=used(1000, 1)), chunk(usage=used(1000, 2)), done=False), ("provider", 1000, 2, None)),
    ("the upstream died: what is known", 502, CHAT, events(chunk("12345678"), done=False),
     ("estimated", 2, 2, None)),
    ("200 with HTML", 200, CHAT, b"<html>", ("none", 0, 0, "unreadable_answer")),
    ("200 with nothing", 200, CHAT, b"", ("none", 0, 0, "unreadable_answer")),
    ("200 with broken JSON", 200, CHAT, b'{"usage": {"prompt_tokens": 1',
     ("none", 0, 0, "unreadable_answer")),
    ("200 with an error event, no usage, no [DONE]", 200, CHAT,
     b'event: error\ndata: {"error":{"type":"overloaded"}}\n\n', ("none", 0, 0, "overloaded")),
]  # fmt: skip


def recorded(
    answer: bytes, model: str, endpoint: str, provider: str | None, status: int = 200
) -> UsageRecord:
    api = api_of(endpoint)
    upstream = {"name": "up", "api": api, "base_url": "http://x.example", "price_provider": provider}
    request = a_request(endpoint)
    request.resolved_model, request.upstream = model, Upstream.model_validate(upstream)
    outcome = Outcome(status=status, billable=True)
    return make_record(request, answered(answer, api), outcome, PRICES, Decimal(1))


def counts(record: UsageRecord) -> Counts:
    return (
        record.prompt_tokens,
        record.completion_tokens,
        record.cache_read_tokens,
        record.cache_write_tokens,
        record.reasoning_tokens,
    )


@pytest.mark.parametrize("row", WHERE, ids=[row[0] for row in WHERE])
def test_usage_is_found_for_each_provider(row: Row) -> None:
    _, provider, model, endpoint, answer, expected, cost = row
    record = recorded(answer, model, endpoint, provider)
    assert (record.usage_source, counts(record)) == ("provider", expected)
    assert record.cost_usd == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize(
    ("events_sent", "expected", "cost"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_difficult_anthropic_usage_is_read(
    events_sent: list[dict[str, Any]], expected: Counts, cost: str | None
) -> None:
    stream = named_events(*events_sent, {"type": "message_stop"})
    record = recorded(stream, "claude-sonnet-4-5", MESSAGES, "anthropic")
    assert (record.usage_source, counts(record)) == ("provider", expected)
    assert record.cost_usd == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize(
    ("status", "endpoint", "answer", "expected"), [row[1:] for row in HARD], ids=[row[0] for row in HARD]
)
def test_difficult_answer_leaves_the_known_counts(
    status: int, endpoint: str, answer: bytes, expected: tuple[str, int, int, str | None]
) -> None:
    record = recorded(answer, "m", endpoint, None, status)
    error = record.error.type if record.error else None
    assert (record.usage_source, record.prompt_tokens, record.completion_tokens, error) == expected
