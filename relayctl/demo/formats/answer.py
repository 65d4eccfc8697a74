"""Generates the stand-in provider's answers from the request and a seed, independent of any API format."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal

from relayctl.demo.formats.json_sample import sample
from relayctl.demo.formats.requested import (
    CHARACTERS_PER_TOKEN,
    choices,
    json_text,
    prompt_tokens,
    schema,
    tokens_in,
    tool_call,
)

# Requested model name to the model name in the provider's answer.
_SNAPSHOTS: Final = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
}
_VOCABULARY: Final = (
    "the a this that one report index cache page order invoice query table queue release branch test window "
    "and then so but which because after before while is has was needs shows keeps moves fails returns holds "
    "slowly again first twice today naïve café"
)
_WORDS: Final = _VOCABULARY.split()
_LONGEST_WITHOUT_LIMIT: Final = 400
_MAX_CHUNKS: Final = 8
# Providers cache prompts of at least this many tokens; OpenAI counts cached tokens in steps of 128.
_SHORTEST_CACHED: Final = 1024
_CACHE_STEP: Final = 128
# Share of the free texts that the limit cuts off.
_CUT_SHARE: Final = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """A call of a tool. `arguments` is JSON, for a custom tool free text; `digits` make its id."""

    name: str
    arguments: str
    digits: str
    custom: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One alternative of an answer: text, whose `chunks` are its parts in a stream, or a tool call."""

    chunks: tuple[str, ...]
    call: ToolCall | None
    end: Literal["stop", "length", "tool_call"]

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.chunks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One answer. `prompt_tokens` includes the cached tokens, `answer_tokens` the reasoning tokens."""

    model: str
    digits: str
    created: int
    prompt_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    answer_tokens: int
    reasoning_tokens: int
    choices: tuple[Choice, ...]

    @property
    def first(self) -> Choice:
        """The first alternative, for the APIs that have only one."""
        return self.choices[0]

    @property
    def chunks(self) -> tuple[str, ...]:
        """The parts of the first alternative's text in a stream."""
        return self.first.chunks

    @property
    def text(self) -> str:
        """The text of the first alternative."""
        return self.first.text

    @property
    def cut(self) -> bool:
        """Whether the request's limit cut off the first alternative."""
        return self.first.end == "length"


def answer_to(body: dict[str, Any], random: Random, *, created: int) -> Answer:
    """Answers a request.

    Free text has the length of the request's limit, or a random one if it has none. Tool calls and JSON are
    as long as they need to be, unless the limit cuts them off.
    """
    model = str(body.get("model", ""))
    limit = next((body[key] for key in _LIMITS if isinstance(body.get(key), int)), None)
    tokens = max(1, limit) if limit is not None else random.randint(20, _LONGEST_WITHOUT_LIMIT)
    reasoning = int(tokens * random.uniform(0.2, 0.8)) if model.startswith(("gpt-5", "o")) else 0
    prompt = prompt_tokens(body)
    read, written = _cached(body, prompt, random)
    digits = f"{random.getrandbits(128):032x}"
    made = [
        _choice(body, random, tokens - reasoning, limited=limit is not None) for _ in range(choices(body))
    ]
    return Answer(
        model=_SNAPSHOTS.get(model, model),
        digits=digits,
        created=created,
        prompt_tokens=prompt,
        cache_read_tokens=read,
        cache_write_tokens=written,
        answer_tokens=sum(reasoning + visible for _, visible in made),
        reasoning_tokens=reasoning * len(made),
        choices=tuple(choice for choice, _ in made),
    )


_LIMITS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")


def _choice(body: dict[str, Any], random: Random, tokens: int, *, limited: bool) -> tuple[Choice, int]:
    """One alternative and its number of tokens, which exceeds `tokens` only if the request has no limit."""
    if tool := tool_call(body, random):
        text = tool.input(random)
    elif asked := schema(body):
        text = json_text(sample(asked, random))
    else:
        chunks = _chunks(tokens, random)
        return Choice(
            chunks=chunks, call=None, end=_end(cut=limited and random.random() < _CUT_SHARE)
        ), tokens
    needed = tokens_in(text)
    if cut := limited and needed > tokens:
        text, needed = text[: tokens * CHARACTERS_PER_TOKEN], tokens
    if tool is None:
        return Choice(chunks=parts(text), call=None, end=_end(cut=cut)), needed
    call = ToolCall(
        name=tool.name, arguments=text, digits=f"{random.getrandbits(128):032x}", custom=tool.custom
    )
    return Choice(chunks=(), call=call, end="length" if cut else "tool_call"), needed


def _end(*, cut: bool) -> Literal["stop", "length"]:
    return "length" if cut else "stop"


def _cached(body: dict[str, Any], prompt: int, random: Random) -> tuple[int, int]:
    """Tokens read from and written to the provider's cache; Anthropic caches only marked prompts."""
    chance = random.random()
    part = int(prompt * random.uniform(0.4, 0.95)) // _CACHE_STEP * _CACHE_STEP
    if prompt < _SHORTEST_CACHED:
        return 0, 0
    if not str(body.get("model")).startswith("claude"):
        return (part, 0) if chance < 0.35 else (0, 0)
    if "cache_control" not in str(body.get("system")):
        return 0, 0
    return (part, 0) if chance < 0.85 else (0, part)


def _chunks(words: int, random: Random) -> tuple[str, ...]:
    """Random words, one token each, split into the parts of a stream."""
    text = [f"{word} " for word in random.choices(_WORDS, k=words)]
    step = max(1, -(-words // _MAX_CHUNKS))
    return tuple("".join(text[start : start + step]) for start in range(0, words, step))


def parts(text: str) -> tuple[str, ...]:
    """A text split into the parts of a stream."""
    step = max(1, -(-len(text) // _MAX_CHUNKS))
    return tuple(text[start : start + step] for start in range(0, len(text), step))
