"""Scrubbing a request: text fields, placeholders, and restoring the original."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Refusal
from proxy.pii.restore import Restorer, restored_body
from proxy.request.placeholders import Placeholders
from tests.support.personal_data import scrubber

SCRUBBER = scrubber(EMPLOYEE_ID="E-[0-9]{6}")
ADA, PHONE = "ada@example.com", "+14155552671"
VALUES = [ADA, "bob@example.org", PHONE, "192.0.2.7", "123-45-6789", "4111111111111111", "E-123456",
          "GB82WEST12345698765432", "2001:db8::1"]  # fmt: skip
MAIL_1, MAIL_2, PHONE_1 = "<EMAIL_ADDRESS_1>", "<EMAIL_ADDRESS_2>", "<PHONE_NUMBER_1>"
PLACEHOLDERS = [MAIL_1, MAIL_2, PHONE_1, "<EMPLOYEE_ID_7>", "<EMAIL_ADDRESS_", "1>",
          "<", ">", "<EMAIL_ADDRESS_1", "<NO_TYPE_1>"]  # fmt: skip

texts = st.lists(st.sampled_from([*VALUES, *PLACEHOLDERS, " ", "\n", "\0", ", "]) | st.text(max_size=8)).map(
    "".join
)


def chat(*messages: object, **more: object) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": each} for each in messages], **more}


# The body of the client, and the body for the upstream.
BODIES = [
    # equal values have the same number
    (chat(f"{ADA} or bob@example.org", f"again {ADA}"),
     chat("<EMAIL_ADDRESS_1> or <EMAIL_ADDRESS_2>", "again <EMAIL_ADDRESS_1>")),
    # content parts, but not the image
    (chat([{"type": "text", "text": ADA}, {"type": "image_url", "image_url": {"url": f"data:{PHONE}"}}]),
     chat([{"type": "text", "text": MAIL_1}, {"type": "image_url", "image_url": {"url": f"data:{PHONE}"}}])),
    # tool calls and results, but not names and ids
    ({"model": ADA, "user": ADA, "messages": [
        {"role": "assistant", "tool_calls": [{"id": ADA, "type": "function", "function": {
            "name": ADA, "arguments": json.dumps({"to": ADA, "text": f"\n{PHONE}"})}}]},
        {"role": "tool", "tool_call_id": ADA, "content": f"sent to {ADA}"}]},
     {"model": ADA, "user": ADA, "messages": [
        {"role": "assistant", "tool_calls": [{"id": ADA, "type": "function", "function": {
            "name": ADA, "arguments": json.dumps({"to": MAIL_1, "text": "\n<PHONE_NUMBER_1>"})}}]},
        {"role": "tool", "tool_call_id": ADA, "content": "sent to <EMAIL_ADDRESS_1>"}]}),
    # descriptions and values of a tool's schema, but not its keys
    (chat(tools=[{"type": "function", "function": {"name": "f", "description": ADA, "parameters": {
        "type": "object", "required": [ADA], "properties": {ADA: {"type": "string", "enum": [ADA]}}}}}]),
     chat(tools=[{"type": "function", "function": {"name": "f", "description": MAIL_1, "parameters": {
        "type": "object", "required": [ADA],
        "properties": {ADA: {"type": "string", "enum": [MAIL_1]}}}}}])),
    # Anthropic: system first; tool results, a document's text, a tool's input whatever its keys; not base64
    ({"messages": [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": ADA, "content": [{"type": "text", "text": ADA}]},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": ADA}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PHONE}},
        {"type": "tool_use", "id": ADA, "name": "f", "input": {"name": ADA, "id": [PHONE]}}]}],
      "system": [{"type": "text", "text": "bob@example.org"}], "metadata": {"user_id": ADA}},
     {"messages": [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": ADA, "content": [{"type": "text", "text": MAIL_2}]},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": MAIL_2}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PHONE}},
        {"type": "tool_use", "id": ADA, "name": "f", "input": {"name": MAIL_2, "id": [PHONE_1]}}]}],
      "system": [{"type": "text", "text": MAIL_1}], "metadata": {"user_id": ADA}}),
    # Responses, completions, embeddings
    ({"instructions": ADA, "input": [{"type": "message", "content": [{"type": "input_text", "text": PHONE}]},
                                     {"type": "function_call_output", "call_id": ADA, "output": ADA}]},
     {"instructions": MAIL_1,
      "input": [{"type": "message", "content": [{"type": "input_text", "text": PHONE_1}]},
                {"type": "function_call_output", "call_id": ADA, "output": MAIL_1}]}),
    ({"prompt": [ADA, PHONE], "stop": ADA},
     {"prompt": [MAIL_1, PHONE_1], "stop": MAIL_1}),
    ({"input": ADA}, {"input": MAIL_1}),
    ({"input": [[1, 2], [3]]}, {"input": [[1, 2], [3]]}),
    # texts that look like placeholders are replaced too
    (chat(f"<EMAIL_ADDRESS_1> {ADA}"), chat("<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2>")),
    (chat(f"{ADA} <EMAIL_ADDRESS_1>"), chat("<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2>")),
    # signed thinking: a known value, and one that the model made up
    ({"messages": [{"role": "user", "content": ADA}, {"role": "assistant", "content": [
        {"type": "thinking", "thinking": f"{ADA} at 127.0.0.1", "signature": "x"}]}]},
     {"messages": [{"role": "user", "content": MAIL_1}, {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "<EMAIL_ADDRESS_1> at 127.0.0.1", "signature": "x"}]}]}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), BODIES)
def test_only_the_prompt_is_scrubbed(body: dict[str, Any], expected: dict[str, Any]) -> None:
    sent = copy.deepcopy(body)
    placeholders = SCRUBBER.scrub(sent)
    assert sent == expected
    Restorer(placeholders.values).value(sent)
    assert sent == body


def test_occurrences_are_counted_by_type() -> None:
    placeholders = SCRUBBER.scrub(chat(f"{ADA} {ADA} {PHONE} E-123456 <EMAIL_ADDRESS_1>"))
    assert placeholders.counts == {"EMAIL_ADDRESS": 2, "PHONE_NUMBER": 1, "EMPLOYEE_ID": 1}


def test_additional_message_keeps_earlier_placeholders() -> None:
    short, long = chat(ADA, PHONE), chat(ADA, PHONE, "bob@example.org")
    long["system"] = short["system"] = "eve@example.net"
    for body in (short, long):
        SCRUBBER.scrub(body)
    assert long["messages"][:2] == short["messages"]


def test_too_much_personal_data_is_refused_without_quoting_it() -> None:
    with pytest.raises(Refusal) as refused:
        SCRUBBER.scrub(chat("ada@example.com " * 30_000))
    assert (refused.value.status, refused.value.code) == (400, "too_much_personal_data")
    assert "ada" not in refused.value.message


@given(st.lists(texts, max_size=6))
def test_restoring_reverses_scrubbing(written: list[str]) -> None:
    body = chat(*written)
    placeholders = SCRUBBER.scrub(body)
    Restorer(placeholders.values).value(body)
    assert body == chat(*written)


@given(st.lists(st.lists(st.sampled_from([*VALUES, *PLACEHOLDERS, "word", "é"])).map(", ".join), max_size=6))
def test_no_value_is_sent_and_every_placeholder_is_relays(written: list[str]) -> None:
    body = chat(*written)
    placeholders = SCRUBBER.scrub(body)
    sent = json.dumps(body)
    assert not any(value in sent for value in VALUES)
    assert set(re.findall("<[A-Z_]+_[0-9]+>", sent)) - {"<NO_TYPE_1>"} == set(placeholders.values)


@given(texts, texts)
def test_requests_share_no_placeholders(first: str, second: str) -> None:
    results = [SCRUBBER.scrub(chat(text)) for text in (first, second, first)]
    assert results[0].values == results[2].values
    assert results[1].values == SCRUBBER.scrub(chat(second)).values


def test_lone_surrogates_are_kept() -> None:
    body = chat(f"\ud800{ADA}\udc00")
    placeholders = SCRUBBER.scrub(body)
    assert body == chat("\ud800<EMAIL_ADDRESS_1>\udc00")
    assert placeholders.values == {"<EMAIL_ADDRESS_1>": ADA}


# An answer, and the restored one. Values: an address, and a text that JSON must escape.
RESTORER = Restorer({"<EMAIL_ADDRESS_1>": ADA, "<NOTE_1>": 'say "hi"\n'})
ANSWERS = [
    (b'{"content": "to <EMAIL_ADDRESS_1>", "n": 1.10}', b'{"content":"to ada@example.com","n":1.10}'),
    # as written by encoders that escape for HTML
    (b'{"content": "\\u003cEMAIL_ADDRESS_1\\u003e"}', b'{"content":"ada@example.com"}'),
    # JSON within JSON is escaped twice
    (
        b'{"arguments": "{\\"a\\": \\"<NOTE_1>\\"}"}',
        b'{"arguments":"{\\"a\\": \\"say \\\\\\"hi\\\\\\"\\\\n\\"}"}',
    ),
    (b'{"content": "<NOTE_1>"}', b'{"content":"say \\"hi\\"\\n"}'),
    # unknown placeholders, and answers without any, keep their bytes
    (b'{"content": "<EMAIL_ADDRESS_2> < 1.10"}', b'{"content": "<EMAIL_ADDRESS_2> < 1.10"}'),
    (b'{ "content" : "hello" }', b'{ "content" : "hello" }'),
    # not JSON
    (b"<html><EMAIL_ADDRESS_1></html>", b"<html>ada@example.com</html>"),
]


@pytest.mark.parametrize(("body", "expected"), ANSWERS)
def test_answer_is_restored(body: bytes, expected: bytes) -> None:
    assert restored_body(RESTORER, body) == expected


def test_new_placeholders_are_empty() -> None:
    assert (Placeholders().counts, Placeholders().values) == ({}, {})
