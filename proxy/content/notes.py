"""The JSON of captured content: short notes stand for what is no text, and what is too long is cut; pure."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from proxy.segments.content_lines import MAX_CONTENT_BYTES

# One that is a whole text, or base64 in the middle of one.
_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.=+-]+)*,")
_IN_TEXT: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.=+-]+)*;base64,([A-Za-z0-9+/_-]+=*)")
# Values of these keys are files in base64.
_FILES: Final = frozenset({"data", "file_data", "b64_json", "partial_image_b64"})
_UNREADABLE: Final = frozenset({"encrypted_content", "signature"})
# Below these stands what a client or a tool made: any key may hold anything.
_OPAQUE: Final = frozenset({"input", "arguments"})

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def note(kind: str, size: int) -> str:
    """What stands in the place of something that is no text: its kind, and its size in bytes."""
    return f"[{kind}, {size:,} bytes]"


def noted(value: Any, *, opaque: bool = False) -> Any:
    """A copy of a JSON value with a note for everything that is no text. Raises `RecursionError`.

    `opaque` is what a client or a tool made: in it only data URLs tell what they are.
    """
    if isinstance(value, str):
        return _noted_text(value)
    if isinstance(value, list):
        return [noted(item, opaque=opaque) for item in value]
    if isinstance(value, dict):
        return {name: _noted_item(value, name, item, opaque=opaque) for name, item in value.items()}
    return value


def _noted_item(holder: dict[str, Any], name: str, item: Any, *, opaque: bool) -> Any:
    if not isinstance(item, str):
        return noted(item, opaque=opaque or name in _OPAQUE)
    if not opaque and not item.startswith("data:") and _is_file(holder, name):
        kind = next((told for key in _KINDS if isinstance(told := holder.get(key), str)), name)
        return note(kind, _decoded_size(item))
    if name in _UNREADABLE and not opaque:
        return note(name, len(item))
    return _noted_text(item)


_KINDS: Final = ("media_type", "mime_type", "format", "filename", "type")


def _is_file(holder: dict[str, Any], name: str) -> bool:
    if name == "result":
        return holder.get("type") == "image_generation_call"
    return name in _FILES and holder.get("type") != "text"


def _noted_text(text: str) -> str:
    if "data:" not in text:
        return text
    whole = _DATA_URL.match(text)
    if whole:
        data = text[whole.end() :]
        return note(whole[1], _decoded_size(data) if whole[0].endswith(";base64,") else len(data))
    return _IN_TEXT.sub(lambda found: note(found[1], _decoded_size(found[2])), text)


def _decoded_size(base64: str) -> int:
    return len(base64.rstrip("=")) * 3 // 4


def content_json(value: object) -> msgspec.Raw:
    """A value as a content line holds it: JSON of at most `MAX_CONTENT_BYTES`, which says if it was cut."""
    try:
        data = _encoded(noted(value))
    except RecursionError:
        return msgspec.Raw(_encode({"cut": "it is nested too deeply"}))
    return msgspec.Raw(data if len(data) <= MAX_CONTENT_BYTES else _cut(data))


def _encoded(value: object) -> bytes:
    try:
        return _encode(value)
    except (UnicodeEncodeError, OverflowError):
        # Half a surrogate pair, or a number that only Python's own JSON takes.
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")


def _cut(data: bytes) -> bytes:
    """The beginning of a JSON text, as a text in JSON."""
    told = f"it is longer than {MAX_CONTENT_BYTES:,} bytes: this is how its JSON begins"
    size = MAX_CONTENT_BYTES
    while True:
        cut = _encode({"cut": told, "begin": data[:size].decode("utf-8", "ignore")})
        if len(cut) <= MAX_CONTENT_BYTES:
            return cut
        size = size * 19 // 20
