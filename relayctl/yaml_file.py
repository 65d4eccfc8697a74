"""Reads a user's YAML file into a pydantic model; an error in it is one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from relayctl.errors import InputError

Model = TypeVar("Model", bound=BaseModel)


def read(path: Path, model: type[Model], *, parameter: str) -> Model:
    """Reads the file as `model`. Raises `InputError` with the file, the field and the error.

    `parameter` is the option that named the file.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            parameter, f"{path} cannot be read: {error.strerror}; give another with --{parameter}"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: a byte that is not UTF-8, or an invalid date.
        raise InputError(parameter, f"{path} is not YAML: {' '.join(str(error).split())}") from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        raise InputError(parameter, f"{path}: {_sentence(details)}") from error


def _sentence(error: ErrorDetails) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"])
    subject = f"'{path.removeprefix('.')}' " if path else "the file "
    if error["type"] == "extra_forbidden":
        return f"{subject}is not known here"
    if error["type"] == "missing":
        return f"{subject}is missing"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if error["type"] == "model_type":
        message = "should be a mapping of names to values"
    given = error["input"]
    # The content of a whole file is never shown: a wrong file may contain a secret.
    shown = bool(path) and isinstance(given, str | int | float | bool | None)
    return f"{subject}{message}{f', not {given!r}' if shown else ''}"
