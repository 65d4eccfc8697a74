"""`GET /v1/models` answers for Relay itself, in the caller's form."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from proxy.app import SERVICES
from proxy.request import keys
from tests.support.replay import STALL, Answer, Received, Replay, json_answer
from tests.support.running import Relay, running, settings

CLAUDE = {"anthropic-version": "2023-06-01"}
OPENAI_LIST = {
    "object": "list",
    "data": [
        {"id": "gpt-4o", "object": "model", "created": 1715367049, "owned_by": "org-secret"},
        {"id": "gpt-4o-mini", "object": "model", "created": 1721172741, "owned_by": "system"},
        {"id": "dall-e-3", "object": "model", "created": 1698785189, "owned_by": "system"},
        {"id": 7},
        "nonsense",
    ],
}
CLAUDE_PAGES = [
    {
        "data": [
            {
                "type": "model",
                "id": "claude-opus-4-5",
                "display_name": "Claude Opus 4.5",
                "created_at": "2025-11-24T00:00:00Z",
            }
        ],
        "has_more": True,
        "first_id": "claude-opus-4-5",
        "last_id": "claude-opus-4-5",
    },
    {
        "data": [
            {
                "type": "model",
                "id": "claude-haiku-4-5",
                "display_name": "Claude Haiku 4.5",
                "created_at": "2025-10-15T00:00:00Z",
            }
        ],
        "has_more": False,
        "first_id": "claude-haiku-4-5",
        "last_id": "claude-haiku-4-5",
    },
]
ALL = ["fast", "gpt-5-preview", "gpt-4o", "gpt-4o-mini", "claude-opus-4-5", "claude-haiku-4-5"]


def listing(received: Received) -> Answer:
    """The lists of both providers."""
    if "anthropic-version" in received.headers:
        return json_answer(CLAUDE_PAGES["after_id=claude-opus-4-5" in received.path])
    return json_answer(OPENAI_LIST)


def configured(tmp_path: Path, provider: Replay, **sections: Any) -> Any:
    models = ["gpt-4o*", "gpt-5-preview"]
    given = {"aliases": {"fast": "gpt-4o-mini"}, "upstreams": {"openai": {"models": models}}}
    return settings(tmp_path, provider.url, **(given | sections))


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay) -> AsyncIterator[Relay]:
    provider.default = listing
    async with running(configured(tmp_path, provider)) as relay:
        yield relay


def ids(answer: Any) -> list[str]:
    return [model["id"] for model in answer.json()["data"]]


async def test_list_in_openai_form_merges_configuration_and_upstreams(relay: Relay, provider: Replay) -> None:
    answer = await relay.get("/v1/models")
    assert answer.json()["object"] == "list"
    assert ids(answer) == ALL
    assert answer.json()["data"][2] == {
        "id": "gpt-4o",
        "object": "model",
        "created": 1715367049,
        "owned_by": "openai",
    }
    sent = {received.path: received.headers for received in provider.received}
    assert set(sent) == {
        "/v1/models",
        "/v1/models?limit=1000",
        "/v1/models?limit=1000&after_id=claude-opus-4-5",
    }
    assert sent["/v1/models"]["Authorization"] == "Bearer sk-of-openai"
    assert sent["/v1/models?limit=1000"]["x-api-key"] == "sk-of-anthropic"
    assert all(relay.key not in str(headers) for headers in sent.values())


async def test_list_in_anthropic_form_starts_with_the_models_of_the_callers_api(relay: Relay) -> None:
    answer = await relay.get("/v1/models?limit=1000", CLAUDE)
    assert ids(answer) == [*ALL[4:], *ALL[:4]]
    body = answer.json()
    assert body["data"][0] == CLAUDE_PAGES[0]["data"][0]  # type: ignore[index]
    assert body["data"][3] == {
        "type": "model",
        "id": "gpt-5-preview",
        "display_name": "gpt-5-preview",
        "created_at": "1970-01-01T00:00:00Z",
    }
    assert (body["has_more"], body["first_id"], body["last_id"]) == (False, "claude-opus-4-5", "gpt-4o-mini")


async def test_both_sdks_list_and_retrieve(relay: Relay) -> None:
    async with openai.AsyncOpenAI(api_key=relay.key, base_url=f"{relay.url}/v1", max_retries=0) as client:
        assert [model.id async for model in client.models.list()] == ALL
        assert (await client.models.retrieve("fast")).owned_by == "openai"
        with pytest.raises(openai.NotFoundError, match="the model 'gpt-9' does not exist"):
            await client.models.retrieve("gpt-9")
    async with anthropic.AsyncAnthropic(api_key=relay.key, base_url=relay.url, max_retries=0) as claude:
        assert [model.id async for model in claude.models.list(limit=1)] == [*ALL[4:], *ALL[:4]]
        found = await claude.models.retrieve("claude-haiku-4-5")
        assert (found.display_name, found.created_at.year) == ("Claude Haiku 4.5", 2025)
        with pytest.raises(anthropic.NotFoundError) as caught:
            await claude.models.retrieve("claude-9")
        assert caught.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]


async def test_discovery_of_claude_code_finds_the_claude_models(relay: Relay) -> None:
    headers = CLAUDE | {"Authorization": f"Bearer {relay.key}"}
    answer = await relay.get("/v1/models?limit=1000", headers)
    assert [name for name in ids(answer) if name.startswith("claude")] == ALL[4:]


PAGES = [
    ("limit=2", ["claude-opus-4-5", "claude-haiku-4-5"], True),
    ("limit=2&after_id=claude-haiku-4-5", ["fast", "gpt-5-preview"], True),
    ("limit=2&after_id=gpt-5-preview", ["gpt-4o", "gpt-4o-mini"], False),
    ("after_id=gpt-4o-mini", [], False),
    ("limit=2&before_id=gpt-5-preview", ["claude-haiku-4-5", "fast"], True),
    ("limit=2&before_id=fast", ["claude-opus-4-5", "claude-haiku-4-5"], False),
]


@pytest.mark.parametrize(("query", "expected", "has_more"), PAGES)
async def test_pages_in_anthropic_form(relay: Relay, query: str, expected: list[str], has_more: bool) -> None:
    answer = await relay.get(f"/v1/models?{query}", CLAUDE)
    assert (ids(answer), answer.json()["has_more"]) == (expected, has_more)
    assert answer.json()["last_id"] == (expected[-1] if expected else None)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "after_id=no", "after_id=fast&before_id=gpt-4o"]
)
async def test_invalid_page_is_refused_in_the_api_form(relay: Relay, query: str) -> None:
    answer = await relay.get(f"/v1/models?{query}", CLAUDE)
    assert (answer.status, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert relay.record_of(answer).error.type == "invalid_page"  # type: ignore[union-attr]


async def test_key_sees_only_the_models_it_may_use(relay: Relay) -> None:
    key = keys.issue(relay.config.keys.file, user="bo", team="search", models=["gpt-4o*", "claude-haiku-*"])
    relay.refresh_keys()
    limited = {"Authorization": f"Bearer {key}"}
    assert ids(await relay.get("/v1/models", limited)) == ["gpt-4o", "gpt-4o-mini", "claude-haiku-4-5"]
    assert (await relay.get("/v1/models/gpt-4o", limited)).status == 200
    assert (await relay.get("/v1/models/fast", limited)).status == 404


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/models", 200), ("/v1/models/", 200), ("/v1/models/x%2Fy", 404)]
)
async def test_request_has_one_free_record(relay: Relay, path: str, status: int) -> None:
    answer = await relay.get(path)
    assert answer.status == status
    (record,) = relay.records()
    assert record == relay.record_of(answer)
    assert (record.status, str(record.cost_usd), record.provider) == (status, "0", "")
    assert (record.attempts, record.usage_source) == ((), "none")
    assert await relay.metric("relay_unpriced_requests_total") == 0


async def test_head_has_no_fault(relay: Relay) -> None:
    async with relay.session.head(f"{relay.url}/v1/models", headers=relay.headers("/v1/models")) as answer:
        assert answer.status == 200
    assert relay.records()[0].error is None


async def test_list_needs_a_key_and_counts_against_limits(tmp_path: Path, provider: Replay) -> None:
    provider.default = listing
    async with running(configured(tmp_path, provider, limits={"defaults": {"rpm": 1}})) as relay:
        answer = await relay.get("/v1/models", {"Authorization": "Bearer rk_wrong"})
        assert (answer.status, provider.received) == (401, [])
        answer = await relay.get("/v1/models")
        assert (answer.status, answer.headers["x-ratelimit-limit-requests"]) == (200, "1")
        assert (await relay.get("/v1/models")).status == 429


async def test_changes_to_a_model_still_go_to_the_provider(relay: Relay, provider: Replay) -> None:
    provider.will(json_answer({"id": "gpt-4o:ft", "deleted": True}))
    path = "/v1/models/gpt-4o:ft"
    async with relay.session.delete(relay.url + path, headers=relay.headers(path)) as answer:
        assert (await answer.json())["deleted"] is True
    assert provider.received[0].method == "DELETE"


async def test_list_is_cached_and_requested_once_for_concurrent_clients(
    relay: Relay, provider: Replay
) -> None:
    await asyncio.gather(*(relay.get("/v1/models") for _ in range(10)))
    assert len(provider.received) == 3
    times = []
    for _ in range(20):
        began = time.perf_counter()
        await relay.get("/v1/models")
        times.append(time.perf_counter() - began)
    assert len(provider.received) == 3
    assert min(times) < 0.005


FAILURES = [
    json_answer({"error": {}}, status=500),
    json_answer(b"<html>"),
    json_answer({"data": {}}),
    Answer(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    Answer(before=(STALL,)),
]


@pytest.mark.parametrize("failure", FAILURES)
async def test_failing_upstream_is_left_out_and_asked_again(
    tmp_path: Path, provider: Replay, monkeypatch: pytest.MonkeyPatch, failure: Answer
) -> None:
    monkeypatch.setattr("proxy.models.catalog.LIST_SECONDS", 0.2)

    def failing(received: Received) -> Answer:
        return listing(received) if "anthropic-version" in received.headers else failure

    provider.default = failing
    async with running(configured(tmp_path, provider)) as relay:
        without = ["fast", "gpt-5-preview", "claude-opus-4-5", "claude-haiku-4-5"]
        assert ids(await relay.get("/v1/models")) == without
        provider.default = listing
        for entry in relay.app[SERVICES].models._lists:
            assert entry.expires - time.monotonic() < (31 if entry.failure else 301)
            entry.expires = 0 if entry.failure else entry.expires
        assert ids(await relay.get("/v1/models")) == without  # the failed one is asked in the background
        await asyncio.sleep(0.1)
        assert ids(await relay.get("/v1/models")) == ALL


async def test_expired_list_is_requested_again(tmp_path: Path, provider: Replay) -> None:
    provider.default = listing
    async with running(configured(tmp_path, provider, routes={"models_cache_seconds": 0.1})) as relay:
        await relay.get("/v1/models")
        provider.default = lambda received: (
            listing(received)
            if "anthropic-version" in received.headers
            else json_answer({"data": [{"id": "gpt-4o-new"}]})
        )
        await asyncio.sleep(0.15)
        assert ids(await relay.get("/v1/models"))[:3] == ["fast", "gpt-5-preview", "gpt-4o-new"]


async def test_anthropic_only_configuration_lists_in_openai_form(tmp_path: Path, provider: Replay) -> None:
    provider.default = listing
    config = configured(tmp_path, provider, aliases={})
    only = config.model_copy(update={"upstreams": {"anthropic": config.upstreams["anthropic"]}})
    async with running(only) as relay:
        assert ids(await relay.get("/v1/models")) == ALL[4:]
