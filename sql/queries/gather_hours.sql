-- Of those of the given days on which an hour's sums lie in two parts and more on average: one part of each hour, user,
-- team and model. What no part could hold stays in several.
WITH crowded AS (
    SELECT day
    FROM (
        SELECT (hour AT TIME ZONE 'UTC')::date AS day, count(*) AS parts, sum(total_tokens) AS tokens
        FROM usage_hourly_parts
        WHERE hour >= (SELECT min(d) FROM unnest(%(days)s::date[]) d)::timestamp AT TIME ZONE 'UTC'
          AND hour < (SELECT max(d) + 1 FROM unnest(%(days)s::date[]) d)::timestamp AT TIME ZONE 'UTC'
          AND (hour AT TIME ZONE 'UTC')::date = ANY (%(days)s::date[])
        GROUP BY day, hour, user_id, team_id, model
    ) part
    GROUP BY day
    HAVING sum(parts) >= 2 * count(*) AND max(tokens) < 9223372036854775807
),
taken AS (
    DELETE FROM usage_hourly_parts p
    USING crowded c
    WHERE p.hour >= c.day::timestamp AT TIME ZONE 'UTC' AND p.hour < (c.day + 1)::timestamp AT TIME ZONE 'UTC'
    RETURNING p.*
)
INSERT INTO usage_hourly_parts (
    hour, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
    cost_usd, unpriced_requests, estimated_requests, estimated_cost_usd, latency_ms
)
SELECT hour, user_id, team_id, model, sum(requests), sum(errors), sum(cache_hits), sum(prompt_tokens),
       sum(completion_tokens), sum(total_tokens), sum(cost_usd), sum(unpriced_requests), sum(estimated_requests),
       sum(estimated_cost_usd), sum(latency_ms)
FROM taken
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
