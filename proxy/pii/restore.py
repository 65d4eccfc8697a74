"""Puts the values back in place of their placeholders: in whole texts, and in texts that come in pieces."""

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
# Below these keys a string is JSON itself: a value put into it must be escaped.
_JSON_TEXTS: Final = frozenset({"arguments", "partial_json"})
_TOKEN: Final = re.compile(r"<([A-Z][A-Z_]{0,40}_[0-9]{1,9})>")
# Go's encoder, and so Ollama, writes `<` and `>` in JSON as escapes: https://pkg.go.dev/encoding/json#Marshal
_JSON_TOKEN: Final = re.compile(rf"(?:<|(?<!\\)\\u003[cC]){_TOKEN.pattern[1:-1]}(?:>|\\u003[eE])")


class Restorer:
    """Knows the placeholders of one request and what they stand for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._plain = values
        self._escaped = {
            token: json.dumps(value, ensure_ascii=False)[1:-1] for token, value in values.items()
        }
        self._sorted = sorted([*values, *(rf"\u003c{token[1:-1]}\u003e" for token in values)])

    def text(self, text: str, *, escaped: bool = False) -> str:
        """A text with every placeholder replaced; `escaped` for a text that is JSON."""
        if "<" not in text and not (escaped and "\\u003" in text):
            return text
        values, tokens = (self._escaped, _JSON_TOKEN) if escaped else (self._plain, _TOKEN)
        return tokens.sub(lambda found: values.get(f"<{found[1]}>", found[0]), text)

    def held(self, text: str, *, escaped: bool = False) -> int:
        """How many characters at the end of a text may be the beginning of a placeholder."""
        begins = [text.rfind("<")]
        if escaped and (last := text.rfind("\\")) >= 0:
            begins += [last, text.rfind("\\", 0, last)]  # of `\u003c` and of `\u003e`
        return max((len(text) - at for at in begins if at >= 0 and self._is_begun(text[at:])), default=0)

    def _is_begun(self, tail: str) -> bool:
        """Whether a placeholder begins so and goes on."""
        at = bisect_left(self._sorted, tail)
        return at < len(self._sorted) and self._sorted[at].startswith(tail) and self._sorted[at] != tail

    def value(self, value: Any) -> bool:
        """Restores every string at or below a JSON value, in place; whether anything changed."""
        changed = False
        waiting = [value]
        while waiting:
            value = waiting.pop()
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in list(items):
                if isinstance(item, dict | list):
                    waiting.append(item)
                elif isinstance(item, str):
                    value[key] = self.text(item, escaped=key in _JSON_TEXTS)
                    changed = changed or value[key] != item
        return changed


class Channel:
    """One text that comes in pieces. Holds back the end of a piece while it may begin a placeholder."""

    def __init__(self, restorer: Restorer, *, escaped: bool) -> None:
        self._restorer = restorer
        self._escaped = escaped
        self.pending = ""

    def feed(self, piece: str) -> str:
        """Takes a piece and gives what can be passed on."""
        text = self.pending + piece
        held = self._restorer.held(text, escaped=self._escaped)
        passed, self.pending = (text[:-held], text[-held:]) if held else (text, "")
        return self._restorer.text(passed, escaped=self._escaped)

    def flush(self) -> str:
        """The text is over: what was held back was no placeholder."""
        rest, self.pending = self.pending, ""
        return rest


def decode(data: bytes) -> Any:
    """JSON with exact decimals; None when it is not JSON that could be written again."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def restored_body(restorer: Restorer | None, body: bytes) -> bytes:
    """A whole answer with its values put back; the very bytes when there is nothing to put back."""
    if restorer is None or not may_hold_token(body):
        return body
    value = decode(body)
    if isinstance(value, dict | list):
        return encode(value) if restorer.value(value) else body
    return restored_raw(restorer, body, escaped=body.lstrip()[:1] in {b"{", b"["})


def restored_raw(restorer: Restorer, data: bytes, *, escaped: bool) -> bytes:
    """The same in bytes that are no strict JSON; `escaped` where they nearly are."""
    text = restorer.text(data.decode("utf-8", "surrogateescape"), escaped=escaped)
    return text.encode("utf-8", "surrogateescape")


def may_hold_token(data: bytes) -> bool:
    """Whether there is a `<` in JSON, as it is or escaped as some encoders do."""
    return b"<" in data or b"\\u003" in data
