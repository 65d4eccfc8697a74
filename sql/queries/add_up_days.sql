-- Adds up days from their hours; without days all.
INSERT INTO usage_days (
    day, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
    cost_usd, unpriced_requests, avg_latency_ms
)
SELECT (hour AT TIME ZONE 'UTC')::date, user_id, team_id, model, sum(requests), sum(errors), sum(cache_hits),
       sum(prompt_tokens), sum(completion_tokens), sum(total_tokens), sum(cost_usd), sum(unpriced_requests),
       round(sum(latency_ms) / sum(requests), 3)
FROM usage_hourly_parts
WHERE %(days)s::date[] IS NULL
   OR (hour >= (SELECT min(d) FROM unnest(%(days)s::date[]) d)::timestamp AT TIME ZONE 'UTC'
       AND hour < (SELECT max(d) + 1 FROM unnest(%(days)s::date[]) d)::timestamp AT TIME ZONE 'UTC'
       AND (hour AT TIME ZONE 'UTC')::date = ANY (%(days)s::date[]))
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
