"""Parsing of requests, and bodies that are sent upstream byte for byte unless they must change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Refusal
from proxy.json_decoding import decode
from proxy.request.call import Call, has_ambiguous_model, read_call
from tests.support.arbitrary import OBJECTS, UNTIMED

CHAT = "/v1/chat/completions"
ASKED = {"include_usage": True}


def call(body: object, endpoint: str = CHAT, method: str = "POST") -> Call:
    return read_call(endpoint, method, body if isinstance(body, bytes) else json.dumps(body).encode())


REFUSED: list[tuple[str, bytes, str]] = [
    ("empty", b"", "invalid_json"),
    ("not JSON", b"{model", "invalid_json"),
    ("not UTF-8", b'{"model": "\xff"}', "invalid_json"),
    ("a list", b'["gpt-4o"]', "invalid_json"),
    ("a text", b'"gpt-4o"', "invalid_json"),
    ("two objects", b'{"model": "a"}{"model": "b"}', "invalid_json"),
    ("an exponent out of range", b'{"model": "a", "x": 1e99999999999999999999}', "invalid_json"),
    ("nested too deep", b'{"model": "a", "x": ' + b"[" * 10**5 + b"]" * 10**5 + b"}", "invalid_json"),
    ("no model", b"{}", "missing_model"),
    ("a null model", b'{"model": null}', "missing_model"),
    ("a number as model", b'{"model": 4}', "invalid_model"),
    ("an empty model", b'{"model": ""}', "invalid_model"),
    ("a model of 257 characters", b'{"model": "' + b"m" * 257 + b'"}', "invalid_model"),
    ("a line break in the model", b'{"model": "a\\nb"}', "invalid_model"),
    ("a NUL in the model", b'{"model": "a\\u0000"}', "invalid_model"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_invalid_body_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        call(raw)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert "gpt-4o" not in refused.value.message


UNMETERED = [("/v1/models", "GET", b""), ("/v1/files", "POST", b"--multipart"), (CHAT, "GET", b"")]


@pytest.mark.parametrize(("endpoint", "method", "raw"), UNMETERED)
def test_unmetered_route_accepts_any_body(endpoint: str, method: str, raw: bytes) -> None:
    read = call(raw, endpoint, method)
    assert (read.model, read.metered, read.upstream_body(model=None, include_usage=False)) == (
        None,
        False,
        raw,
    )


LACKING: list[tuple[dict[str, Any], str, bool]] = [
    ({"stream": True}, CHAT, True),
    ({"stream": True}, "/v1/completions", True),
    ({"stream": True, "stream_options": None}, CHAT, True),
    ({"stream": True, "stream_options": {}}, CHAT, True),
    ({"stream": True, "stream_options": {"include_usage": False}}, CHAT, True),
    ({"stream": True, "stream_options": {"include_usage": True}}, CHAT, False),
    ({"stream": True, "stream_options": "nonsense"}, CHAT, False),  # invalid: the upstream refuses it
    ({"stream": True, "stream_options": ["include_usage"]}, CHAT, False),
    ({"stream": False}, CHAT, False),
    ({"stream": "true"}, CHAT, True),  # as accepted by vLLM
    ({"stream": "Yes"}, CHAT, True),
    ({"stream": 1}, CHAT, True),
    ({"stream": "false"}, CHAT, False),
    ({"stream": []}, CHAT, False),
    ({"stream": None}, CHAT, False),
    ({}, CHAT, False),
    ({"stream": True}, "/v1/responses", False),
    ({"stream": True}, "/v1/messages", False),
]


@pytest.mark.parametrize(("body", "endpoint", "lacks"), LACKING)
def test_only_chat_streams_without_the_option_may_lack_usage(
    body: dict[str, Any], endpoint: str, lacks: bool
) -> None:
    assert call({"model": "gpt-4o"} | body, endpoint).may_lack_usage is lacks


REQUESTING: list[tuple[dict[str, Any], bool]] = [
    ({"stream": True, "stream_options": {"include_usage": True}}, True),
    ({"stream": True, "stream_options": {"include_usage": 1}}, False),
    ({"stream": True, "stream_options": {}}, False),
    ({"stream": True, "stream_options": "include_usage"}, False),
    ({"stream": True}, False),
    ({"stream": False, "stream_options": {"include_usage": True}}, False),
]


@pytest.mark.parametrize(("body", "requests"), REQUESTING)
def test_client_requests_usage_by_the_option_only(body: dict[str, Any], requests: bool) -> None:
    assert call({"model": "gpt-4o"} | body).requests_usage is requests


AMBIGUOUS: list[tuple[str, bytes, bool]] = [
    ("once", b'{"model": "a"}', False),
    ("twice", b'{"model": "b", "model": "a"}', True),
    ("twice the same", b'{"model": "a", "model": "a"}', True),
    ("three times", b'{"model": "b", "model": "c", "model": "a"}', True),
    ("in escapes, first", b'{"mod\\u0065l": "b", "model": "a"}', True),
    ("in escapes, last", b'{"model": "b", "mod\\u0065l": "a"}', True),
    ("in escapes alone", b'{"mod\\u0065l": "a"}', True),
    ("far apart", b'{"model": "b", "messages": [{"content": "model"}], "model": "a"}', True),
    ("one of a tool's parameters", b'{"tools": [{"properties": {"model": {}}}], "model": "a"}', False),
    ("a text that quotes it", b'{"messages": [{"content": "\\"model\\": \\"b\\""}], "model": "a"}', False),
    ("a text in escapes", b'{"messages": [{"content": "Zo\\u00eb"}], "model": "a"}', False),
    ("a value of that name", b'{"user": "model", "model": "a"}', False),
    (
        "a value that is dropped",
        b'{"user": "model", "user": "x", "model": "a"}',
        True,
    ),  # a false alarm is harmless
]


@pytest.mark.parametrize(
    ("raw", "ambiguous"), [row[1:] for row in AMBIGUOUS], ids=[row[0] for row in AMBIGUOUS]
)
def test_model_that_another_parser_may_find_is_detected(raw: bytes, ambiguous: bool) -> None:
    read = call(raw)
    assert (read.model, has_ambiguous_model(read)) == ("a", ambiguous)
    assert has_ambiguous_model(read.reencoded()) is False


KEYS = st.sampled_from(['"model"', '"mod\\u0065l"', '"messages"', '"m\\u00e9"', '"x"'])
VALUES = st.sampled_from(['"a"', '"b"', '{"model": "b"}', '"model"', '[{"x": "\\"model\\""}]', '"Zo\\u00eb"'])


@UNTIMED
@given(pairs=st.lists(st.tuples(KEYS, VALUES), max_size=5), space=st.sampled_from(["", " ", "\n"]))
def test_parsers_agree_on_the_model_of_an_unambiguous_body(pairs: list[tuple[str, str]], space: str) -> None:
    pairs.append(('"model"', '"a"'))
    raw = "{" + ",".join(f"{space}{key}{space}:{space}{value}" for key, value in pairs) + "}"
    named = [value for key, value in pairs if json.loads(key) == "model"]
    assert has_ambiguous_model(call(raw.encode())) or len(named) == 1


@pytest.mark.parametrize("name", ["Model", "MODEL", "mODel"])
def test_model_name_in_another_case_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match="twice"):
        has_ambiguous_model(call({"model": "a", name: "b"}))


BODIES = OBJECTS.map(lambda value: value | {"model": "gpt-4o"})
FORMS = st.sampled_from([{}, {"indent": 2}, {"ensure_ascii": False}, {"separators": (",", ":")}])


@UNTIMED
@given(body=BODIES, form=FORMS, ends=st.sampled_from([b"", b"\n", b" \r\n\t"]))
def test_unchanged_body_is_sent_byte_for_byte(
    body: dict[str, Any], form: dict[str, Any], ends: bytes
) -> None:
    raw = ends + json.dumps(body, **form).encode() + ends
    assert call(raw).upstream_body(model="gpt-4o", include_usage=False) == raw


@UNTIMED
@given(body=BODIES, form=FORMS, ends=st.sampled_from([b"", b"\n", b" \r\n\t"]))
def test_requesting_usage_adds_only_the_option(
    body: dict[str, Any], form: dict[str, Any], ends: bytes
) -> None:
    body.pop("stream_options", None)
    raw = ends + json.dumps(body, **form).encode() + ends
    sent = call(raw).upstream_body(model="gpt-4o", include_usage=True)
    assert sent.startswith(raw.rstrip()[:-1])
    assert decode(sent) == decode(raw) | {"stream_options": ASKED}


@UNTIMED
@given(
    body=BODIES,
    options=st.dictionaries(st.sampled_from(["include_usage", "include_obfuscation"]), st.booleans()),
)
def test_other_stream_options_are_kept(body: dict[str, Any], options: dict[str, bool]) -> None:
    body["stream_options"] = options
    sent = call(body).upstream_body(model="gpt-4o", include_usage=True)
    assert decode(sent) == decode(json.dumps(body).encode()) | {"stream_options": options | ASKED}


@UNTIMED
@given(body=BODIES)
def test_alias_changes_only_the_model(body: dict[str, Any]) -> None:
    sent = call(body).upstream_body(model="gpt-4o-mini", include_usage=False)
    assert decode(sent) == decode(json.dumps(body).encode()) | {"model": "gpt-4o-mini"}


NUMBERS = [b"1e400", b"0.1000000000000000055511151231257827", b"123456789012345678901234567890", b"-0.0"]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_keep_their_value_when_the_body_changes(number: bytes) -> None:
    sent = call(b'{"model": "gpt-4o", "x": ' + number + b"}").upstream_body(model="b", include_usage=False)
    assert decode(sent)["x"] == decode(number)


PROMPTS: list[tuple[str, dict[str, Any], int]] = [
    ("a text", {"messages": [{"role": "user", "content": "héllo"}]}, 6),
    ("parts without images", {"messages": [{"content": [
        {"type": "text", "text": "ab"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]}, 2),
    ("a system prompt", {"system": [{"type": "text", "text": "abc"}], "messages": [{"content": "d"}]}, 4),
    ("Responses", {"instructions": "ab", "input": [{"content": [{"text": "cd"}]}]}, 4),
    ("Responses: a tool result", {"input": [{"type": "function_call_output", "output": "abc"}]}, 3),
    ("embeddings", {"input": ["ab", "cd"]}, 4),
    ("a tool call in the history",
     {"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]}, 2),
    ("a link", {"input": "https://example.org/x"}, 0),
    ("nothing", {}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("body", "size"), [row[1:] for row in PROMPTS], ids=[row[0] for row in PROMPTS])
def test_prompt_size_excludes_links_and_files(body: dict[str, Any], size: int) -> None:
    assert call({"model": "m"} | body).prompt_bytes() == size


@pytest.mark.parametrize(("body", "size"), [row[1:] for row in PROMPTS], ids=[row[0] for row in PROMPTS])
def test_released_body_keeps_its_prompt_size(body: dict[str, Any], size: int) -> None:
    asked = call({"model": "m"} | body)
    asked.release_body()
    assert (asked.raw, asked.body, asked.prompt_bytes()) == (b"", None, size)


def test_prompt_size_of_deeply_nested_input() -> None:
    raw = b'{"model": "m", "input": ' + b"[" * 800 + b'"ab"' + b"]" * 800 + b"}"
    assert call(raw).prompt_bytes() == 2
