"""Encodes the stand-in's answers as OpenAI's chat completions and as streams of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from relayctl.demo.formats.answer import Answer, Choice, ToolCall, parts
from relayctl.demo.formats.sse import frame

Object = dict[str, Any]

_FINISH: Final = {"stop": "stop", "length": "length", "tool_call": "tool_calls"}


def chat_usage(answer: Answer) -> Object:
    """The usage of a chat completion."""
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.answer_tokens,
        "total_tokens": answer.prompt_tokens + answer.answer_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def chat(answer: Answer) -> Object:
    """A chat completion."""
    choices = [
        {"index": index, "message": _message(choice), "logprobs": None, "finish_reason": _FINISH[choice.end]}
        for index, choice in enumerate(answer.choices)
    ]
    return _head(answer, "chat.completion") | {"choices": choices, "usage": chat_usage(answer)}


def _message(choice: Choice) -> Object:
    content = None if choice.call else choice.text
    message: Object = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    if choice.call:
        message["tool_calls"] = [_tool_call(choice.call, choice.call.arguments)]
    return message


def _tool_call(call: ToolCall, arguments: str) -> Object:
    """A tool call, whose arguments are empty in the first event of a stream."""
    head = {"id": f"call_{call.digits[:24]}"}
    if call.custom:
        return head | {"type": "custom", "custom": {"name": call.name, "input": arguments}}
    return head | {"type": "function", "function": {"name": call.name, "arguments": arguments}}


def chat_frames(answer: Answer, *, include_usage: bool) -> Iterator[bytes]:
    """A chat completion as server-sent events, with usage only if `include_usage`."""
    unknown: Object = {"usage": None} if include_usage else {}
    head = _head(answer, "chat.completion.chunk")
    for index, choice in enumerate(answer.choices):
        for delta in _deltas(choice):
            chunk = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
            yield frame(head | {"choices": [chunk]} | unknown)
        last = {"index": index, "delta": {}, "logprobs": None, "finish_reason": _FINISH[choice.end]}
        yield frame(head | {"choices": [last]} | unknown)
    if include_usage:
        yield frame(head | {"choices": [], "usage": chat_usage(answer)})
    yield b"data: [DONE]\n\n"


def _deltas(choice: Choice) -> Iterator[Object]:
    start: Object = {"role": "assistant", "content": None if choice.call else "", "refusal": None}
    if call := choice.call:
        yield start | {"tool_calls": [{"index": 0} | _tool_call(call, "")]}
        kind, field = ("custom", "input") if call.custom else ("function", "arguments")
        for part in parts(call.arguments):
            yield {"tool_calls": [{"index": 0, kind: {field: part}}]}
    else:
        yield start
        for chunk in choice.chunks:
            yield {"content": chunk}


def _head(answer: Answer, kind: str) -> Object:
    return {
        "id": f"chatcmpl-{answer.digits[:29]}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": f"fp_{answer.digits[:10]}",
    }
