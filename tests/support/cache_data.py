"""One question to a proxy with a cache, whole and streamed; its answer, and whether the cache gave it."""

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
    """Whether the proxy answered without asking the provider for it."""
    return answer.headers.get("x-relay-cache") == "hit"
