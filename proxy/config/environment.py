"""Settings from environment variables (`RELAY_SERVER__PORT=8080`), merged over those of the file; pure.

A variable names a setting by its path, case-insensitively. A section, a list or a mapping is given as JSON; a
variable for a single setting takes precedence over the JSON of its section. `pydantic-settings` does the same
but takes 7 MiB of every process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard, get_args, get_origin

from pydantic.fields import FieldInfo

from proxy.config.section import Section, types_in
from proxy.config.settings import Config
from proxy.errors import ConfigError

PREFIX: Final = "RELAY_"
_COLLECTIONS: Final = (dict, tuple)


def merge_environment(content: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of the file with those of the environment merged in.

    Raises `ConfigError`, without the value, for a variable that should be JSON and is not.
    """
    paths = {name: _path(name) for name in environ if name.upper().startswith(PREFIX)}
    settings = dict(content)
    for name in sorted(paths, key=lambda name: len(paths[name])):
        path = paths[name]
        if path[0] in Config.model_fields:
            value = _value(name, environ[name], path)
            for step in reversed(path):
                value = {step: value}
            settings = _merge(settings, value)
    return settings


def field_at(location: Sequence[int | str]) -> FieldInfo | None:
    """Return the field of a setting by its path in the configuration; None when it does not exist."""
    section = section_in(annotation_at(location[:-1]))
    return section.model_fields.get(str(location[-1])) if section else None


def annotation_at(location: Sequence[int | str]) -> object:
    """Return the type of a setting by its path in the configuration; None when it does not exist."""
    found: object = Config
    for step in location:
        if get_origin(found) in _COLLECTIONS:  # a name or an index in a collection
            found = section_in(found)
        elif section := section_in(found):
            field = section.model_fields.get(str(step))
            found = field.annotation if field else None
        else:
            found = None
    return found


def section_in(annotation: object) -> type[Section] | None:
    """Return the section that a type is or contains; None when there is none."""
    return next(filter(is_section, (annotation, *get_args(annotation))), None)


def is_section(annotation: object) -> TypeGuard[type[Section]]:
    """Return whether a type is a section."""
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _path(name: str) -> list[str]:
    return name[len(PREFIX) :].lower().split("__")


def _value(name: str, text: str, path: list[str]) -> Any:
    nested = types_in(annotation_at(path))
    if not any(is_section(annotation) or get_origin(annotation) in _COLLECTIONS for annotation in nested):
        return text
    try:
        return json.loads(text)
    except ValueError:
        where = ".".join(path)
        raise ConfigError(f"the environment variable {name}: '{where}' should be JSON") from None


def _merge(base: Any, override: Any) -> Any:
    """Merge two mappings recursively; any other value is replaced."""
    if not isinstance(base, Mapping) or not isinstance(override, Mapping):
        return override
    return {**base, **{name: _merge(base.get(name), value) for name, value in override.items()}}
