"""The record of an answer: which counts apply, and the cost of a request that failed."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.prices import PriceOverride
from proxy.config.upstreams import Upstream
from proxy.errors import Api, api_of
from proxy.exchange.stream_filter import StreamFilter
from proxy.metering.answer import AnswerReader
from proxy.metering.prices import PriceTable
from proxy.metering.record_builder import Outcome, make_record
from proxy.request.call import read_call
from proxy.request.context import Request, new_request_id
from proxy.request.keys import Key
from proxy.segments.record import Fault, UsageRecord, from_line, to_line
from tests.support.arbitrary import JSON, UNTIMED
from tests.support.replay import events, named_events

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
PRICES = PriceTable((PriceOverride(model="m", input_mtok=Decimal(1), output_mtok=Decimal(2)),))
CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}


def a_request(endpoint: str = CHAT, method: str = "POST", **body: Any) -> Request:
    raw = json.dumps({"model": "m", "messages": [{"content": "12345678"}]} | body).encode()
    api = api_of(endpoint)
    return Request(
        request_id="req_1",
        created_at=NOON,
        endpoint=endpoint,
        key=Key(id="key_1", user="ada", team="engines", hash="", created_at=NOON),
        call=read_call(endpoint, method, raw),
        resolved_model="m",
        upstream=Upstream.model_validate({"name": api, "api": api, "base_url": "http://x.example"}),
    )


def answered(body: bytes, api: Api = "openai") -> AnswerReader:
    """A reading of a JSON body or, where it begins like one, of a stream."""
    reading = AnswerReader(api)
    if body.startswith((b"data:", b"event:", b":")):
        StreamFilter(reading, drop_usage=False).feed(body)
    else:
        reading.read_body(body)
    return reading


def record(
    request: Request,
    reading: AnswerReader,
    *,
    status: int = 200,
    billable: bool = True,
    fault: Fault | None = None,
) -> UsageRecord:
    outcome = Outcome(status=status, fault=fault, billable=billable)
    return make_record(request, reading, outcome, PRICES, Decimal("1.5"))


CONTENT = {"choices": [{"delta": {"content": "123456789"}}]}
START = {"type": "message_start", "message": {"usage": {"input_tokens": 100, "output_tokens": 1}}}
TEXT = {"type": "content_block_delta", "delta": {"text": "123456789"}}

# (case, route, status sent, answer) -> (source, prompt, completion, cost)
CASES: list[tuple[str, str, int, bytes, tuple[str, int, int, str | None]]] = [
    ("a whole answer", CHAT, 200, json.dumps({"usage": USAGE}).encode(), ("provider", 10, 4, "0.000018")),
    ("a whole stream", CHAT, 200, events(CONTENT, {"choices": [], "usage": USAGE}),
     ("provider", 10, 4, "0.000018")),
    ("the client left, the upstream sent usage", CHAT, 499, events(CONTENT, {"choices": [], "usage": USAGE}),
     ("provider", 10, 4, "0.000018")),
    ("a whole stream without usage: four bytes to a token, rounded up", CHAT, 200, events(CONTENT),
     ("estimated", 2, 3, "0.000008")),
    ("a stream cut short by its drain", CHAT, 499, events(CONTENT, done=False),
     ("estimated", 2, 3, "0.000008")),
    ("a JSON answer without usage", CHAT, 200, b'{"choices": [{"message": {"content": "1234"}}]}',
     ("estimated", 2, 1, "0.000004")),
    ("a count of the input alone", CHAT, 200,
     json.dumps({"choices": [{"text": "12345"}], "usage": {"prompt_tokens": 10}}).encode(),
     ("estimated", 10, 2, "0.000014")),
    ("a count of the output alone", CHAT, 200,
     json.dumps({"usage": {"prompt_tokens": -1, "completion_tokens": 4}}).encode(),
     ("estimated", 2, 4, "0.00001")),
    ("a count of the input, and nothing was said", CHAT, 200, b'{"usage": {"prompt_tokens": 10}}',
     ("provider", 10, 0, "0.00001")),
    ("a zero is a count", CHAT, 200,
     json.dumps({"choices": [{"text": "12345"}],
                 "usage": {"prompt_tokens": 0, "completion_tokens": 0}}).encode(),
     ("provider", 0, 0, "0")),
    ("a stream begins with a zero, and breaks off", CHAT, 502,
     events({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}},
            CONTENT, done=False), ("estimated", 10, 3, "0.000016")),
    ("a total is a count of both", CHAT, 200,
     json.dumps({"choices": [{"text": "12345"}], "usage": {"total_tokens": 14}}).encode(),
     ("provider", 14, 0, "0.000014")),
    ("an empty stream", CHAT, 200, b"data: [DONE]\n\n", ("estimated", 2, 0, "0.000002")),
    ("nothing came before the break", CHAT, 502, b"data: {}\n\n", ("none", 0, 0, None)),
    ("an error before any content", CHAT, 200, b'data: {"error": {"type": "x"}}\n\n', ("none", 0, 0, None)),
    ("an error after content", CHAT, 200, events(CONTENT, {"error": {"type": "x"}}, done=False),
     ("estimated", 2, 3, "0.000008")),
    ("an error beside usage", CHAT, 200, json.dumps({"error": {"code": 1}, "usage": USAGE}).encode(),
     ("provider", 10, 4, "0.000018")),
    ("HTML in a 200", CHAT, 200, b"<html>", ("none", 0, 0, None)),
    ("queued", "/v1/responses", 200, b'{"status": "queued"}', ("none", 0, 0, None)),
    ("Anthropic's drain past its deadline: input exact", "/v1/messages", 499, named_events(START, TEXT),
     ("estimated", 100, 3, "0.000106")),
    ("Anthropic's start alone", "/v1/messages", 499, named_events(START), ("estimated", 100, 1, "0.000102")),
    ("a route that is not metered", "/v1/files", 200, json.dumps({"usage": USAGE}).encode(),
     ("none", 0, 0, None)),
    ("so it is for Responses", "/v1/responses/input_tokens", 200, b'{"input_tokens": 9}',
     ("none", 0, 0, "0")),
    ("counting tokens is free", "/v1/messages/count_tokens", 200, b'{"input_tokens": 9}',
     ("none", 0, 0, "0")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("endpoint", "status", "body", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_counts_by_how_the_answer_ended(
    endpoint: str, status: int, body: bytes, expected: tuple[str, int, int, str | None]
) -> None:
    made = record(a_request(endpoint), answered(body, api_of(endpoint)), status=status)
    source, prompt, completion, cost = expected
    assert (made.usage_source, made.prompt_tokens, made.completion_tokens) == (source, prompt, completion)
    assert made.total_tokens == prompt + completion
    assert made.cost_usd == (None if cost is None else Decimal(cost))


def test_unanswered_request_costs_nothing() -> None:
    made = record(a_request(), AnswerReader("openai"), status=404, billable=False)
    assert (made.usage_source, made.cost_usd, made.price_source) == ("none", Decimal(0), "not billed")


def test_listing_stored_answers_generates_nothing() -> None:
    made = record(a_request(method="GET"), answered(b'{"object": "list", "data": []}'))
    assert (made.usage_source, made.total_tokens) == ("none", 0)


def test_price_is_that_of_the_model_behind_an_alias() -> None:
    request = a_request()
    request.call = read_call(CHAT, "POST", b'{"model": "an-alias", "messages": []}')
    made = record(request, answered(json.dumps({"usage": USAGE}).encode()))
    assert (made.model, made.cost_usd) == ("an-alias", Decimal("0.000018"))


def test_service_tier_without_a_price_is_unpriced() -> None:
    request = a_request("/v1/messages")
    request.resolved_model = "claude-sonnet-4-5"
    usage = {"input_tokens": 1000, "output_tokens": 10}
    prices = [
        record(request, answered(json.dumps({"usage": usage | more}).encode(), "anthropic")).cost_usd
        for more in ({}, {"service_tier": "standard"}, {"service_tier": "priority"}, {"inference_geo": "us"})
    ]
    assert prices == [Decimal("0.00315"), Decimal("0.00315"), None, None]


APIS = pytest.mark.parametrize("endpoint", [CHAT, "/v1/messages"])


@APIS
@UNTIMED
@given(value=JSON, billable=st.booleans(), status=st.sampled_from([200, 499, 502]))
def test_any_answer_leaves_a_record_that_loads(
    endpoint: str, value: object, billable: bool, status: int
) -> None:
    reading = AnswerReader(api_of(endpoint))
    reading.read_body(json.dumps(value).encode())
    made = record(a_request(endpoint), reading, status=status, billable=billable)
    loaded = from_line(to_line(made, 1))
    assert (loaded.prompt_tokens, loaded.completion_tokens) == (made.prompt_tokens, made.completion_tokens)
    assert loaded.cost_usd == made.cost_usd


def test_request_id_is_a_unique_ulid_with_its_time() -> None:
    began = time.time_ns() // 1_000_000
    made = [new_request_id() for _ in range(1000)]
    ended = time.time_ns() // 1_000_000
    assert len(set(made)) == len(made)
    # Crockford's digits, which leave out i, l, o and u.
    digits = "0123456789abcdefghjkmnpqrstvwxyz"
    for request_id in made:
        assert re.fullmatch(f"req_[0-7][{digits}]{{25}}", request_id)
        milliseconds = 0
        for digit in request_id[4:14]:
            milliseconds = milliseconds * 32 + digits.index(digit)
        assert began <= milliseconds <= ended
