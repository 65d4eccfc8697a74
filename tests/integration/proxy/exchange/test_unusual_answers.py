"""Invalid answers with status 200 pass through and are recorded."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.segments.record import RequestLine
from tests.support.replay import Answer, Replay, events, json_answer, stream_answer
from tests.support.running import Relay

CHAT = "/v1/chat/completions"
CONTENT = events({"choices": [{"delta": {"content": "12345678"}}]}, done=False)
ASK = {"model": "gpt-4o", "messages": [{"content": "1234"}]}
STREAM = ASK | {"stream": True}


def the_record(relay: Relay, status: int, error: str) -> RequestLine:
    """The one record there is, with this status and type of error."""
    (record,) = relay.records()
    assert record.error is not None
    assert (record.status, record.error.type) == (status, error)
    return record


NONSENSE: list[tuple[str, bytes, str]] = [
    ("HTML", b"<html>Bad gateway</html>", "text/html"),
    ("nothing", b"", "application/json"),
    ("broken JSON", b'{"usage": {"prompt_tokens": 1', "application/json"),
    ("a list", b"[1, 2]", "application/json"),
]


@pytest.mark.parametrize(("body", "kind"), [row[1:] for row in NONSENSE], ids=[row[0] for row in NONSENSE])
async def test_invalid_body_in_a_200_passes_and_is_recorded(
    provider: Replay, relay: Relay, body: bytes, kind: str
) -> None:
    provider.will(Answer(headers={"Content-Type": kind}, steps=(body,), length=len(body)))
    answer = await relay.post(CHAT, ASK)
    assert (answer.status, answer.body) == (200, body)
    record = the_record(relay, 200, "unreadable_answer")
    assert (record.usage_source, record.cost_usd) == ("none", None)
    assert await relay.metric("relay_unpriced_requests_total", model="gpt-4o") == 1


async def test_error_event_in_a_200_is_recorded(provider: Replay, relay: Relay) -> None:
    error = b'event: error\ndata: {"error":{"message":"secret","type":"invalid_request_error"}}\n\n'
    provider.will(stream_answer(CONTENT + error))
    answer = await relay.post(CHAT, STREAM)
    assert answer.body == CONTENT + error
    assert "secret" not in str(the_record(relay, 200, "invalid_request_error"))


ODD: list[tuple[dict[str, Any], int]] = [
    ({"type": [], "status": {}}, 1),  # estimated
    ({"usage": {"prompt_tokens": 3, "deep": None}, "choices": [[[]], None, {"delta": [{}]}]}, 3),
    ({"usage": {"prompt_tokens": 2**60, "completion_tokens": 2**60}}, 1),  # not credible: estimated
    ({"usage": {"prompt_tokens": 3, "note": "x" * 600_000}}, 3),
    ({"usage": {"prompt_tokens": 3, "note": "\ud800"}, "model": "\ud800"}, 3),
]


@pytest.mark.parametrize(("value", "prompt"), ODD, ids=range(len(ODD)))
async def test_unusual_answers_pass_and_leave_a_record_that_loads(
    provider: Replay, relay: Relay, value: dict[str, Any], prompt: int
) -> None:
    provider.will(json_answer(value, headers={"x-request-id": "\udcff"}))
    answer = await relay.post(CHAT, ASK)
    assert (answer.status, answer.json()) == (200, value)
    assert relay.record_of(answer).prompt_tokens == prompt
    provider.will(stream_answer(events(value)))
    answer = await relay.post(CHAT, STREAM)
    assert relay.record_of(answer).prompt_tokens == prompt
