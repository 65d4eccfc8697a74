"""Where an event of a stream carries pieces of text, and which texts it ends, in the three APIs; pure."""

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


class Spot(msgspec.Struct):
    """A piece of text in an event: its channel, where it stands, and an event that would hold it alone."""

    key: Key
    holder: dict[str, Any]
    field: str
    alone: Callable[[str], dict[str, Any]]
    escaped: bool = False

    def take(self) -> str:
        """The piece, which leaves the event until it is put back."""
        piece: str = self.holder[self.field]
        self.holder[self.field] = ""
        return piece


def text_spots(value: dict[str, Any]) -> Iterator[Spot]:
    """The pieces of text in an event."""
    kind, delta = value.get("type"), value.get("delta")
    if kind == "content_block_delta" and isinstance(delta, dict):
        yield from _block_spots(value, delta)
    elif isinstance(kind, str) and kind.endswith(".delta") and isinstance(delta, str):
        kept = dict(value)
        key = ("item", value.get("output_index"), *_item_key(value, kind.removesuffix(".delta")))
        yield Spot(key, value, "delta", lambda text: kept | {"delta": text}, escaped="arguments" in kind)
    for choice in _objects(value.get("choices")):
        yield from _choice_spots(value, choice)


def _block_spots(value: dict[str, Any], delta: dict[str, Any]) -> Iterator[Spot]:
    index = value.get("index")
    for field in _BLOCK_FIELDS:
        if isinstance(delta.get(field), str):
            kept, shape = dict(value), dict(delta)
            yield Spot(
                ("block", index, field),
                delta,
                field,
                lambda text, kept=kept, shape=shape, field=field: kept | {"delta": shape | {field: text}},  # type: ignore[misc]
                escaped=field == "partial_json",
            )


def _choice_spots(value: dict[str, Any], choice: dict[str, Any]) -> Iterator[Spot]:
    index = choice.get("index", 0)
    head = {name: item for name, item in value.items() if name not in {"choices", "usage"}}

    def chunk(inner: dict[str, Any]) -> dict[str, Any]:
        return head | {"choices": [{"index": index, **inner, "finish_reason": None}]}

    if isinstance(choice.get("text"), str):
        yield Spot(("choice", index, "text"), choice, "text", lambda text: chunk({"text": text}))
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return
    for field, text in delta.items():
        if isinstance(text, str) and field not in _NOT_TEXT:
            yield Spot(
                ("choice", index, field),
                delta,
                field,
                lambda text, field=field: chunk({"delta": {field: text}}),  # type: ignore[misc]
            )
    for name in ("tool_calls", "reasoning_details"):
        for at, item in enumerate(_objects(delta.get(name))):
            place = item.get("index", at)
            yield from _item_spots(item, ("choice", index, name, place), _within(chunk, name, place))
    call = delta.get("function_call")
    if isinstance(call, dict):
        yield from _item_spots(
            {"function": call},
            ("choice", index, "function_call"),
            lambda inner: chunk({"delta": {"function_call": inner["function"]}}),
        )


def _within(
    chunk: Callable[[dict[str, Any]], dict[str, Any]], name: str, place: object
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda inner: chunk({"delta": {name: [{"index": place, **inner}]}})


def _item_spots(
    item: dict[str, Any], key: Key, chunk: Callable[[dict[str, Any]], dict[str, Any]]
) -> Iterator[Spot]:
    """The texts of a tool call or of a part of reasoning."""
    for outer, field in (("function", "arguments"), ("custom", "input")):
        holder = item.get(outer)
        if isinstance(holder, dict) and isinstance(holder.get(field), str):
            yield Spot(
                (*key, outer),
                holder,
                field,
                lambda text, outer=outer, field=field: chunk({outer: {field: text}}),  # type: ignore[misc]
                escaped=field == "arguments",
            )
    for field in ("text", "summary"):
        if isinstance(item.get(field), str):
            shape = {name: part for name, part in item.items() if name in {"type", "format", "id"}}
            yield Spot(
                (*key, field),
                item,
                field,
                lambda text, field=field, shape=shape: chunk(shape | {field: text}),  # type: ignore[misc]
            )


def _item_key(value: dict[str, Any], kind: str) -> Key:
    return (kind, value.get("item_id"), value.get("content_index"), value.get("summary_index"))


def ended_by(value: dict[str, Any]) -> Callable[[Key], bool]:
    """Which channels an event ends."""
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
