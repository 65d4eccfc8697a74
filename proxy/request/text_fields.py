"""Finds the text fields of a prompt in the order in which they are scrubbed; pure.

These are all strings, including tool results and descriptions of tools, except names, ids, links and files.
The order is that of a conversation (instructions, tools, messages): an additional message does not change the
placeholders before it, so the provider's prompt cache still hits and signed thinking keeps its text.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

# Separates texts that are searched together. No match spans a NUL; the line ends let `^` and `$` of custom
# patterns match at the ends of a text.
SEPARATOR: Final = b"\n\0\n"
_FIRST: Final = ("system", "instructions", "tools", "functions")
_NOT_PROMPT: Final = frozenset({"model", "user", "metadata", "safety_identifier", "prompt_cache_key"})
# Keys of names, links, files and protocol constants.
_PROTOCOL_KEYS: Final = frozenset({
    "type", "role", "name", "id", "url", "image_url", "file_url", "file_data", "b64_json", "detail", "format",
    "media_type", "mime_type", "signature", "encrypted_content", "encrypted_index", "status", "pattern",
    "required", "$ref", "$id", "$schema", "model", "tool_choice", "conversation", "include", "cache_control",
})  # fmt: skip
# Below these keys the schema is that of a client or a tool, so any key may hold text.
_OPAQUE: Final = frozenset({"input", "arguments", "variables", "enum", "const", "default", "examples"})


class TextField(msgspec.Struct, gc=False):  # never in a cycle, and there may be 250,000 of them
    """A text and its location. A signed text comes from the provider and must be sent back unchanged."""

    holder: Any
    key: Any
    text: str
    signed: bool


def prompt_fields(body: dict[str, Any]) -> list[TextField]:
    """Return the text fields of a request's body."""
    fields: list[TextField] = []
    first = [name for name in _FIRST if name in body]
    for name in (*first, *(name for name in body if name not in _FIRST)):
        if name not in _NOT_PROMPT and name not in _PROTOCOL_KEYS:
            _collect(body, name, fields, opaque=False)
    return fields


def _collect(holder: Any, key: Any, fields: list[TextField], *, opaque: bool) -> None:
    """Add the text fields at and below a value, in order."""
    waiting = [(holder, key, opaque)]
    while waiting:
        holder, key, opaque = waiting.pop()
        value = holder[key]
        if isinstance(value, str):
            signed = key == "thinking" and isinstance(holder, dict) and "signature" in holder
            fields.append(TextField(holder, key, value, signed))
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            fields.extend([TextField(value, at, item, False) for at, item in enumerate(value)])  # noqa: FBT003 -- keyword arguments are slower
        elif isinstance(value, list):
            waiting.extend((value, at, opaque) for at in range(len(value) - 1, -1, -1))
        elif isinstance(value, dict):
            below = [
                (value, name, opaque or _is_opaque(name, inner))
                for name, inner in value.items()
                if opaque or not _is_protocol(value, name, inner)
            ]
            waiting.extend(reversed(below))


def _is_opaque(name: str, value: object) -> bool:
    return name in _OPAQUE and isinstance(value, dict | list)


def _is_protocol(holder: dict[str, Any], name: str, value: object) -> bool:
    """Return whether a value is part of the protocol and not of the prompt."""
    if name == "data":  # an image in base64, or a document as text
        return isinstance(value, str) and holder.get("type") != "text"
    listed = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return (isinstance(value, str) or listed) and (name in _PROTOCOL_KEYS or name.endswith(("_id", "_ids")))
