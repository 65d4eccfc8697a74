"""Routes that Relay does not meter: they pass through, and are recorded without usage."""

from __future__ import annotations

from decimal import Decimal

import pytest
from yarl import URL

from tests.support.replay import Answer, Replay, json_answer
from tests.support.running import Relay

OTHERS = [
    ("GET", "/v1/fine_tuning/jobs", Decimal(0)),
    ("GET", "/v1/files/a%2Fb?after=x%26y&limit=1", Decimal(0)),
    ("POST", "/v1/messages/count_tokens", Decimal(0)),
    ("DELETE", "/v1/files/f", Decimal(0)),
    ("POST", "/v1/images/generations", None),
]


@pytest.mark.parametrize(("method", "path", "cost"), OTHERS)
async def test_other_routes_pass_through_and_are_recorded_without_usage(
    provider: Replay, relay: Relay, method: str, path: str, cost: Decimal | None
) -> None:
    provider.will(json_answer({"data": [], "input_tokens": 7}))
    headers = relay.headers(path)
    async with relay.session.request(method, URL(relay.url + path, encoded=True), headers=headers) as answer:
        assert await answer.json() == {"data": [], "input_tokens": 7}
    assert (provider.received[0].method, provider.received[0].path) == (method, path)
    (record,) = relay.records()
    assert (record.usage_source, record.total_tokens, record.error) == ("none", 0, None)
    assert record.cost_usd == cost


async def test_file_that_is_not_json_passes_without_a_fault(provider: Replay, relay: Relay) -> None:
    audio = bytes(range(256)) * 100
    provider.will(Answer(headers={"Content-Type": "audio/mpeg"}, steps=(audio[:999], audio[999:])))
    answer = await relay.get("/v1/files/f/content")
    assert answer.body == audio
    assert relay.record_of(answer).error is None
