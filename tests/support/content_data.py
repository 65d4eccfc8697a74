"""A proxy that captures content, a provider that says hello, and what was captured read back."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from etl.content.reader import CapturedContent, ContentReader
from tests.support.replay import Answer, Received, Replay, events, json_answer, stream_answer
from tests.support.running import Relay, running, settings

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "hi"}]
ASK = {"model": "gpt-4o", "messages": MESSAGES}
STREAM = ASK | {"stream": True}
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
SAID = {"role": "assistant", "content": "hello"}
JSON = {"choices": [{"message": SAID}], "usage": USAGE}
EVENTS = events(
    {"choices": [{"delta": {"role": "assistant", "content": "he"}}]},
    {"choices": [{"delta": {"content": "llo"}}]},
    {"choices": [], "usage": USAGE},
)


def answer(received: Received) -> Answer:
    """JSON or a stream as asked."""
    return stream_answer(EVENTS, cut=20) if received.json().get("stream") else json_answer(JSON)


def capturing(directory: Path, provider: Replay, **sections: Any) -> AbstractAsyncContextManager[Relay]:
    """The proxy with content captured, and nothing else of analytics."""
    analytics = {"capture_content": True}
    return running(settings(directory, provider.url, analytics=analytics, **sections))


def captured(directory: Path) -> list[CapturedContent]:
    """All content in the sealed content segments of a directory."""
    now = datetime.now(UTC)
    contents = ContentReader(directory=directory, since=now - timedelta(days=1), until=now)
    found = list(contents)
    assert contents.problems == []
    return found


def input_and_output(content: CapturedContent) -> tuple[Any, Any]:
    """Its input and its output."""
    return json.loads(content.input), json.loads(content.output)
