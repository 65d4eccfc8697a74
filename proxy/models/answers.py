"""Answers of `GET /v1/models` and `GET /v1/models/{id}` in the form of each API; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from proxy.errors import Api, Refusal
from proxy.models.model import Model
from proxy.request.keys import Key
from proxy.segments.record import clip

_DEFAULT_LIMIT: Final = 20
_MAX_LIMIT: Final = 1000


def visible(models: Sequence[Model], key: Key, api: Api) -> list[Model]:
    """Return the models that a key may use; those that can be called in the caller's API come first."""
    allowed = [model for model in models if key.allows(model.id)]
    return sorted(allowed, key=lambda model: api not in model.apis)


def list_answer(api: Api, models: Sequence[Model], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the whole list in OpenAI's form, or a page of it in Anthropic's. Raises `Refusal` (400)."""
    if api == "openai":
        return {"object": "list", "data": [_entry(api, model) for model in models]}
    page, has_more = _page(models, query)
    return {
        "data": [_entry(api, model) for model in page],
        "has_more": has_more,
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }


def model_answer(api: Api, models: Sequence[Model], name: str) -> dict[str, Any]:
    """Return one model. Raises `Refusal` (404) for one that is not in the list."""
    for model in models:
        if model.id == name:
            return _entry(api, model)
    message = f"the model '{clip(name)}' does not exist, or this Relay key may not use it"
    raise Refusal(404, "model_not_found", message)


def _entry(api: Api, model: Model) -> dict[str, Any]:
    if api == "openai":
        return {"id": model.id, "object": "model", "created": model.created, "owned_by": model.owner}
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.display_name or model.id,
        "created_at": datetime.fromtimestamp(model.created, UTC),
    }


def _page(models: Sequence[Model], query: Mapping[str, str]) -> tuple[Sequence[Model], bool]:
    """Return the page after or before a model, and whether more follow in that direction."""
    limit, after, before = _limit(query.get("limit")), query.get("after_id"), query.get("before_id")
    if after and before:
        raise Refusal(400, "invalid_page", "give one of 'after_id' and 'before_id', not both")
    if before:
        end = _index(models, "before_id", before)
        return models[max(0, end - limit) : end], end > limit
    start = _index(models, "after_id", after) + 1 if after else 0
    return models[start : start + limit], start + limit < len(models)


def _limit(text: str | None) -> int:
    if not text:
        return _DEFAULT_LIMIT
    if (
        text.isascii()
        and text.isdigit()
        and len(text) <= len(str(_MAX_LIMIT))
        and 1 <= int(text) <= _MAX_LIMIT
    ):
        return int(text)
    raise Refusal(400, "invalid_page", f"'limit' must be a number from 1 to {_MAX_LIMIT}")


def _index(models: Sequence[Model], name: str, wanted: str) -> int:
    for index, model in enumerate(models):
        if model.id == wanted:
            return index
    raise Refusal(400, "invalid_page", f"'{name}' must be the id of a model in the list")
