"""Personal data in a running proxy: not sent to the provider, restored for the client, and counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.replay import (
    BREAK,
    Pause,
    Replay,
    Step,
    events,
    json_answer,
    named_events,
    stream_answer,
)
from tests.support.running import Relay, running, settings

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
ADA = "ada@example.com"
USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay) -> AsyncIterator[Relay]:
    pii = {"enabled": True, "patterns": {"EMPLOYEE_ID": "E-[0-9]{6}"}}
    async with running(settings(tmp_path, provider.url, pii=pii)) as relay:
        yield relay


def chat(text: str, **more: object) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **more}


def messages(text: str, **more: object) -> dict[str, Any]:
    return {
        "model": "claude-haiku-4-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": text}],
        **more,
    }


def chunk(text: str, **more: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], **more}


def block(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def data(body: bytes) -> list[dict[str, Any]]:
    lines = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data: {")]
    return [json.loads(line) for line in lines]


# Route, request, and the answer of the provider.
JSON = [
    (CHAT, chat, lambda text: {"choices": [{"message": {"content": text}}], "usage": USAGE}),
    (MESSAGES, messages, lambda text: {"type": "message", "content": [{"type": "text", "text": text}],
                                       "usage": {"input_tokens": 9, "output_tokens": 5}}),
    (RESPONSES, lambda text: {"model": "gpt-4o", "input": text, "instructions": "be brief"},
     lambda text: {"status": "completed", "output": [{"content": [{"type": "output_text", "text": text}]}],
                   "usage": {"input_tokens": 9, "output_tokens": 5}}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "ask", "answer"), JSON)
async def test_json_answer_is_restored_and_values_are_not_sent(
    relay: Relay, provider: Replay, path: str, ask: Any, answer: Any
) -> None:
    provider.will(json_answer(answer("to <EMAIL_ADDRESS_1> of <EMPLOYEE_ID_1>")))
    got = await relay.post(path, ask(f"write to {ADA} of E-123456, again {ADA}"))
    assert got.json() == answer(f"to {ADA} of E-123456")
    assert provider.received[0].json() == ask(
        "write to <EMAIL_ADDRESS_1> of <EMPLOYEE_ID_1>, again <EMAIL_ADDRESS_1>"
    )
    record = relay.record_of(got)
    assert record.pii_entities == {"EMAIL_ADDRESS": 2, "EMPLOYEE_ID": 1}
    assert (record.status, record.total_tokens, record.usage_source) == (200, 14, "provider")
    assert await relay.metric("relay_pii_entities_total", entity_type="EMAIL_ADDRESS") == 2
    logged = b"".join(path.read_bytes() for path in relay.config.logs.dir.iterdir())
    assert ADA.encode() not in logged
    assert b"E-123456" not in logged


STREAMS = [
    (CHAT, chat, events(chunk("to <EMAIL_"), chunk("ADDRESS_1>!"), chunk("", usage=USAGE)), "content"),
    (MESSAGES, messages, named_events(
        {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}},
        block("to <EMAIL_"), block("ADDRESS_1>!"), {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "usage": {"output_tokens": 5}}, {"type": "message_stop"}), "text"),
]  # fmt: skip


@pytest.mark.parametrize("cut", [1, 7, 10_000])
@pytest.mark.parametrize("case", STREAMS)
async def test_stream_is_restored_wherever_it_is_split(
    relay: Relay, provider: Replay, case: tuple[str, Any, bytes, str], cut: int
) -> None:
    path, ask, stream, key = case
    provider.will(stream_answer(stream, cut=cut))
    got = await relay.post(path, ask(f"write to {ADA}", stream=True))
    texts = [
        event["choices"][0]["delta"] if path == CHAT else event.get("delta", {}) for event in data(got.body)
    ]
    assert "".join(text.get(key, "") for text in texts) == f"to {ADA}!"
    assert b"EMAIL_ADDRESS" not in got.body
    assert (relay.record_of(got).total_tokens, relay.record_of(got).usage_source) == (14, "provider")


async def test_event_is_sent_before_the_next_arrives(relay: Relay, provider: Replay) -> None:
    go_on = asyncio.Event()
    provider.will(
        stream_answer([events(chunk("Hi <EMAIL"), done=False), go_on, events(chunk("_ADDRESS_1>"))])
    )
    async with relay.open(CHAT, chat(ADA, stream=True)) as answer:
        first = await answer.content.readuntil(b"\n\n")
        assert data(first) == [chunk("Hi ")]
        go_on.set()
        assert data(await answer.content.read()) == [chunk(ADA)]


async def test_request_without_personal_data_is_sent_byte_for_byte(relay: Relay, provider: Replay) -> None:
    body = b'{ "model":"gpt-4o", "messages" : [{"role":"user","content":"hi 1.10"}] }'
    answer = b'{ "choices" : [], "note" : "<EMAIL_ADDRESS_1>" }'
    provider.will(json_answer(answer))
    got = await relay.post(CHAT, body)
    assert (provider.received[0].body, got.body) == (body, answer)
    assert relay.record_of(got).pii_entities == {}


async def test_placeholder_written_by_the_client_is_restored(relay: Relay, provider: Replay) -> None:
    provider.will(
        json_answer({"choices": [{"message": {"content": "<EMAIL_ADDRESS_1> is <EMAIL_ADDRESS_2>"}}]})
    )
    got = await relay.post(CHAT, chat(f"what is <EMAIL_ADDRESS_1>? {ADA}"))
    assert got.json()["choices"][0]["message"]["content"] == f"<EMAIL_ADDRESS_1> is {ADA}"


async def test_concurrent_requests_share_no_values(relay: Relay, provider: Replay) -> None:
    step: list[Step] = [events(chunk("<EMAIL_"), done=False), Pause(0.05), events(chunk("ADDRESS_1>"))]
    provider.will(*(stream_answer(step) for _ in range(20)))
    asked = [f"user{number}@example.com" for number in range(20)]
    answers = await asyncio.gather(*(relay.post(CHAT, chat(text, stream=True)) for text in asked))
    texts = ["".join(event["choices"][0]["delta"]["content"] for event in data(got.body)) for got in answers]
    assert texts == asked


@pytest.mark.parametrize(
    "placeholder", ["<EMAIL_ADDRESS_1>", r"\u003cEMAIL_ADDRESS_1\u003e"], ids=["plain", "by Go"]
)
async def test_arguments_of_a_tool_call_are_restored(
    relay: Relay, provider: Replay, placeholder: str
) -> None:
    call = {"function": {"name": "send", "arguments": f'{{"to": "{placeholder}"}}'}}
    provider.will(json_answer({"choices": [{"message": {"tool_calls": [call]}}]}))
    got = await relay.post(CHAT, chat(ADA))
    (made,) = got.json()["choices"][0]["message"]["tool_calls"]
    assert json.loads(made["function"]["arguments"]) == {"to": ADA}


async def test_error_of_the_provider_is_restored(relay: Relay, provider: Replay) -> None:
    provider.will(json_answer({"error": {"message": "bad: <EMAIL_ADDRESS_1>", "type": "x"}}, status=422))
    got = await relay.post(CHAT, chat(ADA))
    assert (got.status, got.json()["error"]["message"]) == (422, f"bad: {ADA}")


async def test_broken_stream_sends_buffered_text_before_the_error(relay: Relay, provider: Replay) -> None:
    provider.will(stream_answer([events(chunk("a <"), done=False), Pause(0.05), BREAK]))
    got = await relay.post(CHAT, chat(ADA, stream=True))
    first, buffered, error = data(got.body)
    assert (first, buffered) == (chunk("a "), chunk("<"))
    assert error["error"]["code"] == "upstream_broken"


async def test_without_restore_the_client_gets_the_placeholders(tmp_path: Path, provider: Replay) -> None:
    pii = {"enabled": True, "restore": False, "entities": ["EMAIL_ADDRESS"]}
    answer = json_answer({"choices": [{"message": {"content": "<EMAIL_ADDRESS_1>"}}]})
    provider.will(answer)
    async with running(settings(tmp_path, provider.url, pii=pii)) as relay:
        got = await relay.post(CHAT, chat(f"{ADA} 192.0.2.7"))
        assert got.body == answer.steps[0]
        assert provider.received[0].json() == chat("<EMAIL_ADDRESS_1> 192.0.2.7")


async def test_too_much_personal_data_is_refused_and_recorded(relay: Relay, provider: Replay) -> None:
    got = await relay.post(CHAT, chat(f"{ADA} " * 20_000))
    assert (got.status, got.json()["error"]["code"]) == (400, "too_much_personal_data")
    assert provider.received == []
    assert relay.record_of(got).error.type == "too_much_personal_data"  # type: ignore[union-attr]


async def test_policy_refuses_in_the_form_of_each_api_and_is_counted(
    tmp_path: Path, provider: Replay
) -> None:
    policy = {"blocked_patterns": ["(?i)secret plan"], "max_input_bytes": 100}
    provider.will(json_answer({"choices": [], "usage": USAGE}))
    async with running(settings(tmp_path, provider.url, policy=policy)) as relay:
        blocked = await relay.post(CHAT, chat("the Secret Plan"))
        long = await relay.post(MESSAGES, messages("x" * 101))
        fine = await relay.post(CHAT, chat("the plan"))
        assert [each.status for each in (blocked, long, fine)] == [400, 400, 200]
        assert blocked.json()["error"]["code"] == "content_blocked"
        assert long.json()["type"] == "error"
        assert long.json()["error"]["type"] == "invalid_request_error"
        assert [relay.record_of(each).status for each in (blocked, long)] == [400, 400]
        assert await relay.metric("relay_content_policy_blocks_total") == 2
        assert b"secret plan" not in blocked.body.lower()
        assert len(provider.received) == 1


async def test_clients_of_the_providers_read_restored_streams(relay: Relay, provider: Replay) -> None:
    import anthropic  # noqa: PLC0415 -- slow to import, and only needed here
    import openai  # noqa: PLC0415

    provider.will(stream_answer(STREAMS[0][2], cut=5), stream_answer(ANTHROPIC_STREAM, cut=5))
    async with openai.AsyncOpenAI(base_url=f"{relay.url}/v1", api_key=relay.key, max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": ADA}], stream=True
        )
        texts = [each.choices[0].delta.content or "" async for each in stream if each.choices]
    assert "".join(texts) == f"to {ADA}!"
    async with (
        anthropic.AsyncAnthropic(base_url=relay.url, api_key=relay.key, max_retries=0) as other,
        other.messages.stream(
            model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": ADA}]
        ) as events_of,
    ):
        assert await events_of.get_final_text() == f"to {ADA}!"


ANTHROPIC_STREAM = named_events(
    {"type": "message_start", "message": {
        "id": "m", "type": "message", "role": "assistant", "model": "claude-haiku-4-5", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 9, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    block("to <EMAIL_"), block("ADDRESS_1>!"), {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
     "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
)  # fmt: skip


async def test_usage_is_read_after_the_client_disconnects(relay: Relay, provider: Replay) -> None:
    provider.will(
        stream_answer([events(chunk("<EMAIL"), done=False), Pause(0.2), events(chunk("_", usage=USAGE))])
    )
    answer = await relay.open(CHAT, chat(ADA, stream=True))
    await answer.content.readuntil(b"\n\n")
    answer.close()
    for _ in range(100):
        if relay.records():
            break
        await asyncio.sleep(0.05)
    (record,) = relay.records()
    assert (record.status, record.total_tokens, record.pii_entities) == (499, 14, {"EMAIL_ADDRESS": 1})
