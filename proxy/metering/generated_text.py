"""The text that a model made, wherever an answer or an event of any provider has it; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

TEXT_PLACES: Final = ("choices", "delta", "content", "output")
"""Where it stands in an answer or an event: nothing else of one is looked at."""


def text_size(value: dict[str, Any]) -> int:
    """The generated text in an answer or an event, in UTF-8 bytes."""
    return sum([len(text.encode("utf-8", "replace")) for text in generated_text(value)])


def generated_text(value: dict[str, Any]) -> Iterator[str]:
    """The text that the model made, in an answer or an event: content, reasoning, tool-call arguments."""
    for choice in objects(value.get("choices")):
        yield from _strings(choice.get("text"))
        for message in (choice.get("delta"), choice.get("message")):
            yield from _strings(message, _GENERATED)
    for name in TEXT_PLACES[1:]:
        yield from _strings(value.get(name), _GENERATED)


_GENERATED: Final = frozenset({
    "content", "text", "refusal", "reasoning", "reasoning_content", "thinking", "partial_json", "arguments",
    "input", "tool_calls", "function", "function_call", "summary", "audio", "transcript",
})  # fmt: skip


def _strings(value: object, keys: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every string at or below a value, following only these keys of objects, however deep."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(item for name, item in value.items() if name in keys)


def objects(value: object) -> list[dict[str, Any]]:
    """The objects of a list; none of anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
