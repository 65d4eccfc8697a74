"""The stand-in provider over HTTP: both APIs, their errors, and streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from relayctl.demo import provider
from relayctl.demo.provider import StandIn

KEY = {"Authorization": "Bearer the-key"}
Client = TestClient[Any, Any]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "_FIRST_PAUSE", (0, 0))
    monkeypatch.setattr(provider, "_PAUSE", (0, 0))


@asynccontextmanager
async def stand_in(*, failing: bool) -> AsyncIterator[Client]:
    app = StandIn(seed=1, api_key="the-key", failing=failing).app()
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with stand_in(failing=False) as client:
        yield client


@pytest.fixture
async def failing_client() -> AsyncIterator[Client]:
    async with stand_in(failing=True) as client:
        yield client


async def ask(client: Client, path: str, body: dict[str, Any], **headers: str) -> ClientResponse:
    return await client.post(path, json=body, headers=KEY | headers)


def message(model: str, text: str = "hello", **options: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 12, **options}


@pytest.mark.parametrize(
    ("path", "body", "output"),
    [
        ("/v1/chat/completions", message("gpt-4o"), "completion_tokens"),
        ("/v1/messages", message("claude-haiku-4-5"), "output_tokens"),
        ("/v1/responses", {"model": "gpt-5-mini", "input": "hi", "max_output_tokens": 12}, "output_tokens"),
    ],
)
async def test_json_answers_have_the_requested_length(
    client: Client, path: str, body: dict[str, Any], output: str
) -> None:
    response = await ask(client, path, body)
    assert response.status == 200
    assert (await response.json())["usage"][output] == 12
    assert response.headers["request-id"].startswith("req_")


async def test_embeddings_models_and_count_tokens_are_served(client: Client) -> None:
    embedding = await ask(client, "/v1/embeddings", {"model": "text-embedding-3-small", "input": "12345678"})
    assert (await embedding.json())["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    models = await client.get("/v1/models", headers=KEY)
    assert "gpt-4o" in [model["id"] for model in (await models.json())["data"]]
    count = await ask(client, "/v1/messages/count_tokens", message("claude-haiku-4-5", "x" * 40))
    assert await count.json() == {"input_tokens": 10}


@pytest.mark.parametrize(
    ("path", "body", "last"),
    [
        ("/v1/chat/completions", message("gpt-4o"), "data: [DONE]"),
        ("/v1/messages", message("claude-haiku-4-5"), 'data: {"type":"message_stop"}'),
    ],
)
async def test_streams_are_complete_server_sent_events(
    client: Client, path: str, body: dict[str, Any], last: str
) -> None:
    response = await ask(client, path, body | {"stream": True})
    assert response.content_type == "text/event-stream"
    assert (await response.text()).strip().splitlines()[-1] == last


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"x-api-key": "wrong"}])
async def test_wrong_key_is_refused_in_the_format_of_the_api(client: Client, header: dict[str, str]) -> None:
    openai = await client.post("/v1/chat/completions", json=message("gpt-4o"), headers=header)
    anthropic = await client.post("/v1/messages", json=message("claude-haiku-4-5"), headers=header)
    assert (openai.status, anthropic.status) == (401, 401)
    assert set((await openai.json())["error"]) == {"message", "type", "param", "code"}
    assert (await anthropic.json())["error"]["type"] == "authentication_error"


async def test_anthropic_key_header_is_accepted(client: Client) -> None:
    headers = {"x-api-key": "the-key"}
    response = await client.post("/v1/messages", json=message("claude-haiku-4-5"), headers=headers)
    assert response.status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"'])
async def test_body_that_is_not_a_json_object_is_a_400(client: Client, body: bytes) -> None:
    response = await client.post("/v1/messages", data=body, headers=KEY)
    assert response.status == 400
    assert (await response.json())["type"] == "error"


async def failures(
    client: Client, path: str, model: str, count: int
) -> list[tuple[int, int, str, str | None]]:
    """Number, status, error type and Retry-After of the requests that fail."""
    found = []
    for number in range(count):
        response = await ask(client, path, message(model, f"question {number}"))
        if response.status != 200:
            error = (await response.json())["error"]["type"]
            found.append((number, response.status, error, response.headers.get("Retry-After")))
    return found


@pytest.mark.parametrize(
    ("path", "model", "kinds"),
    [
        (
            "/v1/messages",
            "claude-haiku-4-5",
            {
                (429, "rate_limit_error", "1"),
                (500, "api_error", None),
                (529, "overloaded_error", "1"),
            },
        ),
        (
            "/v1/chat/completions",
            "gpt-4o",
            {(429, "requests", "1"), (500, "server_error", None), (503, "server_error", "1")},
        ),
    ],
)
async def test_some_requests_fail_in_the_format_of_the_api(
    failing_client: Client, path: str, model: str, kinds: set[tuple[int, str, str | None]]
) -> None:
    found = await failures(failing_client, path, model, 1000)
    assert {failure[1:] for failure in found} == kinds
    assert 5 < len(found) < 30


async def test_failures_are_deterministic(failing_client: Client) -> None:
    path, model = "/v1/messages", "claude-haiku-4-5"
    first = await failures(failing_client, path, model, 300)
    assert first
    assert await failures(failing_client, path, model, 300) == first


async def test_no_request_fails_without_failing(client: Client) -> None:
    assert await failures(client, "/v1/messages", "claude-haiku-4-5", 300) == []
