"""Finds the text fields of a stream's event, and the texts that it ends, in the three APIs; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

_BLOCK_FIELDS: Final = ("text", "thinking", "partial_json")
_NOT_TEXT: Final = frozenset({"role", "type", "id", "name", "signature", "format", "data"})
_ENDS_ALL: Final = frozenset({
    "message_stop", "error", "response.completed", "response.incomplete", "response.failed",
    "response.cancelled",
})  # fmt: skip

Key = tuple[object, ...]


class StreamField(msgspec.Struct):
    """A text field of an event: its channel, its location, and how to make an event with this field only."""

    key: Key
    holder: dict[str, Any]
    name: str
    make_event: Callable[[str], dict[str, Any]]
    escaped: bool = False

    def pop_text(self) -> str:
        """Return the text and empty the field."""
        text: str = self.holder[self.name]
        self.holder[self.name] = ""
        return text


def stream_fields(value: dict[str, Any]) -> Iterator[StreamField]:
    """Yield the text fields of an event."""
    kind, delta = value.get("type"), value.get("delta")
    if kind == "content_block_delta" and isinstance(delta, dict):
        yield from _block_fields(value, delta)
    elif isinstance(kind, str) and kind.endswith(".delta") and isinstance(delta, str):
        event = dict(value)
        key = ("item", value.get("output_index"), *_item_key(value, kind.removesuffix(".delta")))
        yield StreamField(
            key, value, "delta", lambda text: event | {"delta": text}, escaped="arguments" in kind
        )
    for choice in _objects(value.get("choices")):
        yield from _choice_fields(value, choice)


def _block_fields(value: dict[str, Any], delta: dict[str, Any]) -> Iterator[StreamField]:
    index = value.get("index")
    for field in _BLOCK_FIELDS:
        if isinstance(delta.get(field), str):
            event, shape = dict(value), dict(delta)
            yield StreamField(
                ("block", index, field),
                delta,
                field,
                lambda text, event=event, shape=shape, field=field: event | {"delta": shape | {field: text}},  # type: ignore[misc]
                escaped=field == "partial_json",
            )


def _choice_fields(value: dict[str, Any], choice: dict[str, Any]) -> Iterator[StreamField]:
    index = choice.get("index", 0)
    head = {name: item for name, item in value.items() if name not in {"choices", "usage"}}

    def chunk(inner: dict[str, Any]) -> dict[str, Any]:
        return head | {"choices": [{"index": index, **inner, "finish_reason": None}]}

    if isinstance(choice.get("text"), str):
        yield StreamField(("choice", index, "text"), choice, "text", lambda text: chunk({"text": text}))
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return
    for field, text in delta.items():
        if isinstance(text, str) and field not in _NOT_TEXT:
            yield StreamField(
                ("choice", index, field),
                delta,
                field,
                lambda text, field=field: chunk({"delta": {field: text}}),  # type: ignore[misc]
            )
    for name in ("tool_calls", "reasoning_details"):
        for at, item in enumerate(_objects(delta.get(name))):
            index_of_item = item.get("index", at)
            yield from _item_fields(
                item, ("choice", index, name, index_of_item), _within(chunk, name, index_of_item)
            )
    call = delta.get("function_call")
    if isinstance(call, dict):
        yield from _item_fields(
            {"function": call},
            ("choice", index, "function_call"),
            lambda inner: chunk({"delta": {"function_call": inner["function"]}}),
        )


def _within(
    chunk: Callable[[dict[str, Any]], dict[str, Any]], name: str, index: object
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda inner: chunk({"delta": {name: [{"index": index, **inner}]}})


def _item_fields(
    item: dict[str, Any], key: Key, chunk: Callable[[dict[str, Any]], dict[str, Any]]
) -> Iterator[StreamField]:
    """Yield the text fields of a tool call or of reasoning."""
    for outer, field in (("function", "arguments"), ("custom", "input")):
        holder = item.get(outer)
        if isinstance(holder, dict) and isinstance(holder.get(field), str):
            yield StreamField(
                (*key, outer),
                holder,
                field,
                lambda text, outer=outer, field=field: chunk({outer: {field: text}}),  # type: ignore[misc]
                escaped=field == "arguments",
            )
    for field in ("text", "summary"):
        if isinstance(item.get(field), str):
            shape = {name: part for name, part in item.items() if name in {"type", "format", "id"}}
            yield StreamField(
                (*key, field),
                item,
                field,
                lambda text, field=field, shape=shape: chunk(shape | {field: text}),  # type: ignore[misc]
            )


def _item_key(value: dict[str, Any], kind: str) -> Key:
    return (kind, value.get("item_id"), value.get("content_index"), value.get("summary_index"))


def ended_by(value: dict[str, Any]) -> Callable[[Key], bool]:
    """Return a predicate for the channels that an event ends."""
    kind = value.get("type")
    if kind in _ENDS_ALL or value.get("error") is not None:
        return lambda _: True
    if kind == "content_block_stop":
        return lambda key: key[:2] == ("block", value.get("index"))
    if kind in {"response.output_item.done", "response.content_part.done"}:
        return lambda key: key[:2] == ("item", value.get("output_index"))
    if isinstance(kind, str) and kind.endswith(".done"):
        done = _item_key(value, kind.removesuffix(".done"))
        return lambda key: key[0] == "item" and key[2:] == done
    finished = {
        choice.get("index", 0)
        for choice in _objects(value.get("choices"))
        if choice.get("finish_reason") is not None
    }
    return lambda key: key[0] == "choice" and key[1] in finished


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
