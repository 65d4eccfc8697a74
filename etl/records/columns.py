"""The one description of a record's stored columns, derived from the annotations of `UsageRecord`.

COPY lists, rows, the fast block reader, the Parquet schema and the DuckDB readers are made from it. A plain
field of `UsageRecord` is a column of `usage_records`; all other fields are kept in the archive only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from proxy.segments.record import UsageRecord

Kind = Literal["text", "time", "boolean", "integer", "bigint", "money", "milliseconds"]
"""Money is USD with 12 fractional digits, milliseconds have six; times are in UTC with microseconds."""

_ARCHIVE_ONLY: Final = frozenset({"provider_request_id"})
# A column that is part of a field: error.type, while error.message stays in the archive.
_PARTS: Final[dict[str, tuple[str, Kind]]] = {"error": ("type", "text")}
_INT32: Final = 2**31 - 1

_POSTGRES: Final[dict[Kind, str]] = {
    "text": "text",
    "time": "timestamp with time zone",
    "boolean": "boolean",
    "integer": "integer",
    "bigint": "bigint",
    "money": "numeric",
    "milliseconds": "numeric",
}
_DUCKDB: Final[dict[Kind, str]] = {
    "text": "VARCHAR",
    "time": "TIMESTAMP",
    "boolean": "BOOLEAN",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "money": "DECIMAL(38, 12)",
    "milliseconds": "DECIMAL(18, 6)",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A stored column: `source` is where `UsageRecord` has its value, such as `error.type`.

    `default` is the value in lines and files written before the column existed, `msgspec.NODEFAULT` for one
    that every line has.
    """

    name: str
    source: str
    kind: Kind
    nullable: bool
    default: Any

    @property
    def field(self) -> str:
        """The field of `UsageRecord` that holds it."""
        return self.source.partition(".")[0]

    @property
    def postgres(self) -> str:
        """Its type in PostgreSQL."""
        return _POSTGRES[self.kind]

    @property
    def duckdb(self) -> str:
        """Its type in DuckDB, without a time zone: times are UTC there."""
        return _DUCKDB[self.kind]

    @property
    def default_sql(self) -> str:
        """The default as SQL of both engines; NULL for a column without one."""
        if self.default is None or self.default is msgspec.NODEFAULT:
            return "NULL"
        return f"'{self.default}'" if isinstance(self.default, str) else str(self.default).lower()


def is_optional(annotation: Any) -> bool:
    """Whether an annotation allows None."""
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def _kind(name: str, annotation: Any) -> Kind | None:
    """The kind of a plain value; None for objects and arrays."""
    if is_optional(annotation):
        (annotation,) = (one for one in get_args(annotation) if one is not NoneType)
    bounds: list[msgspec.Meta] = []
    if get_origin(annotation) is Annotated:
        annotation, *bounds = get_args(annotation)
    if annotation is int:
        small = any(one.le is not None and one.le <= _INT32 for one in bounds)
        return "integer" if small else "bigint"
    if annotation is Decimal:
        return "money" if name.endswith("_usd") else "milliseconds"
    plain: dict[Any, Kind] = {str: "text", datetime: "time", bool: "boolean"}
    return plain.get(annotation)


def field_types() -> dict[str, Any]:
    """The annotation of each field of `UsageRecord`, resolved, in order."""
    hints = get_type_hints(UsageRecord, include_extras=True)
    return {name: hints[name] for name in UsageRecord.__struct_fields__}


def _columns() -> list[Column]:
    found, defaults = [], {one.name: one.default for one in msgspec.structs.fields(UsageRecord)}
    for name, annotation in field_types().items():
        part, kind = _PARTS.get(name, ("", _kind(name, annotation)))
        if kind is not None and name not in _ARCHIVE_ONLY:
            found.append(
                Column(
                    name=f"{name}_{part}" if part else name,
                    source=f"{name}.{part}" if part else name,
                    kind=kind,
                    nullable=is_optional(annotation),
                    default=defaults[name],
                )
            )
    return found


COLUMNS: Final = tuple(_columns())
"""The columns of `usage_records`, in the order of the COPY statements."""
IDENTITY: Final = ("created_at", "request_id")
"""The columns that identify a record."""
ARCHIVE_ONLY: Final = tuple(
    sorted(
        (name for name in field_types() if name not in {one.field for one in COLUMNS}),
        key=lambda name: _kind(name, field_types()[name]) is None,
    )
)
"""The fields that only the archive keeps: texts first, then those that are kept as JSON texts."""


def _list(names: list[str], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{name}" for name in names)


_NAMES: Final = [one.name for one in COLUMNS]
_OTHERS: Final = [name for name in _NAMES if name not in IDENTITY]

SQL: Final[Mapping[str, str]] = {
    "columns": _list(_NAMES),
    "staged_values": _list(_OTHERS, "l."),
    "stored_values": _list(_OTHERS, "r."),
}
"""The lists for placeholders in statements: all columns, and those beside the identity of two rows."""
