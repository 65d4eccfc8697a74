"""A cacheable request, plain and streamed, and its answer; whether an answer came from the cache."""

from __future__ import annotations

from typing import Any

from tests.support.replay import json_answer
from tests.support.running import Whole

CHAT = "/v1/chat/completions"
ASK: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "1234"}]}
STREAM = ASK | {"stream": True}
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
GOOD = json_answer({"model": "gpt-4o", "choices": [{"message": {"content": "5678"}}], "usage": USAGE})
TEXT = {"model": "gpt-4o", "choices": [{"delta": {"content": "5678"}}]}
LAST = {"choices": [], "usage": USAGE}


def is_hit(answer: Whole) -> bool:
    """Return whether the proxy answered from the cache."""
    return answer.headers.get("x-relay-cache") == "hit"
