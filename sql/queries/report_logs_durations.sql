-- Notes the durations of the records of another statement, which takes the place of the comment below.
INSERT INTO durations
SELECT model, latency_ms, ttft_ms
FROM (/* record */)
WHERE created_at >= $since AND created_at < $until
  AND ($users IS NULL OR list_contains($users, user_id))
  AND ($teams IS NULL OR list_contains($teams, team_id))
  AND ($models IS NULL OR list_contains($models, model))
