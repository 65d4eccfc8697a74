-- What there is in each piece that was just read, one row each.
SELECT piece, count(*) AS records, sum(prompt_tokens)::HUGEINT, sum(completion_tokens)::HUGEINT,
       coalesce(sum(cost_usd), 0), min(created_at) AS first, max(created_at) AS last, bool_and(is_exact) AS is_exact
FROM fresh
GROUP BY piece
