"""Which texts of a request are prompt, in the order in which they are scrubbed; pure.

Everything is, down to tool results and the descriptions of tools, but names, ids, links and files. The order
is that of a conversation (instructions, tools, messages): one more message leaves the placeholders of those
before it as they were, so the provider's prompt cache still fits and signed thinking still has its text.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

# Stands between texts that are searched as one. No hit goes over a NUL; the ends of lines make `^` and `$` of
# one's own patterns fit at the ends of a text.
BETWEEN: Final = b"\n\0\n"
_FIRST: Final = ("system", "instructions", "tools", "functions")
_NOT_PROMPT: Final = frozenset({"model", "user", "metadata", "safety_identifier", "prompt_cache_key"})
# Values of these keys are names, links, files or marks of the protocol.
_NAMES: Final = frozenset({
    "type", "role", "name", "id", "url", "image_url", "file_url", "file_data", "b64_json", "detail", "format",
    "media_type", "mime_type", "signature", "encrypted_content", "encrypted_index", "status", "pattern",
    "required", "$ref", "$id", "$schema", "model", "tool_choice", "conversation", "include", "cache_control",
})  # fmt: skip
# Below these stands what a client or a tool made: any key may hold anything.
_OPAQUE: Final = frozenset({"input", "arguments", "variables", "enum", "const", "default", "examples"})


class Place(msgspec.Struct, gc=False):  # it is in no cycle, and there may be a quarter of a million
    """One text and where it stands. A signed text is the provider's own: it must come back as it was."""

    holder: Any
    key: Any
    text: str
    signed: bool


def prompt_places(body: dict[str, Any]) -> list[Place]:
    """The texts of a request's body."""
    places: list[Place] = []
    first = [name for name in _FIRST if name in body]
    for name in (*first, *(name for name in body if name not in _FIRST)):
        if name not in _NOT_PROMPT and name not in _NAMES:
            _collect(body, name, places, opaque=False)
    return places


def _collect(holder: Any, key: Any, places: list[Place], *, opaque: bool) -> None:
    """Adds the texts at and below a value, in order."""
    waiting = [(holder, key, opaque)]
    while waiting:
        holder, key, opaque = waiting.pop()
        value = holder[key]
        if isinstance(value, str):
            signed = key == "thinking" and isinstance(holder, dict) and "signature" in holder
            places.append(Place(holder, key, value, signed))
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            places.extend([Place(value, at, item, False) for at, item in enumerate(value)])  # noqa: FBT003 -- quick
        elif isinstance(value, list):
            waiting.extend((value, at, opaque) for at in range(len(value) - 1, -1, -1))
        elif isinstance(value, dict):
            below = [
                (value, name, opaque or _is_opaque(name, inner))
                for name, inner in value.items()
                if opaque or not _is_name(value, name, inner)
            ]
            waiting.extend(reversed(below))


def _is_opaque(name: str, value: object) -> bool:
    return name in _OPAQUE and isinstance(value, dict | list)


def _is_name(holder: dict[str, Any], name: str, value: object) -> bool:
    """Whether this is for the protocol and not for the model."""
    if name == "data":  # of an image in base64, or of a document as text
        return isinstance(value, str) and holder.get("type") != "text"
    listed = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return (isinstance(value, str) or listed) and (name in _NAMES or name.endswith(("_id", "_ids")))
