"""Connects to PostgreSQL and translates its errors into sentences that never contain a password."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from etl.errors import DatabaseError, SchemaError

_CONNECT_SECONDS = 10
# Databases and roles can have other defaults, which would change the meaning of our statements.
_SETTINGS = (
    "-c TimeZone=UTC -c DateStyle=ISO -c standard_conforming_strings=on "
    r"-c default_transaction_isolation=read\ committed"
)


def _address(host: object, port: object, database: object) -> str:
    # With an unescaped @ in the password, libpq takes the end of the password for a part of the host.
    server = str(host or os.environ.get("PGHOST") or "localhost").rpartition("@")[2]
    return f"PostgreSQL at {server}:{port or 5432}/{database or ''}"


def _reason(error: psycopg.Error) -> str:
    """The last clause of libpq's first line, such as `connection refused`; the rest repeats the address."""
    if error.diag.message_primary:
        return " ".join(error.diag.message_primary.split())
    first = (str(error).strip() or "it gave no reason").splitlines()[0]
    # A last clause that is only a quoted value is useless and may be a part of a password.
    clause = re.split(r": ['\"]", first)[0].rpartition(": ")[2].strip().rstrip(".")
    clause = re.sub(r"^\[Errno -?\d+\] ", "", clause)
    return clause[:1].lower() + clause[1:]


@contextmanager
def translate_errors(connection: psycopg.Connection) -> Iterator[None]:
    """Turns psycopg's errors inside the block into `EtlError`s that name the database."""
    if connection.closed:
        raise DatabaseError("the connection to PostgreSQL is closed")
    info = connection.info
    address = _address(info.host, info.port, info.dbname)
    try:
        yield
    except (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName) as error:
        raise SchemaError(
            f"{address} has no Relay schema of this version: run `relayctl etl migrate`"
        ) from error
    except psycopg.OperationalError as error:
        raise DatabaseError(f"{address} failed: {_reason(error)}") from error
    except psycopg.Error as error:
        raise DatabaseError(f"{address} refused: {_reason(error)}") from error


def connect(url: str) -> psycopg.Connection:
    """Opens a connection in autocommit mode, in UTC, regardless of the defaults of database and role.

    Raises `DatabaseError` when the URL is malformed or the server cannot be reached.
    """
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq quotes the whole URL in its message, and so does a chained traceback.
        raise DatabaseError(
            "the database URL is not one that PostgreSQL understands: "
            "expected postgresql://user@host:port/database"
        ) from None
    options = f"{parameters.get('options') or ''} {_SETTINGS}".strip()
    parameters.setdefault("connect_timeout", _CONNECT_SECONDS)
    parameters.setdefault("fallback_application_name", "relayctl")
    parameters |= {"options": options, "client_encoding": "UTF8"}
    try:
        return psycopg.connect(make_conninfo("", **parameters), autocommit=True)
    except psycopg.Error as error:
        address = _address(parameters.get("host"), parameters.get("port"), parameters.get("dbname"))
        raise DatabaseError(f"{address} cannot be reached: {_reason(error)}") from None
