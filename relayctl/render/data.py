"""Encodes sheets as JSON, NDJSON and CSV; equal rows give equal bytes on every machine."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Final

from proxy.segments.record import money_text
from relayctl.render.sheet import Sheet, plain
from relayctl.reports.json_documents import encode

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_json(sheet: Sheet) -> bytes:
    """The JSON document on one line."""
    return encode(dict(sheet.document)) + b"\n"


def to_ndjson(sheet: Sheet) -> bytes:
    """One JSON object per line for each row."""
    hidden = sheet.only_shown
    rows = ({name: value for name, value in row.items() if name not in hidden} for row in sheet.rows)
    return b"".join(encode(row) + b"\n" for row in rows)


def to_csv(sheet: Sheet) -> bytes:
    """RFC 4180 in UTF-8 with a header line; an unknown value is empty.

    A text that a spreadsheet would evaluate as a formula is prefixed with an apostrophe.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(sheet.data)
    writer.writerows([_field(row[name]) for name in sheet.data] for row in sheet.rows)
    return text.getvalue().encode()


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return money_text(value)
    text = plain(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA_STARTS) else text
