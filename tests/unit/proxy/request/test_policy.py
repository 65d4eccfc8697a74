"""Content policy: allowed and blocked prompts, and refusals that do not quote them."""

from __future__ import annotations

import json

import pytest

from proxy.config.pii import Policy as PolicySettings
from proxy.errors import Refusal, refusal_body
from proxy.request.call import Call, read_call
from proxy.request.policy import Policy


def call(content: object, **more: object) -> Call:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": content}], **more}
    return read_call("/v1/chat/completions", "POST", json.dumps(body).encode())


def policy(patterns: tuple[str, ...], most: int | None, counted: list[None]) -> Policy:
    settings = PolicySettings(blocked_patterns=patterns, max_input_bytes=most)
    return Policy(settings, lambda: counted.append(None))


BLOCKED = [
    (("secret plan",), None, call("the secret plan"), "content_blocked"),
    (("x", "(?i)SECRET"), None, call([{"type": "text", "text": "a Secret"}]), "content_blocked"),
    # anchors match at line ends and at the ends of each text
    (("^top",), None, call("a\ntop"), "content_blocked"),
    (("^top$",), None, call("top"), "content_blocked"),
    # a letter escaped in JSON
    (("sécret",), None, call("sécret"), "content_blocked"),
    (
        ("tool",),
        None,
        call("a", tools=[{"function": {"name": "f", "description": "a tool"}}]),
        "content_blocked",
    ),
    ((), 5, call("123456"), "input_too_large"),
    ((), 5, call([{"type": "text", "text": "ééé"}]), "input_too_large"),
    (("secret",), None, read_call("/v1/files", "POST", b"--x\r\na secret"), "content_blocked"),
]


@pytest.mark.parametrize(("patterns", "most", "asked", "code"), BLOCKED)
def test_blocked_prompt_is_refused_without_quoting_it(
    patterns: tuple[str, ...], most: int | None, asked: Call, code: str
) -> None:
    counted: list[None] = []
    with pytest.raises(Refusal) as blocked:
        policy(patterns, most, counted).check(asked)
    assert len(counted) == 1
    assert (blocked.value.status, blocked.value.code) == (400, code)
    assert not any(word in blocked.value.message for word in ("secret", "top", "123456"))
    assert json.loads(refusal_body("openai", blocked.value))["error"]["code"] == code


ALLOWED = [
    ((), None, call("anything")),
    (("secret",), None, call("harmless")),
    # the exact limit, and fields that are not prompt
    ((), 6, call("123456")),
    (("gpt-4o", "user"), None, call("a")),
    ((), 1, call([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}])),
]


@pytest.mark.parametrize(("patterns", "most", "asked"), ALLOWED)
def test_other_prompts_are_allowed(patterns: tuple[str, ...], most: int | None, asked: Call) -> None:
    counted: list[None] = []
    policy(patterns, most, counted).check(asked)
    assert not counted
