-- The sums of the volumes $days by day, in an order in which few users stand in each part of the file.
SELECT day, date_trunc('day', hour)::TIMESTAMP AS hour, user_id, team_id, model,
       sum(requests)::BIGINT AS requests,
       sum(errors)::BIGINT AS errors,
       sum(cache_hits)::BIGINT AS cache_hits,
       sum(prompt_tokens)::BIGINT AS prompt_tokens,
       sum(completion_tokens)::BIGINT AS completion_tokens,
       sum(total_tokens)::BIGINT AS total_tokens,
       sum(cost_usd) AS cost_usd,
       sum(unpriced_requests)::BIGINT AS unpriced_requests,
       sum(estimated_requests)::BIGINT AS estimated_requests,
       sum(estimated_cost_usd) AS estimated_cost_usd,
       sum(latency_ms)::DECIMAL(18, 6) AS latency_ms
FROM hours
WHERE list_contains($days, day)
GROUP BY ALL
ORDER BY user_id, model
