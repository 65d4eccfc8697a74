"""The errors of relayctl. Each message is one sentence that a user can act on, and contains no secret."""

from __future__ import annotations


class RelayctlError(Exception):
    """The command failed."""


class SourceError(RelayctlError):
    """The records of a report cannot be reached or read."""


class InputError(RelayctlError):
    """A parameter has an invalid value; `parameter` is its name as in the HTTP API."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter
