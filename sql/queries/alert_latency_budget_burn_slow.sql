-- The share of requests that took more than 5 s, over six hours and over half an hour, at each step.
SELECT step.at,
       sum(slot.slow) / sum(slot.requests),
       sum(slot.slow) FILTER (slot.at > step.at - INTERVAL 30 MINUTE)
           / sum(slot.requests) FILTER (slot.at > step.at - INTERVAL 30 MINUTE)
FROM step JOIN slot ON slot.at > step.at - INTERVAL 6 HOUR AND slot.at <= step.at
GROUP BY step.at
