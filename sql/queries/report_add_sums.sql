-- Adds up the records of another statement, which takes the place of the comment below, and keeps none.
INSERT INTO sums
SELECT (epoch_us(created_at) + $shift_us) // $slot_us,
       ($users IS NULL OR list_contains($users, user_id)) AND ($teams IS NULL OR list_contains($teams, team_id))
           AND ($models IS NULL OR list_contains($models, model)) AS is_wanted,
       CASE WHEN $by_user AND is_wanted THEN user_id END,
       CASE WHEN $by_team AND is_wanted THEN team_id END,
       CASE WHEN $by_model AND is_wanted THEN model END,
       count(*),
       count(*) FILTER (is_error),
       count(*) FILTER (cache_hit),
       sum(prompt_tokens),
       sum(completion_tokens),
       sum(total_tokens),
       sum(cost_usd),
       count(*) FILTER (cost_usd IS NULL),
       count(*) FILTER (is_estimated),
       sum(cost_usd) FILTER (is_estimated),
       sum(latency_ms),
       list(hash(created_at, request_id))
FROM (/* record */)
GROUP BY ALL
