"""Reads the configuration from `relay.yaml` and the environment; a mistake is one sentence naming it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeGuard, get_args

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from proxy.config import DEFAULT_UPSTREAMS, Config
from proxy.errors import ConfigError
from proxy.section import Section

_PREFIX: Final = "RELAY_"


class _Loader(yaml.SafeLoader):
    """The safe loader, but a name that stands twice is a mistake: one of the two would be dropped."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- yaml's
        """Raises `ConstructorError` for a name that stands twice."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise yaml.constructor.ConstructorError(None, None, f"'{twice}' stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 -- it is the safe one
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; name another with --config") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {_flat(error)}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold settings such as 'server:', not a {type(content).__name__}")
    return content


def _flat(error: Exception) -> str:
    return " ".join(str(error).split())


def _default_path(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get("RELAY_CONFIG"):
        return Path(named)
    return Path("relay.yaml") if Path("relay.yaml").exists() else None


def _check_variables(environ: Mapping[str, str]) -> None:
    """A misspelt `RELAY_SERVR__PORT` is a mistake too, not something to pass over."""
    for name in environ:
        section, nested, _ = name.removeprefix(_PREFIX).partition("__")
        if name.startswith(_PREFIX) and nested and section.lower() not in Config.model_fields:
            raise ConfigError(
                f"the environment variable {name} sets nothing: there is no '{section.lower()}'"
            )


def _is_section(found: object) -> TypeGuard[type[Section]]:
    return isinstance(found, type) and issubclass(found, Section)


def _section_at(location: tuple[int | str, ...]) -> type[Section] | None:
    """The section that a location of an error points into, if it is one."""
    found: object = Config
    for step in location:
        if _is_section(found):
            field = found.model_fields.get(str(step))
            found = field.annotation if field else None
        else:  # a name or a number in a collection of sections
            found = next(filter(_is_section, get_args(found)), None)
    return found if _is_section(found) else next(filter(_is_section, get_args(found)), None)


def _sentence(error: ErrorDetails, source: str) -> str:
    location = error["loc"]
    key = ".".join(str(step) for step in location)
    if error["type"] == "extra_forbidden":
        parent = location[:-1]
        section = _section_at(parent)
        where = f"'{'.'.join(map(str, parent))}' takes" if parent else "the settings are"
        known = (name for name in section.model_fields if name != "name") if section else ()
        hint = f"; {where} {', '.join(known)}" if section else ""
        return f"{source}: '{key}' is not a setting{hint}"
    given = error["input"]
    hidden = key.endswith("api_key_env")
    shown = f", not {given!r}" if not hidden and isinstance(given, str | int | float | bool | None) else ""
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    message = {"path_type": "should be a path", "tuple_type": "should be a list"}.get(error["type"], message)
    return f"{source}: '{key}' {message}{shown}"


def _explain(error: ValidationError, path: Path | None, environ: Mapping[str, str]) -> str:
    details = error.errors(include_url=False)[0]
    variable = _PREFIX + "__".join(str(step).upper() for step in details["loc"])
    if variable in environ:
        return _sentence(details, f"environment variable {variable}")
    return _sentence(details, str(path or "the configuration"))


def _sources(content: dict[str, Any]) -> type[Config]:
    """The configuration with its two sources, the environment before the file."""

    class FileAndEnvironment(BaseSettings, Config):
        model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid")

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, init_settings

    return FileAndEnvironment


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration from a file (`relay.yaml` or `RELAY_CONFIG` when none is named) and the environment.

    Raises `ConfigError` naming the key, where it stands and what was expected. `environ` only decides
    which file is read and how mistakes are told; values always come from the process's environment.
    """
    path = path or _default_path(environ)
    _check_variables(environ)
    content = {"upstreams": DEFAULT_UPSTREAMS} | (_read_yaml(path) if path else {})
    try:
        config = _sources(content)(**content)
    except ValidationError as error:
        raise ConfigError(_explain(error, path, environ)) from error
    except SettingsError as error:
        field = str(error).partition('"')[2].partition('"')[0]
        names = [name for name in environ if name.upper().startswith(f"{_PREFIX}{field.upper()}")]
        raise ConfigError(f"the environment: '{field}' should be JSON in {' or '.join(names)}") from error
    if log_dir := environ.get("RELAY_LOG_DIR"):
        logs = config.logs.model_copy(update={"dir": Path(log_dir)})
        config = config.model_copy(update={"logs": logs})
    if contradiction := config.limits.contradiction(config.server.workers):
        raise ConfigError(f"{path or 'the configuration'}: {contradiction}")
    return config
