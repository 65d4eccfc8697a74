"""What an answer is kept under, what may be kept, and the store of one process."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.single_flight import BrokenFlightError, Flight
from proxy.cache.store import Kept, MemoryStore, answer_key, is_complete, looks_up, may_be_kept
from proxy.request.call import read_call
from tests.support.arbitrary import JSON

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "hi"}],
    "temperature": 0.5,
}
VARY = ("anthropic-*", "openai-*")
NOT_ASKED = {"model", "user", "metadata", "stream", "stream_options"}


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
    return answer_key(call, **(asked | changes))


SAME: list[tuple[str, str]] = [
    ("the user and the metadata", key(BODY | {"user": "u1", "metadata": {"a": 1}})),
    ("how it is sent", key(BODY | {"stream_options": {"include_usage": True}})),
    ("the order of names", key(dict(reversed(BODY.items())))),
    ("white space", key(raw=json.dumps(BODY, indent=3).encode())),
    ("an alias", key(BODY | {"model": "fast"})),
    ("a header that steers nothing", key(headers={"User-Agent": "x", "x-request-id": "1"})),
]


@pytest.mark.parametrize("other", [other for _, other in SAME], ids=[name for name, _ in SAME])
def test_the_same_question_has_the_same_key(other: str) -> None:
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
    ("a header that steers", key(headers={"OpenAI-Beta": "assistants=v2"})),
]


def test_every_other_question_has_a_key_of_its_own() -> None:
    keys = [key(), *(other for _, other in OTHER)]
    assert len(set(keys)) == len(keys)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_a_key_always_tells_bodies_apart(more: dict[str, Any]) -> None:
    more = {name: value for name, value in more.items() if name not in NOT_ASKED}
    same = json.dumps(BODY | more) == json.dumps(BODY)
    assert (key(BODY | more) == key()) is same


ASKED: list[tuple[str, dict[str, Any], dict[str, str], bool]] = [
    ("a plain question", {}, {}, True),
    ("the client's own tool", {"tools": [{"type": "function", "function": {"name": "f"}}]}, {}, True),
    ("Anthropic's client tool", {"tools": [{"name": "f", "input_schema": {}}]}, {}, True),
    ("no tools", {"tools": []}, {}, True),
    ("the provider's search", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, {}, False),
    ("a tool of an odd type", {"tools": [{"type": {}}]}, {}, False),
    ("tools that are none", {"tools": "all"}, {}, False),
    ("search by an option", {"web_search_options": {"search_context_size": "low"}}, {}, False),
    ("xAI's search", {"search_parameters": {"mode": "auto"}}, {}, False),
    ("Qwen's search", {"enable_search": True}, {}, False),
    ("a prompt that the provider keeps", {"prompt": {"id": "pmpt_1"}}, {}, False),
    ("the prompts of completions", {"prompt": ["a", "b"]}, {}, True),
    ("what was stored", {"previous_response_id": "resp_1"}, {}, True),
    ("background", {"background": True}, {}, False),
    ("not in the background", {"background": False}, {}, True),
    ("a conversation", {"conversation": "conv_1"}, {}, False),
    ("servers of tools", {"mcp_servers": [{"url": "https://x"}]}, {}, False),
    ("a client that wants its own", {}, {"Cache-Control": "no-cache"}, False),
    ("a client that wants nothing kept", {}, {"Cache-Control": "max-age=0, No-Store"}, False),
]


@pytest.mark.parametrize(
    ("more", "headers", "may"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED]
)
def test_only_what_would_be_answered_again_the_same_is_kept(
    more: dict[str, Any], headers: dict[str, str], may: bool
) -> None:
    assert may_be_kept(read_call(CHAT, "POST", json.dumps(BODY | more).encode()), headers) is may


LOOKING_UP: list[tuple[str, bool]] = [
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


@pytest.mark.parametrize(("model", "expected"), LOOKING_UP, ids=[row[0] for row in LOOKING_UP])
def test_a_model_that_searches_unasked_is_known_by_its_name(model: str, *, expected: bool) -> None:
    assert looks_up(model) is expected


def test_a_route_that_generates_nothing_is_not_kept() -> None:
    assert not may_be_kept(read_call("/v1/messages/count_tokens", "POST", b'{"model":"claude-x"}'), {})
    assert not may_be_kept(read_call("/v1/models", "GET", b""), {})


RESPONSES: list[tuple[str, Any, bytes, bool]] = [
    ("completed", "json", b'{"status": "completed"}', True),
    ("incomplete", "json", b'{"status": "incomplete"}', False),
    ("a stream that completed", "stream", b'data: {"type": "response.completed"}\n\n', True),
    ("the same without spaces", "stream", b'data: {"type":"response.completed"}\n\n', True),
    ("a stream that did not", "stream", b'data: {"type":"response.incomplete"}\n\n', False),
    ("a text that says so", "stream", b'data: {"delta":"\\"type\\":\\"response.completed\\""}\n\n', False),
]


@pytest.mark.parametrize(("form", "body", "complete"), [row[1:] for row in RESPONSES])
def test_a_response_is_complete_only_when_it_says_so(form: Any, body: bytes, complete: bool) -> None:
    assert is_complete("/v1/responses", form, body) is complete
    assert is_complete(CHAT, form, body)


async def test_the_store_forgets_what_was_used_least_and_never_grows_beyond_its_size() -> None:
    store = MemoryStore(100, 60)
    for at in range(10):
        await store.put(str(at), Kept(content_type="x", body=b"0" * 30))
        await store.get("0")
    kept = [at for at in range(10) if await store.get(str(at))]
    assert kept == [0, 8, 9]
    await store.put("large", Kept(content_type="x", body=b"0" * 101))
    assert await store.get("large") is None


async def test_the_store_forgets_in_time() -> None:
    store = MemoryStore(100, 0.05)
    await store.put("a", Kept(content_type="x", body=b"1"))
    assert await store.get("a")
    await asyncio.sleep(0.08)
    assert await store.get("a") is None


async def pieces_of(*pieces: bytes, fault: Exception | None = None) -> Any:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece
    if fault:
        raise fault


async def followed(flight: Flight) -> bytes | None:
    if not await flight.join():
        return None
    return b"".join([piece async for piece in flight.following()])


@given(st.lists(st.binary(min_size=1, max_size=5)), st.integers(0, 8))
async def test_whoever_joins_whenever_gets_the_whole_answer(pieces: list[bytes], late: int) -> None:
    flight = Flight(1000)

    async def follow_later() -> bytes | None:
        for _ in range(late):
            await asyncio.sleep(0)
        return await followed(flight)

    following = asyncio.create_task(follow_later())
    await asyncio.sleep(0)
    flight.begin("text/plain")
    passed = b"".join([piece async for piece in flight.passing(pieces_of(*pieces))])
    assert await following == passed == flight.body == b"".join(pieces)


async def test_nobody_joins_an_answer_that_may_not_be_shared() -> None:
    flight = Flight(1000)
    following = asyncio.create_task(followed(flight))
    await asyncio.sleep(0)
    flight.end()
    assert await following is None


async def test_nobody_joins_when_the_one_that_asked_has_left_alone() -> None:
    flight = Flight(1000)
    waiting = asyncio.create_task(followed(flight))
    await asyncio.sleep(0)
    assert flight.leave()  # one waits, though the head is not here
    flight.begin("text/plain")
    passed = [_ async for _ in flight.passing(pieces_of(b"a"))]
    assert (await waiting, passed) == (b"a", [b"a"])
    assert not flight.leave()
    assert await followed(flight) is None


async def test_followers_see_the_break() -> None:
    flight = Flight(1000)
    flight.begin("text/plain")
    following = asyncio.create_task(followed(flight))
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="cut"):
        [_ async for _ in flight.passing(pieces_of(b"a", fault=ValueError("cut")))]
    with pytest.raises(BrokenFlightError):
        await following
    assert flight.body is None


async def test_an_answer_too_large_to_keep_still_reaches_those_who_had_joined() -> None:
    pieces, flight = [b"12345"] * 5, Flight(9)
    flight.begin("text/plain")
    following = asyncio.create_task(followed(flight))
    await asyncio.sleep(0)
    assert [_ async for _ in flight.passing(pieces_of(*pieces))] == pieces
    assert await following == b"12345" * 5
    assert (flight.body, await followed(flight)) == (None, None)
