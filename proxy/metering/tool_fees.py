"""The provider's own tools that an answer of Responses used, and what they are billed by; pure.

Their fees are in no usage object: https://platform.openai.com/docs/pricing#built-in-tools
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from proxy.metering.generated_text import objects
from proxy.metering.usage import Raw, TokenUsage, first_object
from proxy.metering.usage_openai import from_openai
from proxy.segments.record import clip

_BILLED_ACTIONS: Final = frozenset({None, "search"})  # opening a page, or searching in it, has no fee
_UNKNOWN_FEES: Final = frozenset({"code_interpreter_call", "computer_call"})  # billed by session


class ToolUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that have a fee each, tokens of other models, and whether a fee is not known."""

    web_searches: int = 0
    file_searches: int = 0
    tools: tuple[TokenUsage, ...] = ()
    has_unknown_fee: bool = False

    def added_to(self, usage: TokenUsage) -> TokenUsage:
        """The usage of the answer with that of its tools."""
        return msgspec.structs.replace(
            usage,
            web_searches=usage.web_searches + self.web_searches,
            file_searches=usage.file_searches + self.file_searches,
            tools=self.tools,
            has_unknown_fee=self.has_unknown_fee,
        )


def tool_usage(answer: Raw) -> ToolUsage | None:
    """The tools that an answer of Responses used; None when it used none that is billed."""
    calls = [item for item in objects(answer.get("output")) if item.get("status") != "failed"]
    kinds = [item.get("type") for item in calls]
    searches = [item for item in calls if item.get("type") == "web_search_call"]
    found = ToolUsage(
        web_searches=sum(_action(item) in _BILLED_ACTIONS for item in searches),
        file_searches=kinds.count("file_search_call"),
        tools=tuple(_image_tokens(answer)),
        has_unknown_fee=not _UNKNOWN_FEES.isdisjoint(kind for kind in kinds if isinstance(kind, str))
        or ("image_generation_call" in kinds and not first_object(answer, ("tool_usage",))),
    )
    return None if found == ToolUsage() else found


def _action(item: Mapping[str, Any]) -> object:
    kind = first_object(item, ("action",)).get("type")
    return kind if isinstance(kind, str) else None


def _image_tokens(answer: Raw) -> Sequence[TokenUsage]:
    """The tokens of the image tool, with the model that the tool names."""
    raw = first_object(first_object(answer, ("tool_usage",)), ("image_gen",))
    usage = from_openai(raw) if raw else None
    if usage is None or not (usage.prompt_tokens or usage.completion_tokens):
        return ()
    tools = (tool for tool in objects(answer.get("tools")) if tool.get("type") == "image_generation")
    models = (model for tool in tools if isinstance(model := tool.get("model"), str))
    # A tool that names no model uses one that the answer does not report: a name without a price.
    return (msgspec.structs.replace(usage, model=clip(next(models, "image_generation")), raw=None),)
