"""A page in Chromium that calls Relay from another origin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from tests.support.replay import Replay, events, json_answer, stream_answer
from tests.support.running import running, settings

CHROMIUM = "/usr/bin/chromium"
FETCH = """async ([url, key, body]) => {
    const headers = {"Authorization": `Bearer ${key}`, "Content-Type": "application/json", "X-App": "a"};
    const options = body ? {method: "POST", headers, body: JSON.stringify(body)} : {headers};
    try {
        const answer = await fetch(url, options);
        const get = (name) => answer.headers.get(name);
        const [id, limit] = [get("x-relay-request-id"), get("x-ratelimit-limit-requests")];
        return {status: answer.status, text: await answer.text(), id, limit, wait: get("retry-after")};
    } catch (error) { return {error: error.name}; }
}"""
ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
CHUNK = {"choices": [{"delta": {"content": "hello"}}]}


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """An empty page at a local origin of its own."""

    async def empty(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>app</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", empty)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        yield page
        await browser.close()
    await runner.cleanup()


async def fetch(page: Page, url: str, key: str, body: object = None) -> dict[str, Any]:
    """What the page reads of an answer, or the name of its error."""
    found: dict[str, Any] = await page.evaluate(FETCH, [url, key, body])
    return found


async def test_page_of_a_permitted_origin_reads_answers_errors_and_streams(
    tmp_path: Path, provider: Replay, page: Page
) -> None:
    origin = page.url.rstrip("/")
    config = settings(
        tmp_path,
        provider.url,
        server={"cors_origins": [origin]},
        limits={"defaults": {"rpm": 4}},
    )
    async with running(config) as relay:
        provider.will(json_answer({"choices": []}), json_answer({"error": {"message": "bad"}}, status=400))
        chat = f"{relay.url}/v1/chat/completions"
        whole = await fetch(page, chat, relay.key, ASK)
        assert (whole["status"], whole["text"], whole["limit"]) == (200, '{"choices": []}', "4")
        assert whole["id"] == relay.records()[0].request_id
        assert "bad" in (await fetch(page, chat, relay.key, ASK))["text"]
        provider.will(stream_answer(events(CHUNK), cut=9))
        stream = await fetch(page, chat, relay.key, ASK | {"stream": True})
        assert (stream["status"], stream["text"].endswith("data: [DONE]\n\n")) == (200, True)
        assert (await fetch(page, f"{relay.url}/v1/models", relay.key))["status"] == 200
        limited = await fetch(page, chat, relay.key, ASK)
        assert (limited["status"], int(limited["wait"]) > 0) == (429, True)
        wrong = await fetch(page, chat, "rk_wrong", ASK)
        assert (wrong["status"], "the Relay key is missing" in wrong["text"]) == (401, True)
        assert all("Origin" not in received.headers for received in provider.received)


async def test_page_of_another_origin_reads_nothing(tmp_path: Path, provider: Replay, page: Page) -> None:
    config = settings(tmp_path, provider.url, server={"cors_origins": ["https://app.example.com"]})
    async with running(config) as relay:
        chat = f"{relay.url}/v1/chat/completions"
        assert await fetch(page, chat, relay.key, ASK) == {"error": "TypeError"}
        assert await fetch(page, f"{relay.url}/v1/models", relay.key) == {"error": "TypeError"}
        assert (provider.received, relay.records()) == ([], [])
