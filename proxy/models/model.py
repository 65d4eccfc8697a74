"""Models and their merged list; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from proxy.config.settings import Config
from proxy.config.upstreams import Upstream
from proxy.errors import Api
from proxy.request.call import is_valid_model

MAX_MODELS: Final = 10_000
"""The models that are read from one upstream."""

_WILDCARDS: Final = frozenset("*?[")
_MAX_SECONDS: Final = 253_402_300_799  # the year 9999
_GEMINI_PREFIX: Final = "models/"  # Gemini lists names with it and accepts them without


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model that clients may request. `created` is in Unix seconds, 0 when unknown.

    `apis` are the APIs in which it can be called, `owner` is the name of its first upstream.
    """

    id: str
    owner: str
    apis: frozenset[Api]
    created: int = 0
    display_name: str = ""


def listed_models(upstream: Upstream, answer: Any) -> Iterator[Model]:
    """Yield the models of an upstream's list that its globs match. Raises `ValueError` for no list."""
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise ValueError("its answer is not a list of models")  # noqa: TRY004 -- a value from outside
    for entry in entries[:MAX_MODELS]:
        name = entry.get("id") if isinstance(entry, dict) else None
        if not is_valid_model(name):
            continue
        if not upstream.serves(name):
            name = name.removeprefix(_GEMINI_PREFIX)
        if name and upstream.serves(name):
            display_name = entry.get("display_name")
            yield Model(
                id=name,
                owner=upstream.name,
                apis=frozenset({upstream.api}),
                created=_created(entry),
                display_name=display_name if isinstance(display_name, str) else "",
            )


def _created(entry: dict[str, Any]) -> int:
    """Return the time of `created` (Unix seconds) or `created_at` (RFC 3339); 0 when it has none."""
    seconds, text = entry.get("created"), entry.get("created_at")
    if isinstance(seconds, int) and 0 <= seconds <= _MAX_SECONDS:
        return int(seconds)
    if isinstance(text, str):
        try:
            at = datetime.fromisoformat(text)
            return max(0, int(at.timestamp())) if at.tzinfo else 0
        except (ValueError, OverflowError):
            return 0
    return 0


def configured_models(config: Config) -> Iterator[Model]:
    """Yield the literal names in the upstreams' globs."""
    for upstream in config.upstreams.values():
        for name in upstream.models:
            if _WILDCARDS.isdisjoint(name):
                yield Model(id=name, owner=upstream.name, apis=frozenset({upstream.api}))


def merged(config: Config, listed: Iterable[Model]) -> tuple[Model, ...]:
    """Return every model once, in the order aliases, configured names, listed names."""
    models: dict[str, Model] = {}
    for model in (*configured_models(config), *listed):
        known = models.get(model.id)
        models[model.id] = model if known is None else _union(known, model)
    aliases = {
        name: _alias(config, name, target, models.get(target)) for name, target in config.aliases.items()
    }
    return tuple((aliases | {name: models[name] for name in models if name not in aliases}).values())


def _union(first: Model, second: Model) -> Model:
    return msgspec.structs.replace(
        first,
        apis=first.apis | second.apis,
        created=first.created or second.created,
        display_name=first.display_name or second.display_name,
    )


def _alias(config: Config, name: str, target: str, model: Model | None) -> Model:
    """Return an alias as a model. Its model may not be in the list of its upstream."""
    serving = [upstream for upstream in config.upstreams.values() if upstream.serves(target)]
    return Model(
        id=name,
        owner=serving[0].name,
        apis=frozenset(upstream.api for upstream in serving),
        created=model.created if model else 0,
    )
