"""Restores the values of placeholders in complete texts and in texts that arrive in chunks."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from proxy.segments.record import exact

encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_decoder: Final = msgspec.json.Decoder(float_hook=exact)
# Strings of these keys contain JSON, so restored values must be escaped.
_JSON_KEYS: Final = frozenset({"arguments", "partial_json"})
_PLACEHOLDER: Final = re.compile(r"<([A-Z][A-Z_]{0,40}_[0-9]{1,9})>")
# Go's encoder, used by Ollama, escapes `<` and `>` in JSON: https://pkg.go.dev/encoding/json#Marshal
_JSON_PLACEHOLDER: Final = re.compile(rf"(?:<|(?<!\\)\\u003[cC]){_PLACEHOLDER.pattern[1:-1]}(?:>|\\u003[eE])")


class Restorer:
    """Restores the values of one request's placeholders."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._plain = values
        self._escaped = {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in values.items()}
        self._sorted_names = sorted([*values, *(rf"\u003c{name[1:-1]}\u003e" for name in values)])

    def text(self, text: str, *, escaped: bool = False) -> str:
        """Return a text with all values restored; `escaped` if the text is JSON."""
        if "<" not in text and not (escaped and "\\u003" in text):
            return text
        values, pattern = (self._escaped, _JSON_PLACEHOLDER) if escaped else (self._plain, _PLACEHOLDER)
        return pattern.sub(lambda found: values.get(f"<{found[1]}>", found[0]), text)

    def incomplete(self, text: str, *, escaped: bool = False) -> int:
        """Return how many characters at the end of a text may begin a placeholder."""
        starts = [text.rfind("<")]
        if escaped and (last := text.rfind("\\")) >= 0:
            starts += [last, text.rfind("\\", 0, last)]  # of `\u003c` and of `\u003e`
        return max((len(text) - at for at in starts if at >= 0 and self._is_incomplete(text[at:])), default=0)

    def _is_incomplete(self, tail: str) -> bool:
        """Return whether a text is the beginning of a placeholder but not all of it."""
        at = bisect_left(self._sorted_names, tail)
        return (
            at < len(self._sorted_names)
            and self._sorted_names[at].startswith(tail)
            and self._sorted_names[at] != tail
        )

    def value(self, value: Any) -> bool:
        """Restore all strings of a JSON value in place; return whether anything changed."""
        changed = False
        waiting = [value]
        while waiting:
            value = waiting.pop()
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in list(items):
                if isinstance(item, dict | list):
                    waiting.append(item)
                elif isinstance(item, str):
                    value[key] = self.text(item, escaped=key in _JSON_KEYS)
                    changed = changed or value[key] != item
        return changed


class Channel:
    """One text that arrives in chunks. The end of a chunk is buffered while it may begin a placeholder."""

    def __init__(self, restorer: Restorer, *, escaped: bool) -> None:
        self._restorer = restorer
        self._escaped = escaped
        self.pending = ""

    def feed(self, chunk: str) -> str:
        """Add a chunk and return the restored text that can be sent."""
        text = self.pending + chunk
        size = self._restorer.incomplete(text, escaped=self._escaped)
        ready, self.pending = (text[:-size], text[-size:]) if size else (text, "")
        return self._restorer.text(ready, escaped=self._escaped)

    def flush(self) -> str:
        """End the text and return the buffered rest, which is not a placeholder."""
        rest, self.pending = self.pending, ""
        return rest


def decode(data: bytes) -> Any:
    """Decode JSON with exact decimals; None when it is not JSON that can be encoded again."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def restored_body(restorer: Restorer | None, body: bytes) -> bytes:
    """Return a complete answer with its values restored; the same bytes if there are none."""
    if restorer is None or not may_have_placeholder(body):
        return body
    value = decode(body)
    if isinstance(value, dict | list):
        return encode(value) if restorer.value(value) else body
    return restored_raw(restorer, body, escaped=body.lstrip()[:1] in {b"{", b"["})


def restored_raw(restorer: Restorer, data: bytes, *, escaped: bool) -> bytes:
    """Restore values in bytes that are not strict JSON; `escaped` if they look like JSON."""
    text = restorer.text(data.decode("utf-8", "surrogateescape"), escaped=escaped)
    return text.encode("utf-8", "surrogateescape")


def may_have_placeholder(data: bytes) -> bool:
    """Return whether JSON contains a `<`, plain or escaped."""
    return b"<" in data or b"\\u003" in data
