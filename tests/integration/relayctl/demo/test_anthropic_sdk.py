"""Anthropic's Python SDK works unchanged on the stand-in provider, directly and through the proxy."""

from __future__ import annotations

from typing import Any, Literal

import anthropic
import pytest
from pydantic import BaseModel, Field

from tests.support.sdk_clients import Clients

MODEL = "claude-haiku-4-5"
TOOL: Any = {
    "name": "get_weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
        "required": ["city", "days"],
    },
}
ASKED: Any = [{"role": "user", "content": "What is the weather in Paris?"}]


class Order(BaseModel):
    """The structured output that the tests request."""

    name: str
    price: float = Field(gt=0, lt=10)
    code: str = Field(pattern=r"^[A-Z]{3}-\d{4}$")
    kind: Literal["new", "used"]


async def test_message_calls_tools_until_it_has_the_result(clients: Clients) -> None:
    create = clients.anthropic.messages.create
    made = await create(model=MODEL, max_tokens=200, messages=ASKED, tools=[TOOL])
    assert made.stop_reason == "tool_use"
    (used,) = made.content
    assert used.type == "tool_use"
    assert set(used.input) == {"city", "days"}
    result: Any = {"type": "tool_result", "tool_use_id": used.id, "content": "sunny"}
    messages: Any = [
        *ASKED,
        {"role": "assistant", "content": made.content},
        {"role": "user", "content": [result]},
    ]
    answered = await create(model=MODEL, max_tokens=200, messages=messages, tools=[TOOL])
    assert answered.content[0].type == "text"
    if clients.relay:
        assert [record.completion_tokens for record in clients.relay.records()] == [
            made.usage.output_tokens,
            200,
        ]


@pytest.mark.parametrize(
    ("choice", "calls"),
    [({"type": "none"}, False), ({"type": "any"}, True), ({"type": "tool", "name": "get_weather"}, True)],
)
async def test_tool_choice_is_followed(clients: Clients, choice: Any, calls: bool) -> None:
    made = await clients.anthropic.messages.create(
        model=MODEL, max_tokens=200, messages=ASKED, tools=[TOOL], tool_choice=choice
    )
    assert (made.stop_reason == "tool_use") == calls


async def test_stream_has_input_json_deltas(clients: Clients) -> None:
    async with clients.anthropic.messages.stream(
        model=MODEL, max_tokens=200, messages=ASKED, tools=[TOOL]
    ) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_message()
    parts = [event.partial_json for event in events if event.type == "input_json"]
    assert len(parts) > 2
    (used,) = final.content
    assert used.type == "tool_use"
    assert set(used.input) == {"city", "days"}
    assert (final.stop_reason, events[-1].type) == ("tool_use", "message_stop")


async def test_text_stream_adds_up_to_the_message(clients: Clients) -> None:
    async with clients.anthropic.messages.stream(model=MODEL, max_tokens=50, messages=ASKED) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    whole = await clients.anthropic.messages.create(model=MODEL, max_tokens=50, messages=ASKED)
    assert whole.content[0].type == "text"
    assert whole.content[0].text == text != ""
    assert final.usage.output_tokens == 50


async def test_parse_returns_structured_output(clients: Clients) -> None:
    made = await clients.anthropic.messages.parse(
        model=MODEL, max_tokens=500, messages=ASKED, output_format=Order
    )
    assert isinstance(made.parsed_output, Order)


async def test_count_tokens_counts_tools(clients: Clients) -> None:
    count = clients.anthropic.messages.count_tokens
    alone = await count(model=MODEL, messages=ASKED)
    with_tools = await count(model=MODEL, messages=ASKED, tools=[TOOL])
    made = await clients.anthropic.messages.create(model=MODEL, max_tokens=9, messages=ASKED, tools=[TOOL])
    assert alone.input_tokens < with_tools.input_tokens == made.usage.input_tokens


async def test_models_are_listed_in_pages(clients: Clients) -> None:
    models = clients.anthropic.models
    listed = [model async for model in models.list(limit=1)]
    names = [model.id for model in listed]
    assert len(names) == len(set(names))
    assert [name for name in names if name.startswith("claude")] == ["claude-haiku-4-5", "claude-sonnet-4-5"]
    assert "Claude Haiku 4.5" in [model.display_name for model in listed]
    page = await models.list(limit=1, before_id=names[1])
    assert ([model.id for model in page.data], page.has_more) == ([names[0]], False)
    assert (await models.retrieve(MODEL)).id == MODEL
    with pytest.raises(anthropic.NotFoundError):
        await models.retrieve("claude-nothing")


async def test_files_are_uploaded_listed_read_and_deleted(clients: Clients) -> None:
    files = clients.anthropic.beta.files
    made = await files.upload(file=("notes.txt", b"notes", "text/plain"))
    assert (made.filename, made.mime_type, made.size_bytes) == ("notes.txt", "text/plain", 5)
    other = await files.upload(file=("more.txt", b"more", "text/plain"))
    assert [file.id async for file in files.list(limit=1)] == [other.id, made.id]
    assert await files.retrieve_metadata(made.id) == made
    assert await (await files.download(made.id)).read() == b"notes"
    assert (await files.delete(made.id)).type == "file_deleted"
    with pytest.raises(anthropic.NotFoundError):
        await files.retrieve_metadata(made.id)


async def test_files_of_the_other_api_are_not_seen(clients: Clients) -> None:
    made = await clients.openai.files.create(file=("a.txt", b"a"), purpose="user_data")
    assert [file.id async for file in clients.anthropic.beta.files.list()] == []
    with pytest.raises(anthropic.NotFoundError):
        await clients.anthropic.beta.files.retrieve_metadata(made.id)


@pytest.mark.parametrize(
    "body",
    [
        {"model": MODEL, "messages": ASKED},
        {"model": MODEL, "max_tokens": 5, "messages": []},
        {"model": MODEL, "max_tokens": 5, "messages": ASKED, "tool_choice": {"type": "tool", "name": "x"}},
    ],
)
async def test_invalid_requests_are_refused(clients: Clients, body: dict[str, Any]) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        await clients.anthropic.post("/v1/messages", body=body, cast_to=object)
    assert caught.value.type == "invalid_request_error"


async def test_wrong_key_is_an_error_of_the_sdk(clients: Clients) -> None:
    wrong = clients.anthropic.with_options(api_key="wrong")
    with pytest.raises(anthropic.AuthenticationError) as caught:
        await wrong.messages.create(model=MODEL, max_tokens=5, messages=ASKED)
    assert caught.value.type == "authentication_error"
