"""Settings in environment variables, `RELAY_SERVER__PORT=8080`, laid over those of the file; pure.

A variable names a setting by its path, in letters of either case. What takes more than one value, a section
or a list, is JSON there; a variable of its own for a part of it goes before. This is not `pydantic-settings`,
which would take 7 MiB of every process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeGuard, get_args, get_origin

from proxy.config.section import Section, kinds
from proxy.config.settings import Config
from proxy.errors import ConfigError

PREFIX: Final = "RELAY_"
_COLLECTIONS: Final = (dict, tuple)


def overlaid(content: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings, with those of the environment in their places.

    Raises `ConfigError` for what should be JSON and is not, without its value.
    """
    paths = {name: _path(name) for name in environ if name.upper().startswith(PREFIX)}
    settings = dict(content)
    for name in sorted(paths, key=lambda name: len(paths[name])):
        path = paths[name]
        if path[0] in Config.model_fields:
            value = _value(name, environ[name], path)
            for step in reversed(path):
                value = {step: value}
            settings = _merged(settings, value)
    return settings


def annotation_at(location: Iterable[int | str]) -> object:
    """The type of the setting at a place in the configuration; None where there is none."""
    found: object = Config
    for step in location:
        if get_origin(found) in _COLLECTIONS:  # a name or a number in a collection
            found = section_in(found)
        elif section := section_in(found):
            field = section.model_fields.get(str(step))
            found = field.annotation if field else None
        else:
            found = None
    return found


def section_in(annotation: object) -> type[Section] | None:
    """The section that a setting of this type is, or has in it; None when it has none."""
    return next(filter(is_section, (annotation, *get_args(annotation))), None)


def is_section(found: object) -> TypeGuard[type[Section]]:
    """Whether this type is a section."""
    return isinstance(found, type) and issubclass(found, Section)


def _path(name: str) -> list[str]:
    return name[len(PREFIX) :].lower().split("__")


def _value(name: str, text: str, path: list[str]) -> Any:
    inside = kinds(annotation_at(path))
    if not any(is_section(kind) or get_origin(kind) in _COLLECTIONS for kind in inside):
        return text
    try:
        return json.loads(text)
    except ValueError:
        where = ".".join(path)
        raise ConfigError(f"the environment variable {name}: '{where}' should be JSON") from None


def _merged(below: Any, above: Any) -> Any:
    """What is above; where both are settings by name, each of them."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {**below, **{name: _merged(below.get(name), value) for name, value in above.items()}}
