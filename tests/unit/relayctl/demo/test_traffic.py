"""The demo's traffic: requests have the planned tokens; a failed connection raises `RelayctlError`."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import aiohttp
import pytest

from relayctl.demo.clock import SimulatedClock
from relayctl.demo.formats.answer import answer_to
from relayctl.demo.people import User
from relayctl.demo.plan import Call
from relayctl.demo.traffic import request_of, send
from relayctl.errors import RelayctlError


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
def test_stand_in_counts_the_planned_tokens(model: str, path: str, team: str, prompt: int) -> None:
    asked, body = request_of(call(model, team=team, prompt=prompt))
    answer = answer_to(body, Random(1), created=0)
    assert asked == path
    assert answer.prompt_tokens == prompt
    assert answer.answer_tokens == 33 or model == "text-embedding-3-small"


@pytest.mark.parametrize("model", ["gpt-4o", "claude-haiku-4-5"])
@pytest.mark.parametrize("stream", [True, False])
def test_streams_are_requested_as_planned(model: str, stream: bool) -> None:
    assert request_of(call(model, stream=stream))[1].get("stream", False) is stream


def test_coding_tools_mark_instructions_for_anthropics_cache() -> None:
    assert "cache_control" in str(request_of(call("claude-haiku-4-5", team="search"))[1])
    assert "cache_control" not in str(request_of(call("claude-haiku-4-5", team="support"))[1])


async def test_connection_failure_is_one_error_not_a_group() -> None:
    # On Python 3.11.2 an error raised inside `except*` arrives wrapped in an ExceptionGroup.
    clock = SimulatedClock(datetime(2026, 11, 2, tzinfo=UTC))
    calls = [call("gpt-4o"), call("gpt-4o")]
    keys = {"ada.chen": "rk_x"}
    with pytest.raises(RelayctlError, match=r"^the demo's proxy at http://127\.0\.0\.1:1 does not answer: "):
        await send(calls, base_url="http://127.0.0.1:1", keys=keys, clock=clock, on_answer=lambda _: None)


async def test_error_that_is_not_a_connection_failure_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> int:
        raise LookupError("a fault in the demo itself")

    monkeypatch.setattr("relayctl.demo.traffic._send", fail)
    clock = SimulatedClock(datetime(2026, 11, 2, tzinfo=UTC))
    with pytest.raises(ExceptionGroup) as caught:
        await send(
            [call("gpt-4o")],
            base_url="http://127.0.0.1:1",
            keys={"ada.chen": "rk_x"},
            clock=clock,
            on_answer=lambda _: None,
        )
    assert caught.group_contains(LookupError)
    assert not caught.group_contains((RelayctlError, aiohttp.ClientError))
