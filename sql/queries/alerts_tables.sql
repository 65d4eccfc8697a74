-- What the twins of the alert rules measure: requests by the moment they ended, which is when the proxy counts them.
CREATE TEMP TABLE line (
    event VARCHAR, created_at VARCHAR, status VARCHAR, limit_type VARCHAR, latency_ms VARCHAR, cost_usd VARCHAR
);
CREATE TEMP TABLE ended (ended_at TIMESTAMP, status INTEGER, limit_type VARCHAR, seconds DOUBLE, is_unpriced BOOLEAN)
