"""Encodes the stand-in's answers as Anthropic's messages and as streams of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from relayctl.demo.formats.answer import Answer, parts
from relayctl.demo.formats.sse import frame

Object = dict[str, Any]

_FIRST_OUTPUT_TOKENS: Final = 4
_STOP_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_call": "tool_use"}


def input_usage(answer: Answer) -> Object:
    """The input token counts; `input_tokens` excludes tokens read from and written to the cache."""
    cached = answer.cache_read_tokens + answer.cache_write_tokens
    return {
        "input_tokens": answer.prompt_tokens - cached,
        "cache_creation_input_tokens": answer.cache_write_tokens,
        "cache_read_input_tokens": answer.cache_read_tokens,
    }


def _usage(answer: Answer, output_tokens: int) -> Object:
    split = {"ephemeral_5m_input_tokens": answer.cache_write_tokens, "ephemeral_1h_input_tokens": 0}
    tail = {"output_tokens": output_tokens, "service_tier": "standard", "inference_geo": "not_available"}
    return input_usage(answer) | {"cache_creation": split} | tail


def _message(answer: Answer, content: list[Object], stop_reason: str | None, usage: Object) -> Object:
    return {
        "id": f"msg_01{answer.digits[:22]}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": usage,
    }


def message(answer: Answer) -> Object:
    """A complete message."""
    stop_reason = _STOP_REASONS[answer.first.end]
    return _message(answer, [_block(answer)], stop_reason, _usage(answer, answer.answer_tokens))


def _block(answer: Answer) -> Object:
    """The content block: text or the use of a tool."""
    if not (call := answer.first.call):
        return {"type": "text", "text": answer.text}
    try:
        arguments = json.loads(call.arguments)
    except ValueError:  # cut off by the limit
        arguments = {}
    return {"type": "tool_use", "id": f"toolu_01{call.digits[:22]}", "name": call.name, "input": arguments}


def message_frames(answer: Answer) -> Iterator[bytes]:
    """A message as server-sent events: input counts come first, the final output count last."""
    started = _message(answer, [], None, _usage(answer, min(_FIRST_OUTPUT_TOKENS, answer.answer_tokens)))
    yield frame({"type": "message_start", "message": started})
    empty: Object = {"input": {}} if answer.first.call else {"text": ""}
    yield frame({"type": "content_block_start", "index": 0, "content_block": _block(answer) | empty})
    yield frame({"type": "ping"})
    for delta in _deltas(answer):
        yield frame({"type": "content_block_delta", "index": 0, "delta": delta})
    yield frame({"type": "content_block_stop", "index": 0})
    # Cumulative: this output count includes the one of message_start.
    usage = input_usage(answer) | {"output_tokens": answer.answer_tokens}
    stop = {"stop_reason": _STOP_REASONS[answer.first.end], "stop_sequence": None}
    yield frame({"type": "message_delta", "delta": stop, "usage": usage})
    yield frame({"type": "message_stop"})


def _deltas(answer: Answer) -> Iterator[Object]:
    if call := answer.first.call:
        for part in ("", *parts(call.arguments)):
            yield {"type": "input_json_delta", "partial_json": part}
    else:
        for chunk in answer.chunks:
            yield {"type": "text_delta", "text": chunk}
