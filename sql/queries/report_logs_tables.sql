-- What a report over segments holds of them. file is a segment's place in the order of loading, line the line of
-- a record that comes from an archive; those that come from a segment itself stand in its order.
CREATE TEMP TABLE records (
    file         INTEGER,
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
    ttft_ms      DECIMAL(18, 6),
    cache_hit    BOOLEAN,
    line         BIGINT
);
-- Sums per slot of time and group: slots are so small that none holds a bucket's boundary. ids are the identities,
-- as hashes, of all that was added up; what no filter let through is here for their sake alone.
CREATE TEMP TABLE sums (
    slot         BIGINT,
    is_wanted    BOOLEAN,
    by_user      VARCHAR,
    by_team      VARCHAR,
    by_model     VARCHAR,
    requests     BIGINT,
    errors       BIGINT,
    cache_hits   BIGINT,
    prompt_tokens     HUGEINT,
    completion_tokens HUGEINT,
    total_tokens      HUGEINT,
    cost_usd     DECIMAL(38, 12),
    unpriced_requests  BIGINT,
    estimated_requests BIGINT,
    estimated_cost_usd DECIMAL(38, 12),
    latency_ms   DECIMAL(38, 6),
    ids          UBIGINT[]
)
;
-- How long requests took, of the question that is asked just now.
CREATE TEMP TABLE durations (
    model        VARCHAR,
    latency_ms   DECIMAL(18, 6),
    ttft_ms      DECIMAL(18, 6)
)
