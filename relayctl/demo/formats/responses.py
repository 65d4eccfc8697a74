"""Encodes the stand-in's answers in the format of OpenAI's Responses API, whole and as streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from relayctl.demo.formats.answer import Answer, Choice, ToolCall, parts
from relayctl.demo.formats.sse import frame

Object = dict[str, Any]

# Fields that a response repeats from its request, with their defaults.
_REPEATED: Final[Object] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def response(answer: Answer, request: Object) -> Object:
    """The complete response to a request."""
    usage = {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"cached_tokens": answer.cache_read_tokens},
        "output_tokens": answer.answer_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": answer.prompt_tokens + answer.answer_tokens,
    }
    # Unlike the chat API, this one reports an answer cut off by its limit as incomplete.
    status = "incomplete" if answer.cut else "completed"
    details = {"reason": "max_output_tokens"} if answer.cut else None
    output = list(_items(answer))
    return _head(answer, request, status) | {"incomplete_details": details, "output": output, "usage": usage}


def response_frames(answer: Answer, request: Object) -> Iterator[bytes]:
    """A response as server-sent events; the last one carries the usage."""
    for number, event in enumerate(_events(answer, request)):
        yield frame(event | {"sequence_number": number})


def _events(answer: Answer, request: Object) -> Iterator[Object]:
    started = _head(answer, request, "in_progress") | {"output": [], "usage": None}
    yield {"type": "response.created", "response": started}
    yield {"type": "response.in_progress", "response": started}
    done = response(answer, request)
    for index, item in enumerate(done["output"]):
        location = {"output_index": index}
        yield {"type": "response.output_item.added", **location, "item": _begun(item)}
        location["item_id"] = item["id"]
        if item["type"] == "message":
            yield from _text_events(answer.first, location | {"content_index": 0})
        elif answer.first.call and item["type"] != "reasoning":
            yield from _call_events(answer.first.call, location)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{done['status']}", "response": done}


def _text_events(choice: Choice, location: Object) -> Iterator[Object]:
    yield {"type": "response.content_part.added", **location, "part": _part("")}
    for chunk in choice.chunks:
        yield {"type": "response.output_text.delta", **location, "delta": chunk, "logprobs": []}
    yield {"type": "response.output_text.done", **location, "text": choice.text, "logprobs": []}
    yield {"type": "response.content_part.done", **location, "part": _part(choice.text)}


def _call_events(call: ToolCall, location: Object) -> Iterator[Object]:
    kind = "custom_tool_call_input" if call.custom else "function_call_arguments"
    for part in parts(call.arguments):
        yield {"type": f"response.{kind}.delta", **location, "delta": part}
    whole = {"input": call.arguments} if call.custom else {"name": call.name, "arguments": call.arguments}
    yield {"type": f"response.{kind}.done", **location, **whole}


def _head(answer: Answer, request: Object, status: str) -> Object:
    repeated = {
        field: request[field] if request.get(field) is not None else default
        for field, default in _REPEATED.items()
    }
    return repeated | {
        "id": f"resp_{answer.digits}",
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": answer.model,
        "service_tier": "default",
    }


def _items(answer: Answer) -> Iterator[Object]:
    """The complete output items: reasoning if there is any, then a message or a tool call."""
    if answer.reasoning_tokens:
        yield {"id": f"rs_{answer.digits}", "type": "reasoning", "summary": []}
    status = "incomplete" if answer.cut else "completed"
    if not (call := answer.first.call):
        head = {"id": f"msg_{answer.digits}", "type": "message", "status": status, "role": "assistant"}
        yield head | {"content": [_part(answer.text)]}
        return
    head = {"status": status, "call_id": f"call_{call.digits[:24]}", "name": call.name}
    if call.custom:
        yield head | {"id": f"ctc_{call.digits}", "type": "custom_tool_call", "input": call.arguments}
    else:
        yield head | {"id": f"fc_{call.digits}", "type": "function_call", "arguments": call.arguments}


def _part(text: str) -> Object:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _begun(item: Object) -> Object:
    """An output item as it is before its first content; reasoning has no content that is shown."""
    empty: Object = {"content": [], "arguments": "", "input": "", "status": "in_progress"}
    return item | {field: value for field, value in empty.items() if field in item}


def input_items(response_id: str, request: Object) -> list[Object]:
    """The items of a request's input, each with an id."""
    given = request.get("input") or []
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return [
        {"id": f"msg_{response_id.removeprefix('resp_')}_{number}", "type": "message", "status": "completed"}
        | item
        | ({"content": _input_content(item)} if "content" in item else {})
        for number, item in enumerate(items)
        if isinstance(item, dict)
    ]


def _input_content(item: Object) -> Any:
    content = item["content"]
    if not isinstance(content, str):
        return content
    if item.get("role") == "assistant":
        return [_part(content)]
    return [{"type": "input_text", "text": content}]


def input_tokens(tokens: int) -> Object:
    """The answer of `POST /v1/responses/input_tokens`."""
    return {"object": "response.input_tokens", "input_tokens": tokens}
