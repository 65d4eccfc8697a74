"""What can go wrong in the ETL; each message is one sentence a user can act on, and holds no secret."""

from __future__ import annotations


class EtlError(Exception):
    """The ETL could not do what it was asked."""


class DatabaseError(EtlError):
    """PostgreSQL cannot be reached, went away, or refused."""


class SchemaError(EtlError):
    """The database has no Relay schema, or not the one this version of Relay works with."""


class SegmentError(EtlError):
    """A log directory or a segment in it cannot be read or loaded."""


class ArchiveError(EtlError):
    """An archive cannot be reached, read or written, or is not as it was written."""


class LangfuseError(EtlError):
    """Langfuse cannot be reached, went away, or did not do what it was asked; later it may."""


class LangfuseRefusedError(LangfuseError):
    """Langfuse does not take anything from us as things are: wrong keys, or a server that is too old."""


class LedgerError(EtlError):
    """The local file that says what was sent to Langfuse cannot be used."""
