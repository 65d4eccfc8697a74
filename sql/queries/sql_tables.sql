-- What `relayctl sql` asks: usage_records and usage_daily with PostgreSQL's names and meanings. Money and durations are
-- decimal; file and line say which of two records with one identity came first.
CREATE TABLE records (
    file         INTEGER,
    line         BIGINT,
    request_id   VARCHAR,
    created_at   TIMESTAMP,
    user_id      VARCHAR,
    team_id      VARCHAR,
    key_id       VARCHAR,
    model        VARCHAR,
    upstream_model VARCHAR,
    provider     VARCHAR,
    endpoint     VARCHAR,
    stream       BOOLEAN,
    status       INTEGER,
    prompt_tokens      BIGINT,
    completion_tokens  BIGINT,
    total_tokens       BIGINT,
    cache_read_tokens  BIGINT,
    cache_write_tokens BIGINT,
    reasoning_tokens   BIGINT,
    usage_source VARCHAR,
    cost_usd     DECIMAL(38, 12),
    price_source VARCHAR,
    latency_ms   DECIMAL(18, 6),
    ttft_ms      DECIMAL(18, 6),
    cache_hit    BOOLEAN,
    limit_type   VARCHAR,
    error_type   VARCHAR
);
CREATE VIEW usage_records AS
SELECT * EXCLUDE (file, line) REPLACE (created_at AT TIME ZONE 'UTC' AS created_at)
FROM records;
CREATE VIEW usage_daily AS
SELECT created_at::DATE AS day, user_id, team_id, model,
       count(*) AS requests,
       count(*) FILTER (status >= 400 OR error_type IS NOT NULL) AS errors,
       count(*) FILTER (cache_hit) AS cache_hits,
       sum(prompt_tokens) AS prompt_tokens,
       sum(completion_tokens) AS completion_tokens,
       sum(total_tokens) AS total_tokens,
       sum(cost_usd) AS cost_usd,
       count(*) FILTER (cost_usd IS NULL) AS unpriced_requests,
       -- Rounded half-up as PostgreSQL does; DuckDB's own division of decimals is one of doubles.
       ((2 * (sum(latency_ms) * 1000000)::HUGEINT + 1000 * count(*)) // (2000 * count(*)))::DECIMAL(18, 0)
           * 0.001::DECIMAL(3, 3) AS avg_latency_ms
FROM records
GROUP BY ALL
