"""Encodes captured content as JSON: replaces files by short notes, cuts what is too long; pure."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from proxy.segments.content_lines import MAX_CONTENT_BYTES

# A data URL that is the whole text, and base64 inside a text.
_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.=+-]+)*,")
_EMBEDDED_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.=+-]+)*;base64,([A-Za-z0-9+/_-]+=*)")
# Values of these keys are files in base64.
_FILE_KEYS: Final = frozenset({"data", "file_data", "b64_json", "partial_image_b64"})
_ENCRYPTED_KEYS: Final = frozenset({"encrypted_content", "signature"})
# Values made by a client or a tool: their keys have no fixed meaning.
_OPAQUE_KEYS: Final = frozenset({"input", "arguments"})

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def note(kind: str, size: int) -> str:
    """The note that replaces data: its kind and its size in bytes."""
    return f"[{kind}, {size:,} bytes]"


def with_notes(value: Any, *, opaque: bool = False) -> Any:
    """Copies a JSON value, with notes in place of data. Raises `RecursionError`.

    `opaque` values are made by a client or a tool: only data URLs are recognized in them.
    """
    if isinstance(value, str):
        return _text_with_notes(value)
    if isinstance(value, list):
        return [with_notes(item, opaque=opaque) for item in value]
    if isinstance(value, dict):
        return {name: _item_with_notes(value, name, item, opaque=opaque) for name, item in value.items()}
    return value


def _item_with_notes(holder: dict[str, Any], name: str, item: Any, *, opaque: bool) -> Any:
    if not isinstance(item, str):
        return with_notes(item, opaque=opaque or name in _OPAQUE_KEYS)
    if not opaque and not item.startswith("data:") and _is_file(holder, name):
        kind = next((known for key in _KIND_KEYS if isinstance(known := holder.get(key), str)), name)
        return note(kind, _decoded_size(item))
    if name in _ENCRYPTED_KEYS and not opaque:
        return note(name, len(item))
    return _text_with_notes(item)


_KIND_KEYS: Final = ("media_type", "mime_type", "format", "filename", "type")


def _is_file(holder: dict[str, Any], name: str) -> bool:
    if name == "result":
        return holder.get("type") == "image_generation_call"
    return name in _FILE_KEYS and holder.get("type") != "text"


def _text_with_notes(text: str) -> str:
    if "data:" not in text:
        return text
    whole = _DATA_URL.match(text)
    if whole:
        data = text[whole.end() :]
        return note(whole[1], _decoded_size(data) if whole[0].endswith(";base64,") else len(data))
    return _EMBEDDED_DATA_URL.sub(lambda found: note(found[1], _decoded_size(found[2])), text)


def _decoded_size(base64: str) -> int:
    return len(base64.rstrip("=")) * 3 // 4


def content_json(value: object) -> msgspec.Raw:
    """Encodes a value for a content line: at most `MAX_CONTENT_BYTES`, marked when it was cut."""
    try:
        data = _encoded(with_notes(value))
    except RecursionError:
        return msgspec.Raw(_encode({"cut": "it is nested too deeply"}))
    return msgspec.Raw(data if len(data) <= MAX_CONTENT_BYTES else _cut(data))


def _encoded(value: object) -> bytes:
    try:
        return _encode(value)
    except (UnicodeEncodeError, OverflowError):
        # A lone surrogate, or a number that only Python's own JSON encodes.
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")


def _cut(data: bytes) -> bytes:
    """Wraps the beginning of a JSON text in a JSON object."""
    reason = f"it is longer than {MAX_CONTENT_BYTES:,} bytes: this is how its JSON begins"
    size = MAX_CONTENT_BYTES
    while True:
        cut = _encode({"cut": reason, "begin": data[:size].decode("utf-8", "ignore")})
        if len(cut) <= MAX_CONTENT_BYTES:
            return cut
        size = size * 19 // 20
