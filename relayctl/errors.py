"""What can go wrong in relayctl; each message is one sentence a user can act on, and holds no secret."""

from __future__ import annotations


class RelayctlError(Exception):
    """The command could not do what it was asked."""


class SourceError(RelayctlError):
    """The records to report on cannot be reached or read."""


class InputError(RelayctlError):
    """A parameter has a value that means nothing; `parameter` is its name as in the HTTP interface."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter
