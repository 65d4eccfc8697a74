-- Sums per bucket and group, first per slot of time: slots are so small that none holds a bucket's boundary
-- ($slot_us, in microseconds), and so few that finding the bucket of each costs nothing.
WITH slot AS (
    SELECT epoch_us(created_at) // $slot_us AS slot,
           CASE WHEN $by_user THEN user_id END AS by_user,
           CASE WHEN $by_team THEN team_id END AS by_team,
           CASE WHEN $by_model THEN model END AS by_model,
           count(*) AS requests,
           count(*) FILTER (is_error) AS errors,
           count(*) FILTER (cache_hit) AS cache_hits,
           sum(prompt_tokens) AS prompt_tokens,
           sum(completion_tokens) AS completion_tokens,
           sum(total_tokens) AS total_tokens,
           sum(cost_usd) AS cost_usd,
           count(*) FILTER (cost_usd IS NULL) AS unpriced_requests,
           count(*) FILTER (is_estimated) AS estimated_requests,
           sum(cost_usd) FILTER (is_estimated) AS estimated_cost_usd,
           sum(latency_ms) AS latency_ms
    FROM records
    WHERE created_at >= $since AND created_at < $until
      AND ($users IS NULL OR list_contains($users, user_id))
      AND ($teams IS NULL OR list_contains($teams, team_id))
      AND ($models IS NULL OR list_contains($models, model))
    GROUP BY ALL
),
boundary AS (
    SELECT unnest($inner_boundaries::TIMESTAMP[]) AS start,
           unnest(range(1, len($inner_boundaries) + 1)) AS bucket
)
SELECT coalesce(boundary.bucket, 0) AS bucket, by_user, by_team, by_model,
       sum(requests)::HUGEINT, sum(errors)::HUGEINT, sum(cache_hits)::HUGEINT,
       sum(prompt_tokens)::HUGEINT, sum(completion_tokens)::HUGEINT, sum(total_tokens)::HUGEINT,
       sum(cost_usd), sum(unpriced_requests)::HUGEINT, sum(estimated_requests)::HUGEINT,
       coalesce(sum(estimated_cost_usd), 0), sum(latency_ms)
FROM slot ASOF LEFT JOIN boundary ON slot.slot * $slot_us >= epoch_us(boundary.start)
GROUP BY 1, 2, 3, 4
