"""Encodes the stand-in's answers in OpenAI's format: chat completions, Responses, embeddings, errors."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from relayctl.demo.answer import Answer

Object = dict[str, Any]


def _frame(body: Object) -> bytes:
    name = f"event: {body['type']}\n" if "type" in body else ""
    return f"{name}data: {json.dumps(body, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


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
    message: Object = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(answer)}
    return _chat_head(answer, "chat.completion") | {"choices": [choice], "usage": chat_usage(answer)}


def chat_frames(answer: Answer, *, include_usage: bool) -> Iterator[bytes]:
    """A chat completion as server-sent events, with usage only if `include_usage`."""
    unknown: Object = {"usage": None} if include_usage else {}
    head = _chat_head(answer, "chat.completion.chunk")
    deltas: list[Object] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": chunk} for chunk in answer.chunks]
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        yield _frame(head | {"choices": [choice]} | unknown)
    last = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": _finish(answer)}
    yield _frame(head | {"choices": [last]} | unknown)
    if include_usage:
        yield _frame(head | {"choices": [], "usage": chat_usage(answer)})
    yield b"data: [DONE]\n\n"


def _chat_head(answer: Answer, kind: str) -> Object:
    return {
        "id": f"chatcmpl-{answer.digits[:29]}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": f"fp_{answer.digits[:10]}",
    }


def _finish(answer: Answer) -> str:
    return "length" if answer.cut else "stop"


def response(answer: Answer) -> Object:
    """An answer of the Responses API."""
    content = [{"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}]
    output = [_output_item(answer, "completed", content)]
    if answer.reasoning_tokens:
        output.insert(0, {"id": f"rs_{answer.digits}", "type": "reasoning", "summary": []})
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
    return _response_head(answer, status) | {"incomplete_details": details, "output": output, "usage": usage}


def response_frames(answer: Answer) -> Iterator[bytes]:
    """An answer of the Responses API as server-sent events; the last one carries the usage."""
    started = _response_head(answer, "in_progress") | {"output": [], "usage": None}
    location = {"item_id": f"msg_{answer.digits}", "output_index": 0, "content_index": 0}
    done = response(answer)
    events: list[Object] = [
        {"type": "response.created", "response": started},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": _output_item(answer, "in_progress", []),
        },
        *({"type": "response.output_text.delta", **location, "delta": chunk} for chunk in answer.chunks),
        {"type": "response.output_text.done", **location, "text": answer.text},
        {"type": f"response.{done['status']}", "response": done},
    ]
    for number, event in enumerate(events):
        yield _frame(event | {"sequence_number": number})


def _response_head(answer: Answer, status: str) -> Object:
    return {
        "id": f"resp_{answer.digits}",
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": answer.model,
        "service_tier": "default",
    }


def _output_item(answer: Answer, status: str, content: list[Object]) -> Object:
    return {
        "id": f"msg_{answer.digits}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def embedding(answer: Answer) -> Object:
    """One embedding of few dimensions, with usage, which has no completion tokens."""
    vector = b64encode(bytes.fromhex(answer.digits)).decode()
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "model": answer.model,
        "usage": {"prompt_tokens": answer.prompt_tokens, "total_tokens": answer.prompt_tokens},
    }


def models(names: list[str]) -> Object:
    """The list of models."""
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 0, "owned_by": "relay-demo"} for name in names],
    }


def error(kind: str, message: str) -> Object:
    """An error body."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
