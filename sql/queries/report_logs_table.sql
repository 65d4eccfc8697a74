-- What a report over segments needs of their records. file is the segment's place in the order of loading, line the
-- line of a record that comes from an archive; those that come from a segment itself stand in its order.
CREATE TEMP TABLE records (
    file         INTEGER,
    is_sound     BOOLEAN,
    created_at   TIMESTAMP,
    request_id   VARCHAR,
    user_id      VARCHAR,
    team_id      VARCHAR,
    model        VARCHAR,
    is_error     BOOLEAN,
    prompt_tokens     BIGINT,
    completion_tokens BIGINT,
    total_tokens      BIGINT,
    is_estimated BOOLEAN,
    cost_usd     DECIMAL(38, 12),
    latency_ms   DECIMAL(18, 6),
    cache_hit    BOOLEAN,
    line         BIGINT
)
