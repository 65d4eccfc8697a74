"""A record as the row of `usage_records` that it becomes."""

from __future__ import annotations

from proxy.record import UsageRecord, as_milliseconds, as_money


def to_row(record: UsageRecord) -> tuple[object, ...]:
    """The values in the order of the COPY statements; money and durations rounded as every store does."""
    return (
        record.request_id,
        record.created_at,
        record.user_id,
        record.team_id,
        record.key_id,
        record.model,
        record.upstream_model,
        record.provider,
        record.endpoint,
        record.stream,
        record.status,
        record.prompt_tokens,
        record.completion_tokens,
        record.total_tokens,
        record.cache_read_tokens,
        record.cache_write_tokens,
        record.reasoning_tokens,
        record.usage_source,
        # A cost such as 0E-200000 is a valid zero with more digits than PostgreSQL takes.
        None if record.cost_usd is None else as_money(record.cost_usd),
        record.price_source,
        as_milliseconds(record.latency_ms),
        None if record.ttft_ms is None else as_milliseconds(record.ttft_ms),
        record.cache_hit,
        record.limit_type,
        record.error.type if record.error else None,
    )
