-- The share of requests that ended with a 5xx, over an hour and over five minutes, at each step.
SELECT step.at,
       sum(slot.failed) / sum(slot.requests),
       sum(slot.failed) FILTER (slot.at > step.at - INTERVAL 5 MINUTE)
           / sum(slot.requests) FILTER (slot.at > step.at - INTERVAL 5 MINUTE)
FROM step JOIN slot ON slot.at > step.at - INTERVAL 1 HOUR AND slot.at <= step.at
GROUP BY step.at
