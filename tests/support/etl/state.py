"""The rows that the ETL wrote, for the comparison of two states of a database."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg

# Independent of the code under test, so that the rollups are compared with a second implementation.
RECOMPUTED_HOURS = """
    SELECT date_trunc('hour', created_at, 'UTC'), user_id, team_id, model, count(*)::bigint,
           count(*) FILTER (WHERE status >= 400 OR error_type IS NOT NULL), count(*) FILTER (WHERE cache_hit),
           sum(prompt_tokens), sum(completion_tokens), sum(total_tokens),
           sum(cost_usd), count(*) FILTER (WHERE cost_usd IS NULL),
           count(*) FILTER (WHERE usage_source = 'estimated'),
           sum(cost_usd) FILTER (WHERE usage_source = 'estimated'), sum(latency_ms),
           provider, key_id, endpoint, sum(cache_read_tokens), sum(cache_write_tokens), sum(reasoning_tokens)
    FROM usage_records
    GROUP BY 1, 2, 3, 4, provider, key_id, endpoint
"""
RECOMPUTED_DAYS = """
    SELECT (created_at AT TIME ZONE 'UTC')::date, user_id, team_id, model, count(*)::bigint,
           count(*) FILTER (WHERE status >= 400 OR error_type IS NOT NULL), count(*) FILTER (WHERE cache_hit),
           sum(prompt_tokens), sum(completion_tokens), sum(total_tokens),
           sum(cost_usd), count(*) FILTER (WHERE cost_usd IS NULL), round(avg(latency_ms), 3)
    FROM usage_records
    GROUP BY 1, 2, 3, 4
"""
LEDGER = """
    SELECT name, sha256, first_seq, last_seq, missing_lines, lines, loaded, duplicate, rejected, intents,
           seal_problem
    FROM etl_segments
"""
REJECTS = "SELECT segment, line_number, byte_offset, reason, line FROM etl_rejects"

Rows = Counter[tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The rows of each table, and of rollups recomputed from the records."""

    records: Rows
    hours: Rows
    recomputed_hours: Rows
    days: Rows
    recomputed_days: Rows
    ledger: Rows
    rejects: Rows


def contents(connection: psycopg.Connection) -> Contents:
    """The current contents of the database."""

    def rows(statement: str) -> Rows:
        return Counter(connection.execute(statement).fetchall())

    return Contents(
        records=rows("SELECT * FROM usage_records"),
        hours=rows("SELECT * FROM usage_hourly"),
        recomputed_hours=rows(RECOMPUTED_HOURS),
        days=rows("SELECT * FROM usage_daily"),
        recomputed_days=rows(RECOMPUTED_DAYS),
        ledger=rows(LEDGER),
        rejects=rows(REJECTS),
    )
