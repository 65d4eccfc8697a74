"""Reads the output of a model from JSON or from the events of a stream, in the three APIs; pure.

The output is a message, text or list as in the API's JSON: a stream of the same answer gives the same value.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from proxy.content.json_draft import Draft
from proxy.json_decoding import decode_leniently
from proxy.metering.generated_text import objects
from proxy.segments.content_lines import MAX_CONTENT_BYTES
from proxy.sse import Event, EventSplitter, parse_event

MAX_BODY_BYTES: Final = 16_777_216
_FINAL: Final = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
)
# The field that a delta of an output item extends: of the item, or of the part that the event names.
_ITEM_FIELDS: Final = {
    "function_call_arguments": "arguments",
    "mcp_call_arguments": "arguments",
    "custom_tool_call_input": "input",
    "code_interpreter_call_code": "code",
}
_PART_FIELDS: Final = {
    "output_text": "text",
    "reasoning_text": "text",
    "reasoning_summary_text": "text",
    "refusal": "refusal",
}


def output_of(value: Any) -> Any:
    """The output in a whole JSON answer; None when it has none, or not as text."""
    if not isinstance(value, dict):
        return None
    if choices := objects(value.get("choices")):
        texts = [choice["text"] for choice in choices if isinstance(choice.get("text"), str)]
        return _one_or_all(texts or [choice["message"] for choice in choices if choice.get("message")])
    found = value.get("content") if value.get("type") == "message" else value.get("output")
    return found if isinstance(found, list) else None


def _one_or_all(outputs: list[Any]) -> Any:
    return outputs[0] if len(outputs) == 1 else outputs or None


class Output:
    """The output of one answer, fed with its bytes. It keeps no more than a content line can hold."""

    def __init__(self, *, streams: bool) -> None:
        self._streams = streams
        self._body = bytearray()
        self._splitter = EventSplitter()
        self._events = StreamedOutput()

    def feed(self, chunk: bytes) -> None:
        """Reads the next bytes."""
        if self._streams:
            for event in self._splitter.feed(chunk):
                self._events.read(event)
        elif len(self._body) <= MAX_BODY_BYTES:
            self._body += chunk

    def value(self) -> Any:
        """The output so far: a JSON value, None when there is none."""
        try:
            return self._value()
        except RecursionError:
            return {"cut": "it is nested too deeply"}

    def _value(self) -> Any:
        if self._streams:
            rest = self._splitter.rest()
            if rest:
                self._events.read(parse_event(rest))
            return self._events.value()
        if len(self._body) > MAX_BODY_BYTES:
            return {"cut": f"the answer is longer than {MAX_BODY_BYTES:,} bytes"}
        return output_of(decode_leniently(bytes(self._body))) if self._body else None


class StreamedOutput:
    """The output of a stream, event by event, up to the size of a content line."""

    def __init__(self) -> None:
        self._size = 0
        self._drafts: dict[tuple[str, int], Draft] = {}
        self._final_output: list[Any] | None = None

    def read(self, event: Event) -> None:
        """Reads an event of any kind."""
        value = decode_leniently(event.data) if event.data[:1] == b"{" else None
        if not isinstance(value, dict):
            return
        kind = value.get("type")
        if isinstance(kind, str) and kind in _FINAL:
            self._final_output = output_of(value.get("response")) or self._final_output
        elif self._size <= MAX_CONTENT_BYTES:
            with suppress(RecursionError):  # nested too deeply to be encoded
                self._read_value(value)

    def value(self) -> Any:
        """The output so far; None when there is none. Raises `RecursionError`."""
        if self._final_output:
            return self._final_output
        drafts = [(kind, draft.value()) for (kind, _), draft in sorted(self._drafts.items(), key=_position)]
        if blocks := [_with_input(value) for kind, value in drafts if kind == "block"]:
            return blocks
        if items := [value for kind, value in drafts if kind == "item"]:
            return items
        texts = [value["text"] for kind, value in drafts if kind == "text"]
        return _one_or_all(texts or [value for kind, value in drafts if kind == "message"])

    def _read_value(self, value: dict[str, Any]) -> None:
        kind = value.get("type")
        if isinstance(kind, str) and kind.startswith("response."):
            self._read_item_delta(kind.removeprefix("response."), value)
        elif kind == "content_block_start":
            self._put(("block", _index(value)), value.get("content_block"))
        elif kind == "content_block_delta":
            self._read_block_delta(_index(value), value.get("delta"))
        for choice in objects(value.get("choices")):
            if isinstance(choice.get("text"), str):
                self._merge(("text", _index(choice)), {"text": choice["text"]})
            if isinstance(choice.get("delta"), dict) and choice["delta"]:
                self._merge(("message", _index(choice)), choice["delta"])

    def _read_block_delta(self, index: int, delta: object) -> None:
        """Reads a delta of one of Anthropic's content blocks."""
        if not isinstance(delta, dict):
            return
        fields = {name: value for name, value in delta.items() if name not in {"type", "citation"}}
        if "citation" in delta:
            fields["citations"] = [delta["citation"]]
        self._merge(("block", index), fields)

    def _read_item_delta(self, kind: str, value: dict[str, Any]) -> None:
        """Reads a delta of one of the output items of a response."""
        at = ("item", _index(value, "output_index"))
        name, _, what = kind.rpartition(".")
        delta, part = value.get("delta"), value.get("part")
        if name == "output_item":
            self._put(at, value.get("item"))
        elif what == "added" and isinstance(part, dict):
            self._merge(at, {_list_of(value): [part | {"index": _part_index(value)}]})
        elif what == "delta" and isinstance(delta, str) and name in _ITEM_FIELDS:
            self._merge(at, {_ITEM_FIELDS[name]: delta})
        elif what == "delta" and isinstance(delta, str) and name in _PART_FIELDS:
            self._merge(at, {_list_of(value): [{"index": _part_index(value), _PART_FIELDS[name]: delta}]})

    def _put(self, at: tuple[str, int], begin: object) -> None:
        if isinstance(begin, dict):
            before = self._drafts.get(at)
            draft = self._drafts[at] = Draft(begin)
            self._size += draft.size - (before.size if before else 0)

    def _merge(self, at: tuple[str, int], delta: dict[str, Any]) -> None:
        draft = self._drafts.setdefault(at, Draft())
        before = draft.size
        draft.merge(delta)
        self._size += draft.size - before


def _position(item: tuple[tuple[str, int], Draft]) -> tuple[str, int]:
    return item[0]


def _index(value: dict[str, Any], name: str = "index") -> int:
    found = value.get(name)
    return found if isinstance(found, int) else 0


def _list_of(value: dict[str, Any]) -> str:
    return "summary" if "summary_index" in value else "content"


def _part_index(value: dict[str, Any]) -> int:
    return _index(value, "summary_index") if "summary_index" in value else _index(value, "content_index")


def _with_input(block: dict[str, Any]) -> dict[str, Any]:
    """Sets the input of a tool from its JSON, or as text where the JSON is incomplete."""
    text = block.pop("partial_json", None)
    if text and isinstance(text, str):
        decoded = decode_leniently(text.encode("utf-8", "surrogatepass"))
        block["input"] = text if decoded is None else decoded
    return block
