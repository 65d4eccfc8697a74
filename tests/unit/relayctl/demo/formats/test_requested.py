"""What a request asks for is read from the format of every API."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from relayctl.demo.formats.answer import answer_to
from relayctl.demo.formats.requested import choices, prompt_tokens, schema, tool_call, unknown_tool

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT_TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "parameters": CITY}},
    {"type": "function", "function": {"name": "send_email", "parameters": CITY}},
    {"type": "custom", "custom": {"name": "run_code"}},
]
RESPONSES_TOOLS = [
    {"type": "web_search"},
    {"type": "function", "name": "get_weather", "parameters": CITY},
    {"type": "function", "name": "send_email", "parameters": CITY},
    {"type": "custom", "name": "run_code"},
]
ANTHROPIC_TOOLS = [
    {"name": "get_weather", "input_schema": CITY},
    {"type": "custom", "name": "send_email", "input_schema": CITY},
    {"type": "web_search_20250305", "name": "web_search"},
]

JSON = {"type": "json_object"}


def chat(text: str, tools: Any = CHAT_TOOLS, **options: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], "tools": tools, **options}


def called(body: dict[str, Any]) -> str | None:
    tool = tool_call(body, Random(1))
    return tool.name if tool else None


@pytest.mark.parametrize("tools", [CHAT_TOOLS, RESPONSES_TOOLS, ANTHROPIC_TOOLS])
def test_tool_that_the_prompt_mentions_is_called(tools: Any) -> None:
    assert called(chat("What is the weather in Paris?", tools)) == "get_weather"
    assert called(chat("Email the report to Ada", tools)) == "send_email"
    assert called(chat("Hello", tools)) is not None


@pytest.mark.parametrize(
    ("tools", "choice", "name"),
    [
        (CHAT_TOOLS, "none", None),
        (ANTHROPIC_TOOLS, {"type": "none"}, None),
        (CHAT_TOOLS, "auto", "get_weather"),
        (CHAT_TOOLS, "required", "get_weather"),
        (ANTHROPIC_TOOLS, {"type": "any"}, "get_weather"),
        (ANTHROPIC_TOOLS, {"type": "auto"}, "get_weather"),
        (CHAT_TOOLS, {"type": "function", "function": {"name": "send_email"}}, "send_email"),
        (CHAT_TOOLS, {"type": "custom", "custom": {"name": "run_code"}}, "run_code"),
        (RESPONSES_TOOLS, {"type": "function", "name": "send_email"}, "send_email"),
        (RESPONSES_TOOLS, {"type": "custom", "name": "run_code"}, "run_code"),
        (RESPONSES_TOOLS, {"type": "web_search"}, None),
        (ANTHROPIC_TOOLS, {"type": "tool", "name": "send_email"}, "send_email"),
        (ANTHROPIC_TOOLS, {"type": "tool", "name": "web_search"}, None),
        (
            CHAT_TOOLS,
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [CHAT_TOOLS[1]]}},
            "send_email",
        ),
        (
            RESPONSES_TOOLS,
            {"type": "allowed_tools", "mode": "auto", "tools": [RESPONSES_TOOLS[2]]},
            "send_email",
        ),
    ],
)
def test_tool_choice_is_followed(tools: Any, choice: Any, name: str | None) -> None:
    assert called(chat("weather", tools, tool_choice=choice)) == name


@pytest.mark.parametrize(
    "body",
    [
        chat("weather") | {"messages": [{"role": "tool", "tool_call_id": "1", "content": "sunny"}]},
        {
            "input": [{"type": "function_call_output", "call_id": "1", "output": "sunny"}],
            "tools": RESPONSES_TOOLS,
        },
        {
            "input": [{"type": "custom_tool_call_output", "call_id": "1", "output": ""}],
            "tools": RESPONSES_TOOLS,
        },
        {
            "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]}],
            "tools": ANTHROPIC_TOOLS,
        },
    ],
)
def test_answer_to_a_tool_result_is_text(body: dict[str, Any]) -> None:
    assert called(body) is None
    assert called(body | {"tool_choice": "required"}) is not None


def test_unknown_tool_is_named() -> None:
    assert unknown_tool(chat("", tool_choice={"type": "function", "function": {"name": "fly"}})) == "fly"
    assert unknown_tool(chat("", ANTHROPIC_TOOLS, tool_choice={"type": "tool", "name": "web_search"})) is None
    assert unknown_tool(chat("")) is None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "c", "schema": CITY}}}, CITY),
        ({"text": {"format": {"type": "json_schema", "name": "c", "schema": CITY}}}, CITY),
        ({"output_config": {"format": {"type": "json_schema", "schema": CITY}}}, CITY),
        ({"output_format": {"type": "json_schema", "schema": CITY}}, CITY),
        ({"response_format": {"type": "text"}}, None),
        ({"text": {"verbosity": "low"}, "output_config": {"effort": "low"}}, None),
        ({}, None),
    ],
)
def test_schema_is_found_in_every_api(body: dict[str, Any], found: Any) -> None:
    assert schema(body) == found


@pytest.mark.parametrize("body", [{"response_format": JSON}, {"text": {"format": JSON}}])
def test_json_without_a_schema_is_an_object(body: dict[str, Any]) -> None:
    made = answer_to({"model": "gpt-4o", "messages": []} | body, Random(1), created=1)
    assert isinstance(json.loads(made.text), dict)


@pytest.mark.parametrize(("number", "count"), [(None, 1), (1, 1), (3, 3), (0, 1), (129, 1), ("2", 1)])
def test_number_of_choices(number: Any, count: int) -> None:
    assert choices({"n": number}) == count


def test_every_choice_is_counted() -> None:
    made = answer_to(chat("hi", [], max_tokens=30, n=4, model="gpt-5-mini"), Random(1), created=1)
    assert made.answer_tokens == 120
    assert len({choice.text for choice in made.choices}) == 4
    assert sum(len(choice.text.split()) for choice in made.choices) == 120 - made.reasoning_tokens


def test_tool_definitions_are_part_of_the_prompt() -> None:
    assert prompt_tokens(chat("hi")) > prompt_tokens(chat("hi", []))


@pytest.mark.parametrize("options", [{"tools": CHAT_TOOLS}, {"response_format": {"type": "json_object"}}])
def test_limit_cuts_off_tool_calls_and_json(options: dict[str, Any]) -> None:
    made = answer_to({"model": "gpt-4o", "messages": [], "max_tokens": 1} | options, Random(1), created=1)
    assert (made.cut, made.answer_tokens) == (True, 1)
    whole = answer_to({"model": "gpt-4o", "messages": [], "max_tokens": 500} | options, Random(1), created=1)
    assert not whole.cut
    assert whole.answer_tokens < 30
