"""The errors of relayctl. Each message is one sentence that a user can act on, and contains no secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_EXTRA_OF_MODULE: Final = {
    "duckdb": "reports",
    "langfuse": "langfuse",
    "prompt_toolkit": "reports",
    "psycopg": "etl",
    "pyarrow": "etl",
}
_EXTRA_OF_COMMAND: Final = {"demo": "demo", "etl": "etl", "langfuse": "langfuse"}
"""The extra that installs everything a command imports, where the missing module alone does not name it."""


class RelayctlError(Exception):
    """The command failed."""


class SourceError(RelayctlError):
    """The records of a report cannot be reached or read."""


class InputError(RelayctlError):
    """A parameter has an invalid value; `parameter` is its name as in the HTTP API."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class MissingExtraError(RelayctlError):
    """A package is missing that an extra of relayctl installs."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(
            f"this needs {module}, which is not installed: run `pip install 'relayctl[{extra}]'`"
        )


@contextmanager
def optional_imports(command: str | None = None) -> Iterator[None]:
    """Raises `MissingExtraError` when a package of an extra is not installed; `command` selects the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in _EXTRA_OF_MODULE:
            raise
        extra = _EXTRA_OF_COMMAND.get(command or "", _EXTRA_OF_MODULE[module])
        raise MissingExtraError(module, extra) from error
