"""Reads a YAML file that a user wrote for relayctl; a mistake in it is one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from relayctl.errors import InputError

Model = TypeVar("Model", bound=BaseModel)


def read(path: Path, model: type[Model], *, parameter: str) -> Model:
    """The file's content as `model`. Raises `InputError` naming the file, the place in it and what is wrong.

    `parameter` is the option that named the file.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            parameter, f"{path} cannot be read: {error.strerror}; give another with --{parameter}"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: a byte that is no UTF-8, a date that is none.
        raise InputError(parameter, f"{path} is not YAML: {' '.join(str(error).split())}") from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        raise InputError(parameter, f"{path}: {_sentence(details)}") from error


def _sentence(error: ErrorDetails) -> str:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"])
    place = f"'{where.removeprefix('.')}' " if where else "the file "
    if error["type"] == "extra_forbidden":
        return f"{place}is not known here"
    if error["type"] == "missing":
        return f"{place}is missing"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if error["type"] == "model_type":
        message = "should be a mapping of names to values"
    given = error["input"]
    # Of a whole file that is none of ours nothing is shown: it may hold anything.
    shown = bool(where) and isinstance(given, str | int | float | bool | None)
    return f"{place}{message}{f', not {given!r}' if shown else ''}"
