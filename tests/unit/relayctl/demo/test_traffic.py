"""The demo's traffic: each planned call becomes the request that gives the planned tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest

from relayctl.demo.answer import answer_to
from relayctl.demo.people import User
from relayctl.demo.plan import Call
from relayctl.demo.traffic import request_of


def call(model: str, *, team: str = "support", stream: bool = False, prompt: int = 500) -> Call:
    return Call(
        number=17,
        at=datetime(2026, 11, 2, tzinfo=UTC),
        user=User(name="ada.chen", team=team, models=(model,), weight=1),
        model=model,
        stream=stream,
        prompt_tokens=prompt,
        answer_tokens=33,
    )


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gpt-4o", "/v1/chat/completions"),
        ("claude-haiku-4-5", "/v1/messages"),
        ("text-embedding-3-small", "/v1/embeddings"),
    ],
)
@pytest.mark.parametrize("team", ["support", "search"])
@pytest.mark.parametrize("prompt", [1, 2, 500, 14050])
def test_the_stand_in_counts_the_planned_tokens(model: str, path: str, team: str, prompt: int) -> None:
    asked, body = request_of(call(model, team=team, prompt=prompt))
    answer = answer_to(body, Random(1), created=0)
    assert asked == path
    assert answer.prompt_tokens == prompt
    assert answer.answer_tokens == 33 or model == "text-embedding-3-small"


@pytest.mark.parametrize("model", ["gpt-4o", "claude-haiku-4-5"])
@pytest.mark.parametrize("stream", [True, False])
def test_streams_are_asked_for_as_planned(model: str, stream: bool) -> None:
    assert request_of(call(model, stream=stream))[1].get("stream", False) is stream


def test_programmers_tools_ask_anthropic_to_cache_their_instructions() -> None:
    assert "cache_control" in str(request_of(call("claude-haiku-4-5", team="search"))[1])
    assert "cache_control" not in str(request_of(call("claude-haiku-4-5", team="support"))[1])
