"""The text that a model generated, wherever an answer or an event of any provider holds it; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

TEXT_FIELDS: Final = ("choices", "delta", "content", "output")
"""The fields of an answer or an event that hold generated text; others are not searched."""

STREAMED_FIELDS: Final = (
    "content", "text", "delta", "thinking", "reasoning", "reasoning_content", "refusal", "arguments",
    "partial_json", "obfuscation",
)  # fmt: skip
"""The string fields that differ from event to event; the fast path does not match others."""

_NESTED_FIELDS: Final = frozenset({
    "content", "text", "refusal", "reasoning", "reasoning_content", "thinking", "partial_json", "arguments",
    "input", "tool_calls", "function", "function_call", "summary", "audio", "transcript",
})  # fmt: skip


def text_size(value: dict[str, Any]) -> int:
    """The size of the generated text in an answer or an event, in UTF-8 bytes."""
    return sum([len(text.encode("utf-8", "replace")) for text in generated_text(value)])


def generated_text(value: dict[str, Any]) -> Iterator[str]:
    """Yields the texts that the model generated: content, reasoning, tool-call arguments."""
    for choice in objects(value.get("choices")):
        yield from _strings(choice.get("text"))
        for message in (choice.get("delta"), choice.get("message")):
            yield from _strings(message, _NESTED_FIELDS)
    for name in TEXT_FIELDS[1:]:
        yield from _strings(value.get(name), _NESTED_FIELDS)


def _strings(value: object, keys: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yields every string at or below a value, following only these keys of objects, at any depth."""
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
    """The objects in a list; empty for anything that is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
