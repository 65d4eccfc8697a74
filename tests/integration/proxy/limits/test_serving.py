"""Limits of a running proxy, in memory and in Redis: refusals in the form of the API, and exact charges."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis
import yaml

from proxy.exchange import poll_timer as watch
from proxy.request import keys
from proxy.request.keys import KeyLimits
from tests.support.redis_server import free_port, redis_server
from tests.support.replay import BREAK, Answer, Replay, events, json_answer, replaying, stream_answer
from tests.support.running import Relay, Whole, running, settings

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
ROUTES = pytest.mark.parametrize(("path", "model"), [(CHAT, "gpt-4o"), (MESSAGES, "claude-haiku-4-5")])


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture(params=["memory", "redis"])
def backend(request: pytest.FixtureRequest, redis_url: str) -> dict[str, Any]:
    """The settings of a backend without any counters."""
    if request.param == "memory":
        return {}
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    return {"backend": "redis", "redis_url": redis_url}


@pytest.fixture
async def provider() -> AsyncIterator[Replay]:
    async with replaying() as provider:
        provider.default = lambda received: answer_of(received.path)
        yield provider


@asynccontextmanager
async def limited(
    directory: Path, provider: Replay, backend: Mapping[str, Any], **limits: Any
) -> AsyncIterator[Relay]:
    section = {"limits": {**backend, "defaults": limits}}
    async with running(settings(directory, provider.url, **section)) as relay:
        yield relay


def answer_of(path: str, prompt: int = 10, completion: int = 20) -> Answer:
    """A complete answer with this usage, and with the provider's own rate-limit headers."""
    if path == MESSAGES:
        usage = {"input_tokens": prompt, "output_tokens": completion}
        return json_answer(
            {"type": "message", "model": "claude-haiku-4-5", "usage": usage},
            headers={"anthropic-ratelimit-requests-remaining": "4000"},
        )
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return json_answer(
        {"model": "gpt-4o", "choices": [], "usage": usage}, headers={"x-ratelimit-remaining-requests": "4000"}
    )


def asking(model: str = "gpt-4o", **more: Any) -> dict[str, Any]:
    """A request estimated at 9 prompt tokens (one byte, one message) and `max_tokens`."""
    return {"model": model, "max_tokens": 41, "messages": [{"role": "user", "content": "x"}], **more}


def check_refused(relay: Relay, answer: Whole, limit_type: str) -> None:
    """Check that a request was refused by this limit, recorded once without usage, and not sent."""
    assert answer.status == 429
    record = relay.record_of(answer)
    assert (record.status, record.limit_type, record.usage_source) == (429, limit_type, "none")
    assert (record.total_tokens, record.cost_usd, record.attempts) == (0, Decimal(0), ())
    assert record.error is not None
    assert record.error.type == "rate_limit_exceeded"
    assert answer.request_id not in {intent.request_id for intent in relay.intents()}


@ROUTES
async def test_refusal_has_the_form_of_the_api(
    path: str, model: str, tmp_path: Path, provider: Replay, backend: dict[str, Any]
) -> None:
    async with limited(tmp_path, provider, backend, rpm=2, tpm=1000) as relay:
        assert [(await relay.post(path, asking(model))).status for _ in range(2)] == [200, 200]
        refused = await relay.post(path, asking(model))
        check_refused(relay, refused, "rpm")
        assert await relay.metric("relay_rate_limit_hits_total", limit_type="rpm") == 1
        assert await relay.metric("relay_requests_total", status="429") == 1
    assert len(provider.received) == 2
    message = refused.json()["error"]["message"]
    assert message == (
        "the limit of this Relay key on requests per minute (rpm) is reached; try again in 30 s"
    )
    assert refused.headers["Retry-After"] == "30"
    if path == MESSAGES:
        assert refused.json() == {"type": "error", "error": {"type": "rate_limit_error", "message": message}}
        assert refused.headers["anthropic-ratelimit-requests-limit"] == "2"
        assert refused.headers["anthropic-ratelimit-requests-remaining"] == "0"
    else:
        error = {"type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded", "message": message}
        assert refused.json() == {"error": error}
        assert refused.headers["x-ratelimit-limit-requests"] == "2"
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
        assert refused.headers["x-ratelimit-remaining-tokens"] in {"940", "941"}  # 60 used; a second is 16


async def test_headers_show_the_tenants_limits_not_the_providers(
    tmp_path: Path, provider: Replay, backend: dict[str, Any]
) -> None:
    async with limited(tmp_path, provider, backend, rpm=5, tpm=1000) as relay:
        first = await relay.post(CHAT, asking())
        assert first.headers["x-ratelimit-remaining-requests"] == "4"
        assert first.headers["x-ratelimit-remaining-tokens"] == "950"  # 9 and 41 are reserved


async def test_concurrent_requests_never_exceed_the_limit(
    tmp_path: Path, provider: Replay, backend: dict[str, Any]
) -> None:
    go = asyncio.Event()
    whole = answer_of(CHAT, 9, 24)
    held = Answer(status=200, headers=whole.headers, before=(go,), steps=whole.steps, length=whole.length)
    provider.will(*[held] * 5)
    async with limited(tmp_path, provider, backend, tokens_per_day=100) as relay:
        calls = [asyncio.create_task(relay.post(CHAT, asking(max_tokens=24))) for _ in range(5)]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert {call.result().status for call in done} == {429}
        while sum(call.done() for call in calls) < 2:
            await asyncio.wait(
                [call for call in calls if not call.done()], return_when=asyncio.FIRST_COMPLETED
            )
        go.set()
        answers = await asyncio.gather(*calls)
        assert sorted(answer.status for answer in answers) == [200, 200, 200, 429, 429]
        assert sum(record.total_tokens for record in relay.records()) == 99
        check_refused(relay, await relay.post(CHAT, asking(max_tokens=0)), "tokens_per_day")


async def test_unused_reservation_is_refunded(
    tmp_path: Path, provider: Replay, backend: dict[str, Any]
) -> None:
    async with limited(tmp_path, provider, backend, tokens_per_day=100) as relay:
        provider.will(answer_of(CHAT, 30, 30))
        assert (await relay.post(CHAT, asking(max_tokens=91))).status == 200
        assert (await relay.post(CHAT, asking(max_tokens=31))).status == 200  # 60 + 40 fit


async def test_money_is_reserved_by_price_and_settled_by_cost(
    tmp_path: Path, provider: Replay, backend: dict[str, Any]
) -> None:
    section: dict[str, Any] = {
        "limits": {**backend, "defaults": {"usd_per_day": "0.000100"}},
        "prices": {"overrides": [{"model": "gpt-*", "input_mtok": "1", "output_mtok": "1"}]},
    }
    async with running(settings(tmp_path, provider.url, **section)) as relay:
        for _ in range(2):  # 50 tokens are reserved, 30 used
            assert (await relay.post(CHAT, asking())).status == 200
        refused = await relay.post(CHAT, asking())
        check_refused(relay, refused, "usd_per_day")
        assert refused.headers["x-should-retry"] == "false"
        assert (await relay.post(CHAT, asking(max_tokens=31))).status == 200  # 60 + 40 are the whole budget
        assert sum(record.cost_usd or 0 for record in relay.records()) == Decimal("0.00009")


FAILURES: list[tuple[Answer, int]] = [
    (json_answer({"error": {"message": "no"}}, status=400), 400),
    (json_answer({"error": {"message": "no"}}, status=429), 429),
    (Answer(before=(BREAK,)), 502),
    (Answer(headers={"Content-Type": "text/html"}, steps=(b"<html>",), length=6), 200),
]


@pytest.mark.parametrize(("failure", "status"), FAILURES)
async def test_failed_request_is_refunded_and_frees_its_slot(
    failure: Answer, status: int, tmp_path: Path, provider: Replay, backend: dict[str, Any]
) -> None:
    async with limited(tmp_path, provider, backend, tokens_per_day=60, concurrency=1) as relay:
        for _ in range(3):
            provider.will(failure)
            assert (await relay.post(CHAT, asking())).status == status
        assert (await relay.post(CHAT, asking())).status == 200


async def test_slot_is_freed_when_no_record_can_be_made(
    tmp_path: Path, provider: Replay, backend: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError("a fault in Relay")

    async with limited(tmp_path, provider, backend, concurrency=1) as relay:
        with monkeypatch.context() as patched:
            patched.setattr("proxy.exchange.recorder.make_record", failing)
            with pytest.raises(aiohttp.ClientError):
                await relay.post(CHAT, asking())
        assert (await relay.post(CHAT, asking())).status == 200


async def test_disconnected_client_frees_its_slot_when_usage_is_known(
    tmp_path: Path, provider: Replay, backend: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.02)
    go = asyncio.Event()
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    begin = events({"choices": [{"delta": {"content": "x"}}]}, done=False)
    provider.will(stream_answer([begin, go, events({"choices": [], "usage": usage})]))
    async with limited(tmp_path, provider, backend, tokens_per_day=100, concurrency=1) as relay:
        async with relay.open(CHAT, asking(stream=True)) as answer:
            await answer.content.readany()
        check_refused(relay, await relay.post(CHAT, asking()), "concurrency")
        go.set()
        async with asyncio.timeout(10):
            while (await relay.post(CHAT, asking(max_tokens=61))).status != 200:  # noqa: ASYNC110 -- by hand
                await asyncio.sleep(0.01)
        (left,) = (record for record in relay.records() if record.status == 499)
        assert (left.total_tokens, left.usage_source) == (30, "provider")


async def test_next_request_may_follow_a_stream_immediately(
    tmp_path: Path, provider: Replay, backend: dict[str, Any]
) -> None:
    body = events({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
    provider.default = lambda _: stream_answer(body)
    async with limited(tmp_path, provider, backend, concurrency=1) as relay:
        answers = [await relay.post(CHAT, asking(stream=True)) for _ in range(30)]
        assert {answer.status for answer in answers} == {200}


async def test_team_limit_spans_its_keys_and_key_limit_overrides_default(
    tmp_path: Path, provider: Replay, backend: dict[str, Any]
) -> None:
    file = tmp_path / "keys.yaml"
    other = keys.issue(file, user="bob", team="engines")
    narrow = keys.issue(file, user="eve", team="looms", limits=KeyLimits(rpm=1, usd_per_day=Decimal("2.5")))
    assert yaml.safe_load(file.read_text())["keys"][1]["usd_per_day"] == "2.5"
    section = {"limits": {**backend, "defaults": {"rpm": 4}, "teams": {"engines": {"rpm": 5}}}}
    async with running(settings(tmp_path, provider.url, **section)) as relay:
        for key, statuses in ((None, [200] * 4 + [429]), (other, [200, 429]), (narrow, [200, 429])):
            headers = {"Authorization": f"Bearer {key or relay.key}"}
            answers = [await relay.post(CHAT, asking(), headers) for _ in statuses]
            assert [answer.status for answer in answers] == statuses
            if key == other:
                assert "the limit of the team 'engines'" in answers[-1].json()["error"]["message"]


async def test_routes_that_generate_nothing_use_no_tokens(
    tmp_path: Path, provider: Replay, backend: dict[str, Any]
) -> None:
    provider.default = lambda _: json_answer({"data": []})
    async with limited(tmp_path, provider, backend, tokens_per_day=1, rpm=3) as relay:
        assert [(await relay.get("/v1/models")).status for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize(("policy", "status"), [("refuse", 503), ("serve", 200)])
async def test_redis_outage_fails_readiness_and_follows_on_backend_failure(
    policy: str, status: int, tmp_path: Path, provider: Replay
) -> None:
    url = f"redis://:s3cret@127.0.0.1:{free_port()}/0"
    backend = {"backend": "redis", "redis_url": url, "on_backend_failure": policy}
    async with limited(tmp_path, provider, backend, rpm=1) as relay:
        answers = [await relay.post(CHAT, asking()) for _ in range(2)]
        assert [answer.status for answer in answers] == [status, status]
        assert [relay.record_of(answer).status for answer in answers] == [status, status]
        if status == 503:
            assert answers[0].json()["error"]["code"] == "limits_unavailable"
            assert not provider.received
        ready = await relay.get("/readyz")
        assert ready.status == 503
        assert ready.json()["reason"].startswith("the Redis of the limits at 127.0.0.1:")
        assert ready.json()["reason"].endswith(" cannot be reached")


async def test_request_without_limits_does_not_call_redis(tmp_path: Path, provider: Replay) -> None:
    backend = {"backend": "redis", "redis_url": f"redis://127.0.0.1:{free_port()}"}
    async with limited(tmp_path, provider, backend) as relay:
        assert (await relay.post(CHAT, asking())).status == 200
