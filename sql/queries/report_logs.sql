-- Sums per bucket and group, from the sums per slot. $slot_us is the length of a slot in microseconds, and slot 0
-- begins $shift_us before 1970.
WITH boundary AS (
    SELECT unnest($inner_boundaries::TIMESTAMP[]) AS start,
           unnest(range(1, len($inner_boundaries) + 1)) AS bucket
),
slot AS (
    SELECT DISTINCT slot AS number FROM sums
),
bucketed AS (
    SELECT slot.number, coalesce(boundary.bucket, 0) AS bucket
    FROM slot ASOF LEFT JOIN boundary ON slot.number * $slot_us - $shift_us >= epoch_us(boundary.start)
)
SELECT bucketed.bucket,
       CASE WHEN $by_user THEN by_user END,
       CASE WHEN $by_team THEN by_team END,
       CASE WHEN $by_model THEN by_model END,
       sum(requests)::HUGEINT, sum(errors)::HUGEINT, sum(cache_hits)::HUGEINT,
       sum(prompt_tokens)::HUGEINT, sum(completion_tokens)::HUGEINT, sum(total_tokens)::HUGEINT,
       sum(cost_usd), sum(unpriced_requests)::HUGEINT, sum(estimated_requests)::HUGEINT,
       coalesce(sum(estimated_cost_usd), 0), sum(latency_ms)
FROM sums JOIN bucketed ON bucketed.number = sums.slot
WHERE is_wanted
  AND ($users IS NULL OR list_contains($users, by_user))
  AND ($teams IS NULL OR list_contains($teams, by_team))
  AND ($models IS NULL OR list_contains($models, by_model))
GROUP BY 1, 2, 3, 4
