"""The schema of a database as canonical SQL, made from the catalogs: equal on every PostgreSQL version.

The output of `pg_dump -s` depends on the version, and the tool may not be installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import psycopg
from psycopg.rows import class_row

# Constraints of type n (NOT NULL) are in the catalog only since PostgreSQL 18; the columns contain them too.
_COLUMNS = """
    SELECT c.relname AS table_name, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
           a.attnotnull AS not_null, a.attidentity AS identity,
           CASE WHEN a.attcollation <> t.typcollation THEN l.collname END AS collation,
           pg_get_expr(d.adbin, d.adrelid) AS default_value,
           CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY c.relname COLLATE "C", a.attnum
"""
_CONSTRAINTS = """
    SELECT c.relname, n.conname, pg_get_constraintdef(n.oid)
    FROM pg_constraint n
    JOIN pg_class c ON c.oid = n.conrelid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND n.contype <> 'n'
    ORDER BY n.contype = 'f', c.relname COLLATE "C", n.conname COLLATE "C"
"""
_VIEWS = """
    SELECT c.relkind = 'm', c.relname, pg_get_viewdef(c.oid)
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm')
    ORDER BY c.relname COLLATE "C"
"""
_INDEXES = """
    SELECT pg_get_indexdef(i.indexrelid)
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
      AND NOT EXISTS (SELECT FROM pg_constraint n WHERE n.conindid = c.oid)
    ORDER BY c.relname COLLATE "C"
"""
_COMMENTS = """
    SELECT c.relkind, c.relname, a.attname, d.description
    FROM pg_description d
    JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE c.relnamespace = 'public'::regnamespace
    ORDER BY c.relname COLLATE "C", d.objsubid
"""
_KINDS = {"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW"}


class _Column(NamedTuple):
    """A row of `_COLUMNS`."""

    table_name: str
    name: str
    type: str
    not_null: bool
    identity: str
    collation: str | None
    default_value: str | None
    partition_key: str | None


def _tables(connection: psycopg.Connection) -> Iterator[str]:
    cursor = connection.cursor(row_factory=class_row(_Column))
    for table, rows in groupby(cursor.execute(_COLUMNS).fetchall(), key=lambda row: row.table_name):
        columns, suffix = [], ""
        for row in rows:
            words = [
                row.name,
                row.type,
                f'COLLATE "{row.collation}"' if row.collation else "",
                "NOT NULL" if row.not_null else "",
                "GENERATED ALWAYS AS IDENTITY" if row.identity else "",
                f"DEFAULT {row.default_value}" if row.default_value else "",
            ]
            columns.append("    " + " ".join(filter(None, words)))
            suffix = f" PARTITION BY {row.partition_key}" if row.partition_key else ""
        yield f"CREATE TABLE {table} (\n" + ",\n".join(columns) + f"\n){suffix};"


def _constraints(connection: psycopg.Connection) -> Iterator[str]:
    for table, name, definition in connection.execute(_CONSTRAINTS):
        yield f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition};"


def _views(connection: psycopg.Connection) -> Iterator[str]:
    for materialized, name, definition in connection.execute(_VIEWS):
        kind = "MATERIALIZED VIEW" if materialized else "VIEW"
        yield f"CREATE {kind} {name} AS\n{_plain(definition)}"


def _plain(definition: str) -> str:
    """Removes the table name that PostgreSQL 15 writes before the columns of a view's only table."""
    tables = re.findall(r"\b(?:FROM|JOIN) (\w+)", definition)
    return re.sub(rf"\b{tables[0]}\.", "", definition) if len(tables) == 1 else definition


def _comments(connection: psycopg.Connection) -> Iterator[str]:
    for kind, relation, column, text in connection.execute(_COMMENTS):
        subject = f"COLUMN {relation}.{column}" if column else f"{_KINDS[kind]} {relation}"
        quoted = text.replace("'", "''")
        yield f"COMMENT ON {subject} IS '{quoted}';"


def snapshot(connection: psycopg.Connection) -> str:
    """The schema `public` as SQL that recreates it."""
    statements = [*_tables(connection), *_constraints(connection), *_views(connection)]
    statements += [f"{definition};" for (definition,) in connection.execute(_INDEXES)]
    statements += _comments(connection)
    header = (
        "-- Generated from the migrations, to be read; a database is made by the migrations themselves.\n"
    )
    return header + "\n" + "\n\n".join(statements).replace("public.", "") + "\n"
