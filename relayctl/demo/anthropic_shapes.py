"""Encodes the stand-in's answers in Anthropic's format: messages, message streams, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from relayctl.demo.answer import Answer

Object = dict[str, Any]

_FIRST_OUTPUT_TOKENS = 4


def _frame(body: Object) -> bytes:
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return f"event: {body['type']}\ndata: {data}\n\n".encode()


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


def _stop_reason(answer: Answer) -> str:
    return "max_tokens" if answer.cut else "end_turn"


def message(answer: Answer) -> Object:
    """A complete message."""
    content = [{"type": "text", "text": answer.text}]
    return _message(answer, content, _stop_reason(answer), _usage(answer, answer.answer_tokens))


def message_frames(answer: Answer) -> Iterator[bytes]:
    """A message as server-sent events: input counts come first, the final output count last."""
    started = _message(answer, [], None, _usage(answer, min(_FIRST_OUTPUT_TOKENS, answer.answer_tokens)))
    yield _frame({"type": "message_start", "message": started})
    yield _frame({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    yield _frame({"type": "ping"})
    for chunk in answer.chunks:
        delta = {"type": "text_delta", "text": chunk}
        yield _frame({"type": "content_block_delta", "index": 0, "delta": delta})
    yield _frame({"type": "content_block_stop", "index": 0})
    # Cumulative: this output count includes the one of message_start.
    usage = input_usage(answer) | {"output_tokens": answer.answer_tokens}
    stop = {"stop_reason": _stop_reason(answer), "stop_sequence": None}
    yield _frame({"type": "message_delta", "delta": stop, "usage": usage})
    yield _frame({"type": "message_stop"})


def error(kind: str, text: str) -> Object:
    """An error body."""
    return {"type": "error", "error": {"type": kind, "message": text}}
