"""Reads the configuration from `relay.yaml` and the environment; a mistake is one sentence naming it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from proxy.config.environment import PREFIX, annotation_at, is_section, overlaid, section_in
from proxy.config.settings import DEFAULT_UPSTREAMS, Config
from proxy.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """The safe loader, but a name that stands twice is a mistake: one of the two would be dropped."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- yaml's
        """Raises `ConstructorError` for a name that stands twice."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise yaml.constructor.ConstructorError(None, None, f"'{twice}' stands twice", node.start_mark)
        return super().construct_mapping(node, deep)

    def construct_date(self, node: yaml.ScalarNode) -> str | Any:
        """A date stays a text, so that one that there is not (2026-13-01) is told with its setting."""
        return self.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_date)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 -- it is the safe one
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; name another with --config") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path} is not YAML: {_flat(error)}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold settings such as 'server:', not a {type(content).__name__}")
    return {str(name): value for name, value in content.items()}


def _flat(error: Exception) -> str:
    return " ".join(str(error).replace(' in "<unicode string>",', " at").split())


def _default_path(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get("RELAY_CONFIG"):
        return Path(named)
    return Path("relay.yaml") if Path("relay.yaml").exists() else None


def _check_variables(environ: Mapping[str, str]) -> None:
    """A misspelt `RELAY_SERVR__PORT` or `RELAY_SERVER_PORT` is a mistake too, not something to pass over."""
    for name in (name for name in environ if name.startswith(PREFIX)):
        section, nested, _ = name.removeprefix(PREFIX).lower().partition("__")
        if nested and section not in Config.model_fields:
            raise ConfigError(f"the environment variable {name} sets nothing: there is no '{section}'")
        section, _, setting = section.partition("_")
        field = Config.model_fields.get(section)
        if field and is_section(field.annotation) and setting in field.annotation.model_fields:
            meant = f"{PREFIX}{section}__{setting}".upper()
            raise ConfigError(f"the environment variable {name} sets nothing: write {meant}")


def _sentence(error: ErrorDetails, source: str) -> str:
    location = error["loc"]
    key = ".".join(str(step) for step in location)
    if error["type"] == "extra_forbidden":
        parent = location[:-1]
        section = section_in(annotation_at(parent))
        where = f"'{'.'.join(map(str, parent))}' takes" if parent else "the settings are"
        known = (name for name in section.model_fields if name != "name") if section else ()
        hint = f"; {where} {', '.join(known)}" if section else ""
        return f"{source}: '{key}' is not a setting{hint}"
    given = error["input"]
    hidden = key.endswith("api_key_env")
    is_scalar = isinstance(given, str | int | float | bool | None)
    shown = f", not {_text(given)}" if is_scalar and not hidden else ""
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ").partition(", unable to")[0]
    return f"{source}: '{key}' {_EXPECTED.get(error['type'], message)}{shown}"


_EXPECTED: Final = {
    "missing": "is missing",
    "model_type": "should be a section of settings",
    "path_type": "should be a path",
    "tuple_type": "should be a list",
}
"""What pydantic says in its own terms, said in YAML's."""


def _text(value: object) -> str:
    """A scalar as YAML writes it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _explain(error: ValidationError, path: Path | None, environ: Mapping[str, str]) -> str:
    details = error.errors(include_url=False)[0]
    variables = {name.upper(): name for name in environ}
    steps = [str(step).upper() for step in details["loc"]]
    for length in range(len(steps), 0, -1):
        if name := variables.get(PREFIX + "__".join(steps[:length])):
            return _sentence(details, f"environment variable {name}")
    return _sentence(details, str(path or "the configuration"))


def _unserved_alias(config: Config) -> str | None:
    """What is wrong with an alias that nobody could ever be answered by; None when nothing is."""
    for alias, model in config.aliases.items():
        if not any(upstream.serves(model) for upstream in config.upstreams.values()):
            also = ", which is an alias itself" if model in config.aliases else ""
            return f"'aliases.{alias}' should be a model of one of the upstreams, not '{model}'{also}"
    return None


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration from a file (`relay.yaml` or `RELAY_CONFIG` when none is named) and the environment.

    Raises `ConfigError` naming the key, where it stands and what was expected.
    """
    path = path or _default_path(environ)
    _check_variables(environ)
    content = {"upstreams": DEFAULT_UPSTREAMS} | (_read_yaml(path) if path else {})
    try:
        config = Config.model_validate(overlaid(content, environ))
    except ValidationError as error:
        raise ConfigError(_explain(error, path, environ)) from error
    if log_dir := environ.get("RELAY_LOG_DIR"):
        logs = config.logs.model_copy(update={"dir": Path(log_dir)})
        config = config.model_copy(update={"logs": logs})
    contradiction = config.limits.contradiction(config.server.workers)
    contradiction = contradiction or config.prices.contradiction(config.upstreams) or _unserved_alias(config)
    if contradiction:
        raise ConfigError(f"{path or 'the configuration'}: {contradiction}")
    return config
