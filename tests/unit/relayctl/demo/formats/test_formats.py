"""The stand-in's answers have the APIs' formats, are read by Relay's readers and have the right counts."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from proxy.metering.usage_anthropic import from_anthropic, merge_usage
from proxy.metering.usage_openai import from_openai
from relayctl.demo.formats import chat as chat_format
from relayctl.demo.formats import embeddings, messages, responses
from relayctl.demo.formats.answer import Answer, answer_to
from relayctl.demo.formats.requested import prompt_text, tokens_in

LONG = "x" * 4 * 3000


def answer(body: dict[str, Any], seed: int = 1) -> Answer:
    return answer_to(body, Random(seed), created=1_790_000_000)


def chat(model: str = "gpt-4o", prompt: str = LONG, **options: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **options}


def cached_message(prompt: str = LONG) -> dict[str, Any]:
    system = [{"type": "text", "text": prompt, "cache_control": {"type": "ephemeral"}}]
    return chat("claude-sonnet-4-5", "and now?", system=system, max_tokens=50)


def events(frames: list[bytes]) -> list[Any]:
    """The data of server-sent events, without OpenAI's `[DONE]`."""
    data = [line[6:] for frame in frames for line in frame.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(text) for text in data if text != "[DONE]"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"messages": [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c"}]}, "abc"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "part"}]}]}, "part"),
        ({"system": "be brief. ", "messages": [{"role": "user", "content": "hi"}]}, "be brief. hi"),
        ({"instructions": "be brief. ", "input": "hi"}, "be brief. hi"),
        ({"input": ["one", "two"]}, "onetwo"),
        ({"model": "gpt-4o", "metadata": {"note": "not a prompt"}}, ""),
        ({"messages": None, "input": 7}, ""),
    ],
)
def test_prompt_text_is_found_in_every_api(body: dict[str, Any], expected: str) -> None:
    assert prompt_text(body) == expected


@pytest.mark.parametrize(("text", "tokens"), [("", 1), ("abcd", 1), ("abcde", 2), ("x" * 400, 100)])
def test_a_token_has_four_characters(text: str, tokens: int) -> None:
    assert tokens_in(text) == tokens


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_answer_has_the_length_of_the_limit(limit: str) -> None:
    made = answer(chat(prompt="four") | {limit: 33})
    assert (made.prompt_tokens, made.answer_tokens) == (1, 33)
    assert len(made.text.split()) == 33


def test_answer_depends_on_request_and_seed_only() -> None:
    assert answer(chat(), 5) == answer(chat(), 5)
    assert answer(chat(), 5) != answer(chat(), 6)


def test_reasoning_tokens_are_part_of_the_answer_tokens() -> None:
    thinking = answer(chat("gpt-5-mini", max_completion_tokens=200))
    assert 0 < thinking.reasoning_tokens < 200
    assert len(thinking.text.split()) == 200 - thinking.reasoning_tokens
    assert answer(chat("gpt-4o")).reasoning_tokens == 0


def test_openai_caches_some_long_prompts() -> None:
    made = [answer(chat(), seed) for seed in range(100)]
    read = [one.cache_read_tokens for one in made if one.cache_read_tokens]
    assert 20 < len(read) < 50
    assert all(count % 128 == 0 and count < 3000 for count in read)
    assert not any(one.cache_write_tokens for one in made)
    assert not any(answer(chat(prompt="short"), seed).cache_read_tokens for seed in range(100))


def test_anthropic_caches_only_marked_prompts() -> None:
    made = [answer(cached_message(), seed) for seed in range(100)]
    assert all(bool(one.cache_read_tokens) != bool(one.cache_write_tokens) for one in made)
    assert sum(bool(one.cache_write_tokens) for one in made) in range(5, 30)
    unasked = [answer(chat("claude-sonnet-4-5"), seed) for seed in range(100)]
    assert not any(one.cache_read_tokens or one.cache_write_tokens for one in unasked)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5-mini"])
def test_chat_completion_has_usage(model: str) -> None:
    made = answer(chat(model, max_completion_tokens=80))
    body = chat_format.chat(made)
    usage = from_openai(body["usage"])
    assert usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (3000, 80)
    assert usage.cache_read_tokens == made.cache_read_tokens
    assert usage.reasoning_tokens == made.reasoning_tokens
    assert body["choices"][0]["message"]["content"] == made.text
    assert body["model"].startswith(f"{model}-20")


def test_chat_stream_has_usage_only_on_request() -> None:
    made = answer(chat(max_tokens=80))
    silent = events(list(chat_format.chat_frames(made, include_usage=False)))
    assert not any("usage" in chunk for chunk in silent)
    sent = events(list(chat_format.chat_frames(made, include_usage=True)))
    assert [chunk["usage"] for chunk in sent[:-1]] == [None] * (len(sent) - 1)
    assert sent[-1]["choices"] == []
    assert sent[-1]["usage"] == chat_format.chat_usage(made)
    assert len(sent) == len(silent) + 1


def test_chat_stream_adds_up_to_the_text_and_ends_with_done() -> None:
    made = answer(chat(max_tokens=80))
    frames = list(chat_format.chat_frames(made, include_usage=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in events(frames) if chunk["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == made.text
    assert frames[-1] == b"data: [DONE]\n\n"


@pytest.mark.parametrize("seed", range(20))
def test_response_and_its_stream_have_equal_usage(seed: int) -> None:
    body = {"model": "gpt-5-mini", "input": LONG, "max_output_tokens": 90}
    made = answer(body, seed)
    sent = events(list(responses.response_frames(made, body)))
    assert sent[-1]["type"] == f"response.{'incomplete' if made.cut else 'completed'}"
    assert sent[-1]["response"] == responses.response(made, body)
    usage = from_openai(sent[-1]["response"]["usage"])
    assert usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (3000, 90)
    assert [event["sequence_number"] for event in sent] == list(range(len(sent)))


def test_embedding_has_no_completion_tokens() -> None:
    request = {"model": "text-embedding-3-small", "input": "x" * 40}
    body = embeddings.embeddings(request, model="text-embedding-3-small", seed=1)
    assert body["usage"] == {"prompt_tokens": 10, "total_tokens": 10}


@pytest.mark.parametrize("seed", range(20))
def test_input_token_counts_of_a_message_add_up(seed: int) -> None:
    made = answer(cached_message(), seed)
    usage = from_anthropic(messages.message(made)["usage"])
    assert usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (3002, 50)
    assert usage.cache_read_tokens == made.cache_read_tokens
    assert usage.cache_write_tokens == made.cache_write_tokens


@pytest.mark.parametrize("seed", range(20))
def test_usage_of_a_message_stream_is_cumulative(seed: int) -> None:
    made = answer(cached_message(), seed)
    sent = events(list(messages.message_frames(made)))
    names = [event["type"] for event in sent if event["type"] != "content_block_delta"]
    assert names == [
        "message_start", "content_block_start", "ping", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    merged = from_anthropic(merge_usage(sent[0]["message"]["usage"], sent[-2]["usage"]))
    whole = from_anthropic(messages.message(made)["usage"])
    assert merged == whole
    text = "".join(event["delta"]["text"] for event in sent if event["type"] == "content_block_delta")
    assert text == made.text
