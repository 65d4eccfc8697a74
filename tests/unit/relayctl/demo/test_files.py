"""The stand-in's files and its errors for requests that no SDK sends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient, TestServer

from relayctl.demo import files, provider, stored_responses
from relayctl.demo.provider import StandIn

OPENAI = {"Authorization": "Bearer the-key"}
ANTHROPIC = {"x-api-key": "the-key", "anthropic-version": "2023-06-01"}
Client = TestClient[Any, Any]


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setattr(provider, "_FIRST_PAUSE", (0, 0))
    monkeypatch.setattr(provider, "_PAUSE", (0, 0))
    app = StandIn(seed=1, api_key="the-key", failing=False).app()
    async with TestClient(TestServer(app)) as client:
        yield client


async def upload(client: Client, content: bytes, **fields: str) -> ClientResponse:
    form = FormData({"purpose": "batch", **fields})
    form.add_field("file", content, filename="a.jsonl")
    return await client.post("/v1/files", data=form, headers=OPENAI)


async def stored(client: Client) -> list[str]:
    listed = await client.get("/v1/files", params={"order": "asc"}, headers=OPENAI)
    return [file["id"] for file in (await listed.json())["data"]]


async def test_oldest_files_are_deleted_when_storage_is_full(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_MAX_STORED_BYTES", 10)
    made = [(await (await upload(client, b"12345")).json())["id"] for _ in range(3)]
    assert await stored(client) == made[1:]


async def test_oldest_responses_are_deleted_when_storage_is_full(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_responses, "_MAX_STORED", 1)
    made = []
    for _ in range(2):
        body = {"model": "gpt-4o", "input": "hi"}
        response = await client.post("/v1/responses", json=body, headers=OPENAI)
        made.append((await response.json())["id"])
    found = [(await client.get(f"/v1/responses/{one}", headers=OPENAI)).status for one in made]
    assert found == [404, 200]


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"{}", "application/json"),
        (b"purpose=batch&file=text", "application/x-www-form-urlencoded"),
        (b"no boundary", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=x"),
    ],
)
async def test_upload_without_a_file_is_refused(client: Client, data: bytes, content_type: str) -> None:
    for headers in (OPENAI, ANTHROPIC):
        response = await client.post("/v1/files", data=data, headers=headers | {"Content-Type": content_type})
        assert response.status == 400
        assert (await response.json())["error"]["type"] == "invalid_request_error"
    assert await stored(client) == []


async def test_upload_without_a_purpose_is_refused_by_openai_only(client: Client) -> None:
    for headers, status in ((OPENAI, 400), (ANTHROPIC, 200)):
        form = FormData()
        form.add_field("file", b"a", filename="a.txt")
        assert (await client.post("/v1/files", data=form, headers=headers)).status == status


@pytest.mark.parametrize("headers", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("path", ["/v1/files?limit=0", "/v1/files?limit=x"])
async def test_bad_limit_is_refused(client: Client, headers: dict[str, str], path: str) -> None:
    assert (await client.get(path, headers=headers)).status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/nothing", 404),
        ("GET", "/elsewhere", 404),
        ("GET", "/v1/chat/completions", 405),
        ("GET", "/v1/messages/batches", 404),
        ("PUT", "/v1/files", 405),
    ],
)
@pytest.mark.parametrize("headers", [OPENAI, ANTHROPIC])
async def test_unknown_paths_are_errors_in_the_format_of_the_api(
    client: Client, method: str, path: str, status: int, headers: dict[str, str]
) -> None:
    response = await client.request(method, path, headers=headers)
    body = await response.json()
    assert response.status == status
    assert body["error"]["message"] == f"Invalid URL ({method} {path})"
    anthropic = path.startswith("/v1/messages") or (path == "/v1/files" and headers is ANTHROPIC)
    assert (body.get("type") == "error") == anthropic
    assert response.headers["request-id"].startswith("req_")


async def test_body_too_large_is_an_error_in_the_format_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "_MAX_BODY_BYTES", 100)
    app = StandIn(seed=1, api_key="the-key", failing=False).app()
    async with TestClient(TestServer(app)) as small:
        openai = await small.post("/v1/chat/completions", data=b" " * 200, headers=OPENAI)
        anthropic = await small.post("/v1/messages", data=b" " * 200, headers=ANTHROPIC)
        assert (openai.status, anthropic.status) == (413, 413)
        assert (await anthropic.json())["error"]["type"] == "request_too_large"
