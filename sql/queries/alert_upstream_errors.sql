-- Requests a second that ended with 502, over five minutes, at each step.
SELECT step.at, coalesce(sum(slot.bad_gateway), 0) / 300.0
FROM step LEFT JOIN slot ON slot.at > step.at - INTERVAL 5 MINUTE AND slot.at <= step.at
GROUP BY step.at
