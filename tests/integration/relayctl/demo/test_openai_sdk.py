"""OpenAI's Python SDK works unchanged on the stand-in provider, directly and through the proxy."""

from __future__ import annotations

import json
from array import array
from base64 import b64decode
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, Field

from tests.support.sdk_clients import Clients


class Item(BaseModel):
    """One line of an order."""

    name: str
    price: float = Field(gt=0, lt=10)
    code: str = Field(pattern=r"^[A-Z]{3}-\d{4}$")
    kind: Literal["new", "used"]


class Order(BaseModel):
    """The structured output that the tests request."""

    items: list[Item]
    note: str | None


WEATHER: Any = {
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["C", "F"]}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
    "strict": True,
}
CHAT_TOOL: Any = {"type": "function", "function": WEATHER}
RESPONSES_TOOL: Any = {"type": "function", **WEATHER}
CUSTOM_TOOL: Any = {"type": "custom", "name": "run_code"}
ASKED: Any = [{"role": "user", "content": "What is the weather in Paris?"}]


async def test_chat_returns_n_choices(clients: Clients) -> None:
    chat = clients.openai.chat.completions
    made = await chat.create(model="gpt-4o", messages=ASKED, n=3, max_completion_tokens=20)
    assert [choice.index for choice in made.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in made.choices}) == 3
    assert made.usage
    assert made.usage.completion_tokens == 60
    if clients.relay:
        (record,) = clients.relay.records()
        assert record.completion_tokens == 60


async def test_chat_stream_returns_n_choices(clients: Clients) -> None:
    chat = clients.openai.chat.completions
    async with chat.stream(model="gpt-4o", messages=ASKED, n=2) as stream:
        final = await stream.get_final_completion()
    whole = await chat.create(model="gpt-4o", messages=ASKED, n=2)
    assert [one.message.content for one in final.choices] == [one.message.content for one in whole.choices]


async def test_chat_calls_tools_until_it_has_the_result(clients: Clients) -> None:
    chat = clients.openai.chat.completions
    made = await chat.create(model="gpt-4o", messages=ASKED, tools=[CHAT_TOOL])
    assert made.choices[0].finish_reason == "tool_calls"
    message = made.choices[0].message
    assert message.tool_calls
    assert message.tool_calls[0].type == "function"
    assert set(json.loads(message.tool_calls[0].function.arguments)) == {"city", "unit"}
    result: Any = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    turn: Any = message.model_dump(exclude_none=True)
    answered = await chat.create(model="gpt-4o", messages=[*ASKED, turn, result], tools=[CHAT_TOOL])
    assert answered.choices[0].message.content


@pytest.mark.parametrize(
    ("choice", "calls"),
    [("none", False), ("required", True), ({"type": "function", "function": {"name": "get_weather"}}, True)],
)
async def test_chat_follows_the_tool_choice(clients: Clients, choice: Any, calls: bool) -> None:
    made = await clients.openai.chat.completions.create(
        model="gpt-4o", messages=ASKED, tools=[CHAT_TOOL], tool_choice=choice
    )
    assert bool(made.choices[0].message.tool_calls) == calls


async def test_chat_streams_tool_calls(clients: Clients) -> None:
    async with clients.openai.chat.completions.stream(
        model="gpt-4o", messages=ASKED, tools=[CHAT_TOOL]
    ) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_completion()
    assert "tool_calls.function.arguments.done" in kinds
    assert final.choices[0].message.tool_calls
    assert final.choices[0].message.tool_calls[0].function.parsed_arguments


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5-mini"])
async def test_chat_parse_returns_structured_output(clients: Clients, model: str) -> None:
    chat = clients.openai.chat.completions
    made = await chat.parse(model=model, messages=ASKED, response_format=Order)
    assert isinstance(made.choices[0].message.parsed, Order)
    async with chat.stream(model=model, messages=ASKED, response_format=Order) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.parsed == made.choices[0].message.parsed


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5-mini"])
async def test_responses_parse_returns_structured_output(clients: Clients, model: str) -> None:
    responses = clients.openai.responses
    made = await responses.parse(model=model, input="hi", text_format=Order)
    assert isinstance(made.output_parsed, Order)
    async with responses.stream(model=model, input="hi", text_format=Order) as stream:
        final = await stream.get_final_response()
    assert final.output_parsed == made.output_parsed


async def test_responses_stream_has_every_event_in_order(clients: Clients) -> None:
    async with clients.openai.responses.stream(model="gpt-4o", input="hi") as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert list(dict.fromkeys(event.type for event in events)) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == final.output_text
    if clients.relay:
        assert final.usage
        (record,) = clients.relay.records()
        assert record.completion_tokens == final.usage.output_tokens


async def test_responses_stream_has_a_reasoning_item(clients: Clients) -> None:
    async with clients.openai.responses.stream(model="gpt-5-mini", input="hi") as stream:
        done = [event.item async for event in stream if event.type == "response.output_item.done"]
        final = await stream.get_final_response()
    assert [item.type for item in done] == ["reasoning", "message"]
    assert [item.to_dict()["id"] for item in done] == [item.to_dict()["id"] for item in final.output]


async def test_responses_stream_function_calls(clients: Clients) -> None:
    async with clients.openai.responses.stream(
        model="gpt-4o", input="weather in Paris?", tools=[RESPONSES_TOOL]
    ) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert "response.function_call_arguments.delta" in kinds
    assert kinds[-3:] == [
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    (call,) = final.output
    assert call.type == "function_call"
    assert set(call.parsed_arguments) == {"city", "unit"}  # type: ignore[call-overload]
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    answered = await clients.openai.responses.create(model="gpt-4o", input=[result], tools=[RESPONSES_TOOL])
    assert answered.output_text


async def test_responses_stream_custom_tool_calls(clients: Clients) -> None:
    stream = await clients.openai.responses.create(
        model="gpt-4o", input="run the code", tools=[CUSTOM_TOOL], stream=True
    )
    events = [event async for event in stream]
    (done,) = [event for event in events if event.type == "response.custom_tool_call_input.done"]
    deltas = [event.delta for event in events if event.type == "response.custom_tool_call_input.delta"]
    assert "".join(deltas) == done.input != ""


async def test_responses_are_stored(clients: Clients) -> None:
    responses = clients.openai.responses
    made = await responses.create(model="gpt-4o", input="hi", metadata={"project": "x"})
    assert (await responses.retrieve(made.id)).output_text == made.output_text
    assert made.metadata == {"project": "x"}
    (item,) = (await responses.input_items.list(made.id)).data
    assert item.to_dict()["content"] == [{"type": "input_text", "text": "hi"}]
    await responses.delete(made.id)
    unstored = await responses.create(model="gpt-4o", input="hi", store=False)
    for response_id in (made.id, unstored.id):
        with pytest.raises(openai.NotFoundError, match="not found"):
            await responses.retrieve(response_id)
    counted = await responses.input_tokens.count(model="gpt-4o", input="12345678")
    assert counted.input_tokens == 2


async def test_embeddings_of_several_inputs(clients: Clients) -> None:
    create = clients.openai.embeddings.create
    default = await create(model="text-embedding-3-small", input=["one", "two"])
    floats = await create(model="text-embedding-3-small", input=["one", "two"], encoding_format="float")
    base64 = await create(model="text-embedding-3-small", input=["one", "two"], encoding_format="base64")
    assert [item.index for item in default.data] == [0, 1]
    assert [item.embedding for item in default.data] == [item.embedding for item in floats.data]
    assert len(default.data[0].embedding) == 1536
    # The SDK's type is a list, but on request it passes on the text.
    decoded = array("f", b64decode(str(base64.data[0].embedding)))
    assert decoded.tolist() == floats.data[0].embedding
    short = await create(model="text-embedding-3-small", input=[[1, 2, 3], [4]], dimensions=8)
    assert [len(item.embedding) for item in short.data] == [8, 8]
    assert short.usage.prompt_tokens == 4


async def test_files_are_uploaded_listed_read_and_deleted(clients: Clients) -> None:
    files = clients.openai.files
    made = await files.create(file=("batch.jsonl", b'{"a": 1}\n'), purpose="batch")
    assert (made.bytes, made.filename, made.purpose, made.status) == (9, "batch.jsonl", "batch", "processed")
    hour: Any = {"anchor": "created_at", "seconds": 3600}
    other = await files.create(file=("notes.txt", b"notes"), purpose="user_data", expires_after=hour)
    assert other.expires_at == other.created_at + 3600
    assert [file.id async for file in files.list()] == [other.id, made.id]
    assert [file.id async for file in files.list(purpose="batch")] == [made.id]
    assert [file.id async for file in files.list(limit=1, order="asc")] == [made.id, other.id]
    assert await files.retrieve(made.id) == made
    assert (await files.content(made.id)).content == b'{"a": 1}\n'
    assert (await files.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await files.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        await files.content(made.id)


async def test_models_are_listed_and_retrieved(clients: Clients) -> None:
    names = [model.id async for model in clients.openai.models.list()]
    assert "gpt-4o" in names
    assert (await clients.openai.models.retrieve("gpt-4o")).id == "gpt-4o"
    with pytest.raises(openai.NotFoundError):
        await clients.openai.models.retrieve("gpt-nothing")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/completions", {"model": "gpt-4o"}),
        ("/chat/completions", {"model": "gpt-4o", "messages": []}),
        ("/chat/completions", {"model": "gpt-4o", "messages": ASKED, "n": 0}),
        (
            "/chat/completions",
            {"model": "gpt-4o", "messages": ASKED, "tool_choice": {"type": "function", "function": WEATHER}},
        ),
        ("/embeddings", {"model": "text-embedding-3-small"}),
        ("/embeddings", {"model": "text-embedding-3-small", "input": []}),
        ("/embeddings", {"model": "text-embedding-3-small", "input": ["a"] * 2049}),
        ("/embeddings", {"model": "text-embedding-3-small", "input": "a", "dimensions": 0}),
    ],
)
async def test_invalid_requests_are_refused(clients: Clients, path: str, body: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await clients.openai.post(path, body=body, cast_to=object)
    assert caught.value.type == "invalid_request_error"


async def test_wrong_key_and_unknown_paths_are_errors_of_the_sdk(clients: Clients) -> None:
    wrong = clients.openai.with_options(api_key="wrong")
    with pytest.raises(openai.AuthenticationError):
        await wrong.chat.completions.create(model="gpt-4o", messages=ASKED)
    with pytest.raises(openai.NotFoundError) as caught:
        await clients.openai.get("/nothing", cast_to=object)
    assert caught.value.type == "invalid_request_error"
