-- Requests without a known price, over an hour, at each step.
SELECT step.at, coalesce(sum(slot.unpriced), 0)
FROM step LEFT JOIN slot ON slot.at > step.at - INTERVAL 1 HOUR AND slot.at <= step.at
GROUP BY step.at
