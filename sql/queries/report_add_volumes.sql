-- Adds up what the volumes $days of a file hold of whole hours or days; no record is in two volumes.
INSERT INTO sums
SELECT (epoch_us(hour) + $shift_us) // $slot_us,
       true,
       CASE WHEN $by_user THEN user_id END,
       CASE WHEN $by_team THEN team_id END,
       CASE WHEN $by_model THEN model END,
       sum(requests),
       sum(errors),
       sum(cache_hits),
       sum(prompt_tokens),
       sum(completion_tokens),
       sum(total_tokens),
       sum(cost_usd),
       sum(unpriced_requests),
       sum(estimated_requests),
       sum(estimated_cost_usd),
       sum(latency_ms),
       NULL
FROM read_parquet($file)
WHERE hour >= $since AND hour < $until AND day IN (SELECT unnest($days))
  AND ($users IS NULL OR list_contains($users, user_id))
  AND ($teams IS NULL OR list_contains($teams, team_id))
  AND ($models IS NULL OR list_contains($models, model))
GROUP BY ALL
