-- Adds up by hour what was just read of the pieces $pieces, for the volumes $days, one for each of them.
INSERT INTO hours
SELECT day, date_trunc('hour', created_at), user_id, team_id, model,
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
       sum(latency_ms)
FROM fresh JOIN (SELECT unnest($pieces) AS piece, unnest($days) AS day) AS belongs USING (piece)
GROUP BY ALL
