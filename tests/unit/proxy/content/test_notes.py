"""Captured content as JSON: notes in place of data, long content cut, and always valid JSON."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from proxy.content.capture import prompt_of
from proxy.content.notes import content_json, with_notes
from proxy.json_decoding import decode_leniently
from proxy.segments.content_lines import (
    MAX_CONTENT_BYTES,
    Content,
    ContentLine,
    content_line,
    parse_content_line,
)
from tests.support.arbitrary import JSON, UNTIMED
from tests.unit.proxy.segments.test_file import NOON

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
URL = f"data:image/png;base64,{PNG}"
NOTE = "[image/png, 70 bytes]"

NOTES: list[tuple[Any, Any]] = [
    # OpenAI's images, by data URL and by link
    ({"type": "image_url", "image_url": {"url": URL, "detail": "low"}},
     {"type": "image_url", "image_url": {"url": NOTE, "detail": "low"}}),
    ({"type": "input_image", "image_url": URL}, {"type": "input_image", "image_url": NOTE}),
    ({"url": "https://example.com/a.png"}, {"url": "https://example.com/a.png"}),
    # its sound and its files
    ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
     {"type": "input_audio", "input_audio": {"data": "[wav, 3 bytes]", "format": "wav"}}),
    ({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAA="}},
     {"type": "file", "file": {"filename": "a.pdf", "file_data": "[application/pdf, 2 bytes]"}}),
    ({"type": "input_file", "filename": "a.pdf", "file_data": "AAAA"},
     {"type": "input_file", "filename": "a.pdf", "file_data": "[a.pdf, 3 bytes]"}),
    ({"type": "image_generation_call", "result": "AAAA"},
     {"type": "image_generation_call", "result": "[image_generation_call, 3 bytes]"}),
    # Anthropic's images and documents, but not a document that is text
    ({"type": "base64", "media_type": "image/png", "data": PNG},
     {"type": "base64", "media_type": "image/png", "data": NOTE}),
    ({"type": "text", "media_type": "text/plain", "data": "read me"},
     {"type": "text", "media_type": "text/plain", "data": "read me"}),
    # what only the provider can read
    ({"type": "redacted_thinking", "data": "AAAA"},
     {"type": "redacted_thinking", "data": "[redacted_thinking, 3 bytes]"}),
    ({"type": "reasoning", "encrypted_content": "gAAAA"},
     {"type": "reasoning", "encrypted_content": "[encrypted_content, 5 bytes]"}),
    # what a model gives a tool may have any name
    ({"type": "tool_use", "input": {"data": "1, 2", "signature": "me", "shown": URL}},
     {"type": "tool_use", "input": {"data": "1, 2", "signature": "me", "shown": NOTE}}),
    # in the middle of a text; not base64; only like it
    (f"look: ![]({URL}) here", f"look: ![]({NOTE}) here"),
    ("data:image/svg+xml;utf8,<svg/>", "[image/svg+xml, 6 bytes]"),
    ("data: 1, 2, 3", "data: 1, 2, 3"),
    ("metadata:a/b, c", "metadata:a/b, c"),
    # the rest as it is
    ([1, None, True, {"n": [0.5]}], [1, None, True, {"n": [0.5]}]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), NOTES)
def test_data_is_replaced_by_a_note(value: Any, expected: Any) -> None:
    before = json.dumps(value)
    assert with_notes(value) == expected
    assert json.dumps(value) == before


def encoded(value: object) -> Any:
    """What a reader finds of a value after its way through a line."""
    raw = content_json(value)
    assert len(bytes(raw)) <= MAX_CONTENT_BYTES
    line = content_line(Content(request_id="req_1", created_at=NOON, input=raw), 3)
    found = parse_content_line(line)
    assert isinstance(found, ContentLine)
    assert (found.seq, found.request_id, found.created_at, bytes(found.output)) == (3, "req_1", NOON, b"null")
    return msgspec.json.decode(found.input)


@UNTIMED
@given(value=JSON)
def test_any_json_survives_a_line(value: Any) -> None:
    assert encoded(decode_leniently(json.dumps(value).encode())) == with_notes(value)


@pytest.mark.parametrize(
    "text", ["x", 'a"\\\n', "é\U0001f600", "\x00"], ids=["plain", "escaped", "wide", "NUL"]
)
def test_long_content_is_cut_and_marked(text: str) -> None:
    value = {"messages": [{"content": text * MAX_CONTENT_BYTES}]}
    cut = encoded(value)
    assert cut["cut"] == "it is longer than 1,048,576 bytes: this is how its JSON begins"
    assert len(cut["begin"]) > 50_000
    assert json.dumps(value, ensure_ascii=False, separators=(",", ":")).startswith(cut["begin"][:1000])
    assert encoded({"messages": "x" * (MAX_CONTENT_BYTES - 20)})["messages"].startswith("xx")


ODD: list[tuple[Any, Any]] = [
    # half a surrogate pair; a number beyond 64 bits
    ({"text": "a\ud83d"}, {"text": "a?"}),
    ([10**30], [10**30]),
]


@pytest.mark.parametrize(("value", "expected"), ODD)
def test_unencodable_values_are_written_approximately(value: Any, expected: Any) -> None:
    assert encoded(value) == expected


def test_deeply_nested_content_is_marked() -> None:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    assert encoded(value) == {"cut": "it is nested too deeply"}


def test_prompt_has_only_the_prompt_fields_of_the_body() -> None:
    body: dict[str, Any] = {
        "model": "m",
        "messages": [1],
        "tools": [2],
        "system": "s",
        "user": "ada",
        "metadata": {},
        "input": None,
    }
    assert prompt_of(body) == {"system": "s", "messages": [1], "tools": [2]}
    assert prompt_of({"model": "m"}) is None
