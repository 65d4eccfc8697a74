"""Errors inside a 200, in the places of each provider; and what is not an error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from proxy.metering.answer import AnswerReader
from proxy.metering.answer_fault import find_fault
from proxy.metering.generated_text import objects
from proxy.metering.usage import first_object
from proxy.segments.record import Fault
from tests.support.arbitrary import OBJECTS, UNTIMED
from tests.support.replay import events

# (case, answer or chunk) -> type and code of the fault, None for none
FAULTS: list[tuple[str, dict[str, Any], tuple[str, str] | None]] = [
    ("an error object", {"error": {"type": "server_error", "code": "x"}}, ("server_error", "(x)")),
    ("an error that is a text", {"error": "SECRET"}, ("upstream_error", "")),
    ("OpenRouter: a number for a kind", {"error": {"code": 502, "message": "SECRET"}},
     ("upstream_error", "(502)")),
    ("Anthropic: beside its type", {"type": "error", "error": {"type": "overloaded_error"}},
     ("overloaded_error", "")),
    ("Responses: inside the event that ends it",
     {"type": "response.failed", "response": {"status": "failed", "error": {"code": "rate_limit_exceeded"}}},
     ("rate_limit_exceeded", "")),
    ("Responses: failed, and that is all", {"status": "failed", "error": None}, ("upstream_error", "")),
    ("vLLM, SGLang, Mistral: the answer is the error",
     {"object": "error", "message": "SECRET", "type": "BadRequestError", "code": 400},
     ("BadRequestError", "(400)")),
    ("Groq: a text in x_groq", {"choices": [], "x_groq": {"id": "req_1", "error": "SECRET"}},
     ("upstream_error", "")),
    ("MiniMax: base_resp", {"choices": None, "base_resp": {"status_code": 1004, "status_msg": "SECRET"}},
     ("upstream_error", "(1004)")),
    ("OpenRouter: in a choice", {"choices": [{"error": {"code": 502}, "finish_reason": "error"}]},
     ("upstream_error", "(502)")),
    ("Mistral: a choice that ended so", {"choices": [{"delta": {}, "finish_reason": "error"}]},
     ("upstream_error", "")),
    ("nulls", {"error": None, "choices": [{"error": None}], "x_groq": {"error": None}}, None),
    ("MiniMax: all well", {"base_resp": {"status_code": 0, "status_msg": ""}}, None),
    ("an answer that ended early", {"status": "incomplete", "choices": [{"finish_reason": "length"}]}, None),
    ("an answer", {"object": "chat.completion", "choices": [{"finish_reason": "stop"}]}, None),
]  # fmt: skip
CASES = pytest.mark.parametrize(
    ("value", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)


def fault_in(value: dict[str, Any]) -> Fault | None:
    return find_fault(value, first_object(value, ("response", "message")), objects(value.get("choices")))


@CASES
def test_error_is_kept_by_type_without_its_message(
    value: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    fault = fault_in(value)
    assert (fault is None) == (expected is None)
    if fault is not None and expected is not None:
        assert (fault.type, fault.message.partition(" (")[2]) == (expected[0], expected[1].lstrip("("))
        assert "SECRET" not in fault.message


@CASES
def test_error_is_the_same_in_json_and_in_a_stream(
    value: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    whole, stream = AnswerReader("openai"), AnswerReader("openai")
    whole.read_body(json.dumps(value).encode())
    stream.read_body(events(value))  # of a type that does not say that it is one
    kind = None if expected is None else expected[0]
    assert [reading.fault and reading.fault.type for reading in (whole, stream)] == [kind, kind]


def test_unnamed_error_does_not_replace_a_named_one() -> None:
    reading = AnswerReader("openai")
    for value in ({"error": {"type": "overloaded"}}, {"choices": [{"finish_reason": "error"}]}):
        reading.read_body(json.dumps(value).encode())
    assert reading.fault is not None
    assert reading.fault.type == "overloaded"


@UNTIMED
@given(value=OBJECTS)
def test_find_fault_accepts_any_answer(value: dict[str, Any]) -> None:
    fault = fault_in(value)
    assert fault is None or (fault.type and len(fault.message) < 2000)
