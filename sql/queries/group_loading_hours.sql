-- Makes one row of those that the parts of a segment brought of the same hour, user, team and model.
WITH parts AS (
    DELETE FROM loading_hours RETURNING *
)
INSERT INTO loading_hours (
    hour, user_id, team_id, model, requests, errors, cache_hits, prompt_tokens, completion_tokens, total_tokens,
    cost_usd, unpriced_requests, estimated_requests, estimated_cost_usd, latency_ms
)
SELECT hour, user_id, team_id, model, sum(requests), sum(errors), sum(cache_hits),
       sum(prompt_tokens), sum(completion_tokens), sum(total_tokens),
       sum(cost_usd), sum(unpriced_requests), sum(estimated_requests), sum(estimated_cost_usd), sum(latency_ms)
FROM parts
GROUP BY hour, user_id, team_id, model
