"""Generates the stand-in provider's answers from the request and a seed, independent of any API format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

CHARACTERS_PER_TOKEN: Final = 4

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
    chunks: tuple[str, ...]
    cut: bool

    @property
    def text(self) -> str:
        """The whole text; `chunks` are its parts in a stream."""
        return "".join(self.chunks)


def prompt_text(body: Any) -> str:
    """All text of a request, in the format of any API."""
    return "".join(_texts(body))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key in ("system", "instructions", "messages", "input", "content", "text"):
            yield from _texts(value.get(key))


def tokens_in(text: str) -> int:
    """The number of tokens that the stand-in counts for a text."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))


def answer_to(body: dict[str, Any], random: Random, *, created: int) -> Answer:
    """Answers a request. The length is the request's limit, or random if it has none."""
    model = str(body.get("model", ""))
    limit = next((body[key] for key in _LIMITS if isinstance(body.get(key), int)), None)
    tokens = max(1, limit) if limit is not None else random.randint(20, _LONGEST_WITHOUT_LIMIT)
    reasoning = int(tokens * random.uniform(0.2, 0.8)) if model.startswith(("gpt-5", "o")) else 0
    prompt = tokens_in(prompt_text(body))
    read, written = _cached(body, prompt, random)
    return Answer(
        model=_SNAPSHOTS.get(model, model),
        digits=f"{random.getrandbits(128):032x}",
        created=created,
        prompt_tokens=prompt,
        cache_read_tokens=read,
        cache_write_tokens=written,
        answer_tokens=tokens,
        reasoning_tokens=reasoning,
        chunks=_chunks(tokens - reasoning, random),
        cut=limit is not None and random.random() < 0.1,
    )


_LIMITS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")


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
