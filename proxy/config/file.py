"""Reads the configuration from `relay.yaml` and the environment. An error is one sentence naming the setting.

Names, types and error messages follow from the sections: a new setting is added to its section only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from proxy.config.environment import (
    PREFIX,
    annotation_at,
    field_at,
    is_section,
    merge_environment,
    section_in,
)
from proxy.config.section import types_in
from proxy.config.settings import Config
from proxy.config.upstreams import DEFAULT_UPSTREAMS
from proxy.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses duplicate keys: one of the two values would be dropped."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- yaml's
        """Construct a mapping. Raises `ConstructorError` for a duplicate key."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if duplicate := next((name for name in names if names.count(name) > 1), None):
            raise yaml.constructor.ConstructorError(
                None, None, f"'{duplicate}' appears twice", node.start_mark
            )
        return super().construct_mapping(node, deep)

    def construct_date(self, node: yaml.ScalarNode) -> str | Any:
        """Leave a date as text, so that an invalid one (2026-13-01) is reported with its setting."""
        return self.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_date)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 -- a subclass of the safe loader
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; name another with --config") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path} is not YAML: {_one_line(error)}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold settings such as 'server:', not a {type(content).__name__}")
    return {str(name): value for name, value in content.items()}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).replace(' in "<unicode string>",', " at").split())


def _default_path(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get("RELAY_CONFIG"):
        return Path(named)
    return Path("relay.yaml") if Path("relay.yaml").exists() else None


def _check_variables(environ: Mapping[str, str]) -> None:
    """Refuse misspelt variables such as `RELAY_SERVR__PORT` and `RELAY_SERVER_PORT`."""
    for name in (name for name in environ if name.startswith(PREFIX)):
        section, nested, _ = name.removeprefix(PREFIX).lower().partition("__")
        if nested and section not in Config.model_fields:
            raise ConfigError(f"the environment variable {name} sets nothing: there is no '{section}'")
        section, _, setting = section.partition("_")
        field = Config.model_fields.get(section)
        if field and is_section(field.annotation) and setting in field.annotation.model_fields:
            expected = f"{PREFIX}{section}__{setting}".upper()
            raise ConfigError(f"the environment variable {name} sets nothing: write {expected}")


def _sentence(error: ErrorDetails, source: str) -> str:
    """Describe an error of pydantic: the source, the setting, what was expected, and the value."""
    location = error["loc"]
    key = ".".join(str(step) for step in location)
    if error["type"] == "extra_forbidden":
        parent = location[:-1]
        section = section_in(annotation_at(parent))
        where = f"'{'.'.join(map(str, parent))}' takes" if parent else "the settings are"
        known = (name for name, field in section.model_fields.items() if not field.exclude) if section else ()
        hint = f"; {where} {', '.join(known)}" if section else ""
        return f"{source}: '{key}' is not a setting{hint}"
    given = error["input"]
    is_scalar = isinstance(given, str | int | float | bool | None)
    shown = f", not {_yaml_text(given)}" if is_scalar and not _is_secret(location) else ""
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ").partition(", unable to")[0]
    return f"{source}: '{key}' {_EXPECTED.get(error['type'], message)}{shown}"


_EXPECTED: Final = {
    "missing": "is missing",
    "model_type": "should be a section of settings",
    "path_type": "should be a path",
    "tuple_type": "should be a list",
}
"""Messages for error types that pydantic describes in terms of Python."""


def _is_secret(location: tuple[int | str, ...]) -> bool:
    field = field_at(location) if location else None
    return field is not None and (not field.repr or SecretStr in types_in(field.annotation))


def _yaml_text(value: object) -> str:
    """Format a scalar as in YAML."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _explain(error: ValidationError, path: Path | None, environ: Mapping[str, str]) -> str:
    """Describe the first error, naming the environment variable that set the value, else the file."""
    details = error.errors(include_url=False)[0]
    variables = {name.upper(): name for name in environ}
    steps = [str(step).upper() for step in details["loc"]]
    for length in range(len(steps), 0, -1):
        if name := variables.get(PREFIX + "__".join(steps[:length])):
            return _sentence(details, f"environment variable {name}")
    return _sentence(details, str(path or "the configuration"))


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Load the configuration from a file (by default `RELAY_CONFIG` or `relay.yaml`) and the environment.

    Raises `ConfigError` naming the setting, its source and what was expected.
    """
    path = path or _default_path(environ)
    _check_variables(environ)
    content = {"upstreams": DEFAULT_UPSTREAMS} | (_read_yaml(path) if path else {})
    try:
        config = Config.model_validate(merge_environment(content, environ))
    except ValidationError as error:
        raise ConfigError(_explain(error, path, environ)) from error
    if log_dir := environ.get("RELAY_LOG_DIR"):
        logs = config.logs.model_copy(update={"dir": Path(log_dir)})
        config = config.model_copy(update={"logs": logs})
    if conflict := config.conflict():
        raise ConfigError(f"{path or 'the configuration'}: {conflict}")
    return config
