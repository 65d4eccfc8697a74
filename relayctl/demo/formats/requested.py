"""Reads from a request, in the format of any API, what its answer must contain."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from relayctl.demo.formats.json_sample import sample

Object = dict[str, Any]

CHARACTERS_PER_TOKEN: Final = 4
MAX_CHOICES: Final = 128
_JSON_OBJECT: Final = {"type": "object", "properties": {"answer": {"type": "string"}}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """A tool that the client runs. A custom tool of OpenAI takes text instead of a JSON object."""

    name: str
    parameters: Object
    custom: bool

    def input(self, random: Random) -> str:
        """A random input that matches the tool's schema, as text."""
        if self.custom:
            return str(sample({"type": "string"}, random))
        return json_text(sample({"type": "object"} | self.parameters, random))


def json_text(value: object) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def prompt_text(body: Any) -> str:
    """All text of a request, in the format of any API."""
    return "".join(_texts(body))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key in ("system", "instructions", "messages", "input", "prompt", "content", "text"):
            yield from _texts(value.get(key))


def tokens_in(text: str) -> int:
    """The number of tokens that the stand-in counts for a text."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))


def prompt_tokens(body: Object) -> int:
    """The number of tokens in a request: its text and the definitions of its tools."""
    tools = body.get("tools")
    return tokens_in(prompt_text(body) + (json_text(tools) if tools else ""))


def choices(body: Object) -> int:
    """The number of alternative answers, of which only OpenAI's older APIs have several."""
    number = body.get("n")
    return number if isinstance(number, int) and 1 <= number <= MAX_CHOICES else 1


def schema(body: Object) -> Object | None:
    """The JSON schema that the answer must match; None if it is free text."""
    text, config = body.get("text"), body.get("output_config")
    of_responses = text.get("format") if isinstance(text, dict) else None
    of_messages = config.get("format") if isinstance(config, dict) else body.get("output_format")
    for asked in (body.get("response_format"), of_responses, of_messages):
        if not isinstance(asked, dict):
            continue
        if asked.get("type") == "json_object":
            return _JSON_OBJECT
        if asked.get("type") == "json_schema":
            # The chat API nests name and schema, the others do not.
            found = (asked.get("json_schema") or asked).get("schema")
            return found if isinstance(found, dict) else _JSON_OBJECT
    return None


def tool_call(body: Object, random: Random) -> Tool | None:
    """The tool that the answer calls, or None for text.

    Without an explicit choice, the answer to a tool's result is text, so that an agent's loop ends.
    """
    mode, names = _tool_choice(body)
    tools = [tool for tool in _tools(body) if names is None or tool.name in names]
    if not tools or mode not in {"auto", "required"} or (mode == "auto" and _ends_with_result(body)):
        return None
    text = prompt_text(_last_message(body)).lower()
    mentioned = [tool for tool in tools if any(word in text for word in _words(tool.name))]
    return random.choice(mentioned or tools)


def unknown_tool(body: Object) -> str | None:
    """The name of a tool that the request chooses but does not define."""
    _, names = _tool_choice(body)
    defined = {_name(tool) for tool in _objects(body.get("tools"))}
    return next((name for name in sorted(names or ()) if name not in defined), None)


def _tools(body: Object) -> Iterator[Tool]:
    """The request's function tools and custom tools; hosted tools (web search…) are never called."""
    for tool in _objects(body.get("tools")):
        name, kind = _name(tool), tool.get("type")
        of_anthropic = tool.get("input_schema")
        if not name or (of_anthropic is None and kind not in {"function", "custom"}):
            continue
        nested = tool.get("function")
        parameters = of_anthropic or (nested if isinstance(nested, dict) else tool).get("parameters")
        yield Tool(
            name=name,
            parameters=parameters if isinstance(parameters, dict) else {},
            custom=kind == "custom" and of_anthropic is None,
        )


def _tool_choice(body: Object) -> tuple[str, frozenset[str] | None]:
    """Whether tools are called ("auto", "required", "none"…), and the names that are allowed."""
    choice = body.get("tool_choice") or "auto"
    if not isinstance(choice, dict):
        return str(choice), None
    if name := _name(choice):
        return "required", frozenset({name})
    kind = str(choice.get("type"))
    if kind == "allowed_tools":
        allowed = choice.get(kind) or choice
        return str(allowed.get("mode", "auto")), frozenset(map(_name, _objects(allowed.get("tools"))))
    return ("required" if kind == "any" else kind), None


def _name(tool: Object) -> str:
    """The name of a tool or tool choice. The chat API nests it below the type."""
    nested = tool.get(str(tool.get("type")))
    return str(tool.get("name") or (nested.get("name") if isinstance(nested, dict) else None) or "")


def _objects(value: Any) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _last_message(body: Object) -> Any:
    """The last message or input item; the whole input if that is text."""
    items = body.get("messages") or body.get("input")
    return items[-1] if isinstance(items, list) and items else {"input": items}


def _ends_with_result(body: Object) -> bool:
    """Whether the last message is the result of a tool call."""
    last = _last_message(body)
    if not isinstance(last, dict):
        return False
    if last.get("role") == "tool" or str(last.get("type")).endswith("_call_output"):
        return True
    return any(block.get("type") == "tool_result" for block in _objects(last.get("content")))


def _words(name: str) -> list[str]:
    """The words of a tool's name, without the short ones ("get", "add")."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}", name) if len(word) > 3]
