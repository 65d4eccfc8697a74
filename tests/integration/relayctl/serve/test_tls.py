"""HTTPS: OpenAI's client with several workers, and a renewed certificate."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path

import openai
import trustme

from tests.support.replay import Replay, events, json_answer, stream_answer
from tests.support.running import settings, until
from tests.support.serving import WORKERS, serving

MESSAGES: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]
USAGE = {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10}
CHOICE = {"index": 0, "finish_reason": "stop"}
HEAD = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o"}
ANSWER = json_answer(
    HEAD
    | {"object": "chat.completion", "usage": USAGE}
    | {"choices": [CHOICE | {"message": {"role": "assistant", "content": "Analytical"}}]}
)
CHUNKS = [
    HEAD | {"object": "chat.completion.chunk", "choices": [CHOICE | {"delta": {"content": text}}]}
    for text in ("Ana", "lytical")
]


def issue(authority: trustme.CA, directory: Path) -> dict[str, str]:
    """Writes a certificate and its key, and returns the `tls` section."""
    made = authority.issue_cert("127.0.0.1")
    chain, key = directory / "tls.pem", directory / "tls.key"
    chain.write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
    made.private_key_pem.write_to_path(key)
    return {"certificate": str(chain), "key": str(key)}


async def test_openai_client_connects_to_workers_over_tls(tmp_path: Path, provider: Replay) -> None:
    authority = trustme.CA()
    tls = issue(authority, tmp_path)
    config = settings(tmp_path, provider.url, **WORKERS | {"server": {"workers": 2, "tls": tls}})
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with serving(config) as served:
        assert served.relay.url.startswith("https://127.0.0.1:")
        client = openai.AsyncOpenAI(
            base_url=f"{served.relay.url}/v1",
            api_key=served.relay.key,
            http_client=openai.DefaultAsyncHttpxClient(verify=trusting),
        )
        provider.will(ANSWER, stream_answer(events(*CHUNKS)))
        async with client:
            whole = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
            assert whole.choices[0].message.content == "Analytical"
            stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
            assert text == "Analytical"
        renewed = trustme.CA()
        issue(renewed, tmp_path)
        await until(lambda: served.said().count("the certificate has been read again") == 2, 20)
        assert await authority_of(served.relay.url, renewed)
        assert not await authority_of(served.relay.url, authority)
        assert await served.stop() == 0
    assert [record.status for record in served.relay.records()] == [200, 200]


async def authority_of(url: str, authority: trustme.CA) -> bool:
    """Whether the service presents a certificate of this authority."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    host, _, port = url.removeprefix("https://").partition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port), ssl=trusting)
    except ssl.SSLCertVerificationError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_single_process_serves_tls_and_logs_json(tmp_path: Path, provider: Replay) -> None:
    authority = trustme.CA()
    tls = issue(authority, tmp_path)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    config = settings(tmp_path, provider.url, server={"tls": tls}, log={"format": "json"})
    async with serving(config) as served:
        async with served.relay.session.get(f"{served.relay.url}/healthz", ssl=trusting) as answer:
            assert await answer.json() == {"status": "ok"}
        assert await served.stop() == 0
        messages = [json.loads(line)["message"] for line in served.said().splitlines()]
    assert any(message.startswith(f"Relay serves on {served.relay.url}") for message in messages)
