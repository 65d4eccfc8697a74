"""Cache keys, cacheable requests, and the store in memory."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.store import CachedAnswer, MemoryStore, cache_key, is_cacheable, is_complete, is_search_model
from proxy.request.call import read_call
from tests.support.arbitrary import JSON

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "hi"}],
    "temperature": 0.5,
}
VARY = ("anthropic-*", "openai-*")
NOT_IN_KEY = {"model", "user", "metadata", "stream", "stream_options"}


def key(body: dict[str, Any] = BODY, raw: bytes | None = None, **changes: Any) -> str:
    call = read_call(CHAT, "POST", raw or json.dumps(body).encode())
    asked: dict[str, Any] = {
        "form": "json",
        "path": CHAT,
        "upstream": "openai",
        "model": "gpt-4o",
        "team": "looms",
        "headers": {},
        "vary": VARY,
    }
    return cache_key(call, **(asked | changes))


SAME: list[tuple[str, str]] = [
    ("the user and the metadata", key(BODY | {"user": "u1", "metadata": {"a": 1}})),
    ("stream options", key(BODY | {"stream_options": {"include_usage": True}})),
    ("the order of names", key(dict(reversed(BODY.items())))),
    ("white space", key(raw=json.dumps(BODY, indent=3).encode())),
    ("an alias", key(BODY | {"model": "fast"})),
    ("an irrelevant header", key(headers={"User-Agent": "x", "x-request-id": "1"})),
]


@pytest.mark.parametrize("other", [other for _, other in SAME], ids=[name for name, _ in SAME])
def test_equal_requests_have_the_same_key(other: str) -> None:
    assert other == key()


OTHER: list[tuple[str, str]] = [
    ("another team", key(team="engines")),
    ("another upstream", key(upstream="azure")),
    ("another model", key(model="gpt-4o-mini")),
    ("another route", key(path="/v1/completions")),
    ("another query", key(path=CHAT + "?beta=true")),
    ("another form", key(form="stream")),
    ("another parameter", key(BODY | {"temperature": 0.50001})),
    ("text for a number", key(BODY | {"temperature": "0.5"})),
    ("null for nothing", key(BODY | {"seed": None})),
    ("another message", key(BODY | {"messages": [{"role": "user", "content": "hi "}]})),
    ("a relevant header", key(headers={"OpenAI-Beta": "assistants=v2"})),
]


def test_different_requests_have_different_keys() -> None:
    keys = [key(), *(other for _, other in OTHER)]
    assert len(set(keys)) == len(keys)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_different_bodies_have_different_keys(more: dict[str, Any]) -> None:
    more = {name: value for name, value in more.items() if name not in NOT_IN_KEY}
    same = json.dumps(BODY | more) == json.dumps(BODY)
    assert (key(BODY | more) == key()) is same


ASKED: list[tuple[str, dict[str, Any], dict[str, str], bool]] = [
    ("a plain request", {}, {}, True),
    ("a client's tool", {"tools": [{"type": "function", "function": {"name": "f"}}]}, {}, True),
    ("Anthropic's client tool", {"tools": [{"name": "f", "input_schema": {}}]}, {}, True),
    ("no tools", {"tools": []}, {}, True),
    ("the provider's search", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, {}, False),
    ("a tool of an odd type", {"tools": [{"type": {}}]}, {}, False),
    ("invalid tools", {"tools": "all"}, {}, False),
    ("search by an option", {"web_search_options": {"search_context_size": "low"}}, {}, False),
    ("xAI's search", {"search_parameters": {"mode": "auto"}}, {}, False),
    ("Qwen's search", {"enable_search": True}, {}, False),
    ("a stored prompt", {"prompt": {"id": "pmpt_1"}}, {}, False),
    ("the prompts of completions", {"prompt": ["a", "b"]}, {}, True),
    ("a previous response", {"previous_response_id": "resp_1"}, {}, True),
    ("background", {"background": True}, {}, False),
    ("not in the background", {"background": False}, {}, True),
    ("a conversation", {"conversation": "conv_1"}, {}, False),
    ("MCP servers", {"mcp_servers": [{"url": "https://x"}]}, {}, False),
    ("no-cache", {}, {"Cache-Control": "no-cache"}, False),
    ("no-store", {}, {"Cache-Control": "max-age=0, No-Store"}, False),
]


@pytest.mark.parametrize(
    ("more", "headers", "may"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED]
)
def test_only_repeatable_requests_are_cacheable(
    more: dict[str, Any], headers: dict[str, str], may: bool
) -> None:
    assert is_cacheable(read_call(CHAT, "POST", json.dumps(BODY | more).encode()), headers) is may


SEARCH_MODELS: list[tuple[str, bool]] = [
    ("gpt-4o-search-preview", True),
    ("gpt-5-search", True),
    ("o3-deep-research", True),
    ("perplexity/sonar-pro", True),
    ("openai/gpt-4o:online", True),
    ("gpt-4o", False),
    ("text-search2", False),
    ("researcher", False),
    ("", False),
]


@pytest.mark.parametrize(("model", "expected"), SEARCH_MODELS, ids=[row[0] for row in SEARCH_MODELS])
def test_search_models_are_recognised_by_name(model: str, *, expected: bool) -> None:
    assert is_search_model(model) is expected


def test_routes_that_generate_nothing_are_not_cacheable() -> None:
    assert not is_cacheable(read_call("/v1/messages/count_tokens", "POST", b'{"model":"claude-x"}'), {})
    assert not is_cacheable(read_call("/v1/models", "GET", b""), {})


RESPONSES: list[tuple[str, Any, bytes, bool]] = [
    ("completed", "json", b'{"status": "completed"}', True),
    ("incomplete", "json", b'{"status": "incomplete"}', False),
    ("a stream that completed", "stream", b'data: {"type": "response.completed"}\n\n', True),
    ("the same without spaces", "stream", b'data: {"type":"response.completed"}\n\n', True),
    ("a stream that did not", "stream", b'data: {"type":"response.incomplete"}\n\n', False),
    (
        "a string that contains it",
        "stream",
        b'data: {"delta":"\\"type\\":\\"response.completed\\""}\n\n',
        False,
    ),
]


@pytest.mark.parametrize(("form", "body", "complete"), [row[1:] for row in RESPONSES])
def test_response_is_complete_only_if_it_says_so(form: Any, body: bytes, complete: bool) -> None:
    assert is_complete("/v1/responses", form, body) is complete
    assert is_complete(CHAT, form, body)


async def test_store_evicts_the_least_recently_used_answers() -> None:
    store = MemoryStore(100, 60)
    for at in range(10):
        await store.put(str(at), CachedAnswer(content_type="x", body=b"0" * 30))
        await store.get("0")
    stored = [at for at in range(10) if await store.get(str(at))]
    assert stored == [0, 8, 9]
    await store.put("large", CachedAnswer(content_type="x", body=b"0" * 101))
    assert await store.get("large") is None


async def test_stored_answers_expire() -> None:
    store = MemoryStore(100, 0.05)
    await store.put("a", CachedAnswer(content_type="x", body=b"1"))
    assert await store.get("a")
    await asyncio.sleep(0.08)
    assert await store.get("a") is None
