-- The other processes that are, or were when they died, sending.
SELECT DISTINCT owner FROM spans WHERE target = :target AND state = 'inflight' AND owner <> :owner
