"""Every notation of an event stream is counted and delivered without the injected chunk."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest

from tests.support.replay import EVENT_STREAM, Answer, Replay, events
from tests.support.running import Relay

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
TEXT = events(
    {"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "12345678é"}}]},
    {"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "\\ud83d"}}]},
    {"model": "gpt-4o", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    done=False,
)
COUNTED = events({"id": "x", "choices": [], "usage": USAGE}, done=False)
DONE = b"data: [DONE]\n\n"

# (case, what the upstream sends, the same less the chunk that Relay asked for)
BODIES: list[tuple[str, bytes, bytes]] = [
    ("as OpenAI", TEXT + COUNTED + DONE, TEXT + DONE),
    ("no [DONE]", TEXT + COUNTED, TEXT),
    ("no [DONE], nothing ends the usage", TEXT + COUNTED.rstrip(), TEXT),
    ("nothing ends [DONE]", TEXT + COUNTED + DONE.rstrip(), TEXT + DONE.rstrip()),
    ("a space after [DONE]", TEXT + COUNTED + b"data: [DONE] \n\n", TEXT + b"data: [DONE] \n\n"),
    ("comments", b": a\n\n" + TEXT + COUNTED + b": b\n\n" + DONE, b": a\n\n" + TEXT + b": b\n\n" + DONE),
    ("blank lines before", b"\n\n" + TEXT + COUNTED + DONE, b"\n\n" + TEXT + DONE),
    ("ids and names", (TEXT + COUNTED + DONE).replace(b"data:", b"id: 5\nevent: message\ndata:"),
     (TEXT + DONE).replace(b"data:", b"id: 5\nevent: message\ndata:")),
    ("several lines of data", TEXT + COUNTED.replace(b', "usage"', b',\ndata: "usage"') + DONE, TEXT + DONE),
]  # fmt: skip
FORMS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("LF", bytes),
    ("CRLF", lambda body: body.replace(b"\n", b"\r\n")),
    ("CR", lambda body: body.replace(b"\n", b"\r")),
    ("no space", lambda body: body.replace(b"data: ", b"data:")),
    ("a byte order mark", lambda body: b"\xef\xbb\xbf" + body),
]
ENCODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("identity", bytes),
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
]
ASKED = {"model": "gpt-4o", "stream": True, "messages": []}


@pytest.mark.parametrize(("sent", "less"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
@pytest.mark.parametrize("form", [row[1] for row in FORMS], ids=[row[0] for row in FORMS])
async def test_stream_is_counted_and_delivered_in_every_notation(
    provider: Replay, relay: Relay, sent: bytes, less: bytes, form: Callable[[bytes], bytes]
) -> None:
    for body, options, expected in (
        (form(sent), {}, form(less)),
        (form(sent), {"stream_options": {"include_usage": True}}, form(sent)),
    ):
        for encoding, encode in ENCODINGS:
            for size in (len(body), 7):
                parts = encode(body)
                steps = tuple(parts[at : at + size] for at in range(0, len(parts), size))
                headers = {"Content-Type": EVENT_STREAM, "Content-Encoding": encoding}
                provider.will(Answer(headers=headers, steps=steps))
                answer = await relay.post(CHAT, ASKED | options)
                record = relay.record_of(answer)
                recorded = (
                    record.usage_source,
                    record.prompt_tokens,
                    record.completion_tokens,
                    record.is_error,
                )
                assert recorded == ("provider", 10, 4, False)
                assert answer.body == expected
