-- Where the sums of pieces wait until they are written, and the identities of their records. Tokens and durations that
-- are too large for these columns are an error, and their days have no sums then.
CREATE OR REPLACE TEMP TABLE hours (
    day          VARCHAR,
    hour         TIMESTAMP,
    user_id      VARCHAR,
    team_id      VARCHAR,
    model        VARCHAR,
    requests     BIGINT,
    errors       BIGINT,
    cache_hits   BIGINT,
    prompt_tokens     BIGINT,
    completion_tokens BIGINT,
    total_tokens      BIGINT,
    cost_usd     DECIMAL(38, 12),
    unpriced_requests  BIGINT,
    estimated_requests BIGINT,
    estimated_cost_usd DECIMAL(38, 12),
    latency_ms   DECIMAL(18, 6)
);
CREATE OR REPLACE TEMP TABLE ids (number INTEGER, id UBIGINT)
