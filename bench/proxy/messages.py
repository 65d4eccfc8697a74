"""The requests and answers of the benchmark, in the form of real ones."""

from __future__ import annotations

import json
from typing import Any, Final

EVENTS: Final = 67
MODEL: Final = "gpt-4o"

_USAGE: Final = {
    "prompt_tokens": 57,
    "completion_tokens": 64,
    "total_tokens": 121,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
_HEAD: Final = (
    "HTTP/1.1 200 OK\r\n"
    "Date: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
    "Content-Type: {kind}\r\n"
    "openai-organization: bench\r\n"
    "openai-processing-ms: 321\r\n"
    "openai-version: 2020-10-01\r\n"
    "x-ratelimit-remaining-requests: 9999\r\n"
    "x-request-id: req_5f3a1c9be2d44a0f8c7d6e5b4a392817\r\n"
    "{framing}\r\n\r\n"
)


def json_answer() -> bytes:
    """A completion of fifty words, with its head."""
    text = "Tokens are counted where they are spent, and nowhere else. " * 5
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    value = {
        "id": "chatcmpl-BcQq3tPxZ8rV2nK7wYdLmS4u",
        "object": "chat.completion",
        "created": 1795435200,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": _USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_a288987b44",
    }
    body = json.dumps(value).encode()
    return _HEAD.format(kind="application/json", framing=f"Content-Length: {len(body)}").encode() + body


def stream_answer() -> list[bytes]:
    """The head with the first event, then event by event; the last ends the answer."""
    about = {
        "id": "chatcmpl-BcQq3tPxZ8rV2nK7wYdLmS4u",
        "object": "chat.completion.chunk",
        "created": 1795435200,
        "model": MODEL,
        "service_tier": "default",
        "system_fingerprint": "fp_a288987b44",
    }

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**about, "choices": [choice], "usage": None}

    values = [chunk({"role": "assistant", "content": "", "refusal": None})]
    values += [chunk({"content": f" word{number}"}) for number in range(EVENTS - 4)]
    values += [chunk({}, "stop"), {**about, "choices": [], "usage": _USAGE}]
    texts = [json.dumps(value, separators=(",", ":")).encode() for value in values] + [b"[DONE]"]
    pieces = [b"%x\r\ndata: %s\n\n\r\n" % (len(text) + 8, text) for text in texts]
    head = _HEAD.format(kind="text/event-stream; charset=utf-8", framing="Transfer-Encoding: chunked")
    return [head.encode() + pieces[0], *pieces[1:-1], pieces[-1] + b"0\r\n\r\n"]


def request(port: int, key: str, *, stream: bool = False, model: str = MODEL) -> bytes:
    """An ordinary chat request, as a client library sends it."""
    question = "What does a gateway between programs and language models have to count, and why? " * 3
    value: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": question},
        ],
        "temperature": 0.2,
        "max_tokens": 256,
    }
    body = json.dumps(value | ({"stream": True} if stream else {}), separators=(",", ":")).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {key}\r\n"
        "Accept: application/json\r\n"
        "Accept-Encoding: gzip, deflate\r\n"
        "Content-Type: application/json\r\n"
        "User-Agent: OpenAI/Python 3.54.0\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
