"""Dumps a database as SQL that fills an empty one of the same schema version."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql

# Parents before children; usage_daily is refreshed, schema_migrations is written by the migrations.
_TABLES = (
    "usage_records",
    "usage_hourly_parts",
    "usage_days",
    "etl_segments",
    "etl_rejects",
    "etl_intents",
    "etl_unrefreshed",
    "etl_state",
)
_PARTITIONS = """
    SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'usage_records'::regclass
    ORDER BY c.relname COLLATE "C"
"""
_COLUMNS = """
    SELECT attname
    FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''
    ORDER BY attnum
"""


def dump(connection: psycopg.Connection) -> str:
    """All rows that the ETL wrote."""
    statements = [
        f"CREATE TABLE {name} PARTITION OF usage_records {bounds}"
        for name, bounds in connection.execute(_PARTITIONS)
    ]
    statements += ["TRUNCATE etl_state"]
    statements += [line for table in _TABLES for line in _rows(connection, table)]
    statements += ["REFRESH MATERIALIZED VIEW usage_daily"]
    return ";\n".join(statements) + ";\n"


def _rows(connection: psycopg.Connection, table: str) -> Iterator[str]:
    columns = [name for (name,) in connection.execute(_COLUMNS, (table,))]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    query = sql.SQL("SELECT {} FROM {} ORDER BY 1, 2").format(names, sql.Identifier(table))
    if len(columns) == 1:
        query = sql.SQL("SELECT {} FROM {} ORDER BY 1").format(names, sql.Identifier(table))
    for row in connection.execute(query):
        values = sql.SQL(", ").join(map(sql.Literal, row))
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, values)
        yield statement.as_string(connection)
