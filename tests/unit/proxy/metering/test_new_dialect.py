"""A new dialect of usage is one file of code: a spelling in `usage_openai`, a place in `partial_answer`."""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import pytest

from proxy.metering import partial_answer, usage_openai
from proxy.metering.answer import AnswerReader
from proxy.metering.partial_answer import ENVELOPES, USAGE_PARENTS, PartialAnswer, PartialChoice
from proxy.sse import parse_event
from tests.support.replay import events


def counts_of(value: dict[str, Any]) -> tuple[int, int] | None:
    """The counts that are read from an answer, which must be the same in JSON and in a stream."""
    body, stream = AnswerReader("openai"), AnswerReader("openai")
    body.read_body(json.dumps(value).encode())
    stream.read_event(parse_event(events(value, done=False)))
    assert body.usage == stream.usage
    return (body.usage.prompt_tokens, body.usage.completion_tokens) if body.usage else None


def test_new_spelling_is_a_name_in_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"usage": {"tokens_in": 10, "tokens_out": 4}}
    assert counts_of(answer) is None
    monkeypatch.setattr(usage_openai, "PROMPT", (*usage_openai.PROMPT, "tokens_in"))
    monkeypatch.setattr(usage_openai, "COMPLETION", (*usage_openai.COMPLETION, "tokens_out"))
    assert counts_of(answer) == (10, 4)


def test_new_place_of_usage_is_a_name_in_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"base_resp": {"usage": {"prompt_tokens": 10, "completion_tokens": 4}}}
    assert counts_of(answer) is None
    monkeypatch.setattr(partial_answer, "USAGE_PARENTS", (*USAGE_PARENTS, "base_resp"))
    assert counts_of(answer) == (10, 4)


@pytest.mark.parametrize("name", ["usage", *USAGE_PARENTS, *ENVELOPES])
def test_places_of_usage_are_decoded(name: str) -> None:
    assert name in get_type_hints(PartialAnswer)
    assert name != "choices" or "usage" in get_type_hints(PartialChoice)
