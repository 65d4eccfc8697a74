-- What became of these requests; one that has no row was never sent.
SELECT request_id, state FROM spans
WHERE target = :target AND request_id IN (SELECT value FROM json_each(:ids))
