"""Exceptions of the ETL. Each message is one sentence that a user can act on and contains no secret."""

from __future__ import annotations


class EtlError(Exception):
    """Base class of all errors of the ETL."""


class DatabaseError(EtlError):
    """PostgreSQL cannot be reached, closed the connection, or refused a statement."""


class SchemaError(EtlError):
    """The database has no Relay schema, or not the one that this version of Relay needs."""


class SegmentError(EtlError):
    """A log directory or a segment in it cannot be read or loaded."""


class ArchiveError(EtlError):
    """An archive cannot be reached, read or written, or was changed after it was written."""


class LangfuseError(EtlError):
    """Langfuse cannot be reached, did not answer, or failed; a retry may succeed."""


class LangfuseRefusedError(LangfuseError):
    """Langfuse refuses every request, for example because of wrong keys or an old server; do not retry."""


class LedgerError(EtlError):
    """The local ledger file of the Langfuse export cannot be used."""
